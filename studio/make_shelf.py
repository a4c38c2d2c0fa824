"""Make the studio's shelf: photographs as WebP at the area of 256×256 pixels, their label maps, and who took them.

    apt-get download lomiri-wallpapers-16.04 && dpkg-deb -x lomiri-wallpapers-16.04_*.deb wallpapers
    python studio/make_shelf.py wallpapers/usr/share/backgrounds

writes src/sceneswap/studio/shelf. Looks are not kept there: `make studio` encodes them with the model that it exports.
"""

import sys
from pathlib import Path

from PIL import Image

from sceneswap.files import write_json
from sceneswap.images import read_photo, resize_photo
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.labels.io import read_label_map, resize_label_map, write_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.procedural.render import scene
from sceneswap.scene import Scene

PROJECT = Path(__file__).parents[1]
EXAMPLES = PROJECT / "src" / "sceneswap" / "examples"
OUT = PROJECT / "src" / "sceneswap" / "studio" / "shelf"
AREA, STRIDE, QUALITY = 256 * 256, 16, 82
BUDGIE = ("BuddiesOfBudgie/budgie-backgrounds", "CC0-1.0", "https://github.com/BuddiesOfBudgie/budgie-backgrounds")
LOMIRI = "https://gitlab.com/ubports/development/core/lomiri-wallpapers"

PHOTOGRAPHS = {  # of examples/: file -> title
    "lake": "Mountain lake", "tea": "Green hills in fog", "dunes": "Red desert", "sunset": "City sunset",
    "city": "Skyline at dusk", "bridge": "Night bridge", "colosseum": "Old stone", "waves": "Painted sea",
}  # fmt: skip
WALLPAPERS = {  # file -> (name, title, author, licence)
    "aitzgorri_by_Aitzol_Berasategi.jpg": ("autumn", "Autumn slopes", "Aitzol Berasategi", "CC-BY-4.0"),
    "picosdeeuropa_by_Aitzol_Berasategi.jpg": ("peaks", "High peaks", "Aitzol Berasategi", "CC-BY-4.0"),
    "life_by_Aitzol_Berasategi.jpg": ("stream", "Forest stream", "Aitzol Berasategi", "CC-BY-4.0"),
    "sunset_by_Aitzol_Berasategi.jpg": ("dawn", "Sun over the hills", "Aitzol Berasategi", "CC-BY-4.0"),
    "seeding_by_Clements_Engelhardt.jpg": ("meadow", "Evening meadow", "Clemens Engelhardt", "CC0-1.0"),
    "Bridge_by_Sander_Klootwijk.jpg": ("coast", "Hazy coast", "Sander Klootwijk", "CC-BY-SA-4.0"),
}
RENDERED = {  # seed of the renderer -> (name, title)
    2000100: ("mesa", "Desert at dusk"), 2000102: ("winter-city", "Winter night"), 2000103: ("moonlit", "Moonlit snow"),
    2000106: ("storm", "Storm coming"), 2000107: ("overcast", "Overcast meadow"), 2000108: ("noon", "Bright noon"),
    2000109: ("mist", "Morning mist"), 2000110: ("snow-dawn", "Snow at sunrise"), 2000112: ("winter", "Clear winter day"),
    2000118: ("autumn-night", "Autumn night"), 2000119: ("summer-evening", "Summer evening"),
    2000123: ("harbour", "Harbour at night"),
}  # fmt: skip


def main(wallpapers: Path) -> None:
    schema, synthesizer = load_schema("outdoor"), Synthesizer.from_pretrained(device="cpu")
    OUT.mkdir(parents=True, exist_ok=True)
    entries = []

    def keep(name: str, title: str, one: Scene, author: str, licence: str, source: str) -> None:
        scale = (AREA / (one.size[0] * one.size[1])) ** 0.5
        height, width = (max(1, round(side * scale / STRIDE)) * STRIDE for side in one.size)
        Image.fromarray(resize_photo(one.photo, (height, width))).save(OUT / f"{name}.webp", quality=QUALITY, method=6)
        write_label_map(OUT / f"{name}.png", resize_label_map(one.label_map, (height, width)), schema)
        entries.append({"name": name, "title": title, "author": author, "licence": licence, "source": source})

    for name, title in PHOTOGRAPHS.items():
        photo = read_photo(EXAMPLES / "images" / f"{name}.jpg")
        labels = resize_label_map(read_label_map(EXAMPLES / "labels" / f"{name}.png", schema), photo.shape[:2])
        keep(name, title, Scene(photo, labels, name), *BUDGIE)
    for file, (name, title, author, licence) in WALLPAPERS.items():
        photo = read_photo(wallpapers / file, at_least=512)
        keep(name, title, Scene(photo, synthesizer.labeller.label(photo), name), author, licence, LOMIRI)
    for seed, (name, title) in RENDERED.items():
        one = scene(seed, (208, 320))
        labels = load_schema("procedural").convert(one.label_map, schema)
        keep(name, title, Scene(one.photo, labels, name), "sceneswap's renderer", "MIT", f"seed {seed}")
    write_json(OUT / "shelf.json", {"schema": "outdoor", "looks": entries})
    size = sum(path.stat().st_size for path in OUT.iterdir())
    print(f"{len(entries)} photographs, {size / 1e3:.0f} kB in {OUT.relative_to(PROJECT)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
