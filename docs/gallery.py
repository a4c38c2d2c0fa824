"""Make docs/gallery.md and its pictures: interpolation and attention of a model on unseen procedural scenes.

python docs/gallery.py
"""

import io
import tempfile
from pathlib import Path

import numpy as np
import tyro
from PIL import Image

from sceneswap.data.folder import FolderDataset
from sceneswap.files import write_bytes, write_text
from sceneswap.images import write_png
from sceneswap.inference.attention import attend
from sceneswap.inference.blend import blend
from sceneswap.inference.look import Look
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.inference.transfer_matrix import transfer_matrix
from sceneswap.inference.weights import path_weights
from sceneswap.jobs.attention import write_matrix_page
from sceneswap.jobs.reader import SceneReader
from sceneswap.jobs.sources import Source
from sceneswap.jobs.trace import contact_sheet, maps_of, write_trace
from sceneswap.labels.io import colorize, write_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.pictures import captioned_grid, stacked
from sceneswap.procedural.render import TEST_SEEDS, scene
from sceneswap.scene import LabelMap, Photo, Scene

CELL = (144, 144)


def main(
    model: str | None = None,
    layouts: tuple[int, ...] = (0, 4),
    exemplars: tuple[int, ...] = (25, 2, 23, 27),
    pairs: int = 200,
    size: int = 256,
    out: Path = Path(__file__).parent,
) -> None:
    """Draw the gallery.

    Args:
        model: Release folder; the shipped model unless given.
        layouts: Test scenes (counted from the first of the renderer's test seeds) whose layouts are drawn.
        exemplars: Four test scenes whose looks are used.
        pairs: Pairs of scenes for the transfer matrix.
        size: Height and width in pixels.
        out: Folder for gallery.md and gallery/.
    """
    synthesizer = Synthesizer.from_pretrained(model)
    targets = [test_scene(synthesizer, n, size).label_map for n in layouts]
    scenes = [test_scene(synthesizer, n, size) for n in exemplars]
    looks = [synthesizer.encode(one) for one in scenes]
    folder = out / "gallery"
    for name, picture in {
        "global": global_strips(synthesizer, targets, scenes, looks),
        "beyond": beyond(synthesizer, targets[0], looks),
        "four": four_corners(synthesizer, targets[0], scenes, looks),
        "places": places(synthesizer, targets, scenes, looks),
        "classes": classes(synthesizer, targets, scenes, looks),
        "maps": contact_sheet(maps_of(attend(synthesizer, targets[0], scenes[0]), scenes[0].photo)),
    }.items():
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=88)
        write_bytes(folder / f"{name}.jpg", buffer.getvalue())
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        write_data(synthesizer, work / "scenes", [*layouts, *exemplars, *range(100, 160)], size)
        first, last = f"{layouts[0]}.png", f"{exemplars[1]}.png"
        labels, photos = work / "scenes" / "labels", work / "scenes" / "images"
        exemplar = Source("exemplar", photos / last, labels / last, synthesizer.schema)
        write_trace(SceneReader(synthesizer), labels / first, exemplar, [], ["sky"], work / "trace")
        found = transfer_matrix(synthesizer, FolderDataset([work / "scenes"], synthesizer.schema), pairs, work)
        write_matrix_page(work, found, synthesizer, dendrogram=True)
        write_bytes(folder / "trace.png", (work / "trace" / "trace-class-sky-other.png").read_bytes())
        for name in ("transfer.png", "dendrogram.png"):
            write_bytes(folder / name, (work / name).read_bytes())
    write_text(
        out / "gallery.md", PAGE.format(name=synthesizer.name, weights=synthesizer.weights_sha256[:12], pairs=pairs)
    )
    print(out / "gallery.md")


def global_strips(synthesizer: Synthesizer, targets: list[LabelMap], scenes: list[Scene], looks: list[Look]) -> Photo:
    """Two looks, several layouts."""
    steps = np.linspace(0, 1, 7)
    top: list[Photo | None] = [None, scenes[0].photo, *[None] * 5, scenes[1].photo]
    rows = [
        [colorize(m, synthesizer.schema), *(synthesizer.draw(m, blend(looks[:2], [1 - t, t])) for t in steps)]
        for m in targets
    ]
    return stacked(
        captioned_grid([top], CELL, ["", "first", "", "", "", "", "", "second"]),
        captioned_grid(rows, CELL, ["layout", *(f"{t:.2f}" for t in steps)]),
    )


def beyond(synthesizer: Synthesizer, target: LabelMap, looks: list[Look]) -> Photo:
    """Extrapolation on both sides."""
    steps = np.linspace(-0.5, 1.5, 7)
    row = [synthesizer.draw(target, blend(looks[:2], [1 - t, t], extrapolate=True)) for t in steps]
    return captioned_grid(
        [[colorize(target, synthesizer.schema), *row]], CELL, ["layout", *(f"{t:.2f}" for t in steps)]
    )


def four_corners(
    synthesizer: Synthesizer, target: LabelMap, scenes: list[Scene], looks: list[Look], side: int = 4
) -> Photo:
    """A square between four looks: bilinear weights."""
    rows: list[list[Photo | None]] = []
    for v in np.linspace(0, 1, side):
        left, right = (scenes[0], scenes[1]) if v == 0 else (scenes[2], scenes[3])
        ends = v in (0, 1)
        weights = [np.outer(path_weights(v, 2), path_weights(u, 2)).ravel() for u in np.linspace(0, 1, side)]
        inner = [synthesizer.draw(target, blend(looks, w.tolist())) for w in weights]
        rows.append([left.photo if ends else None, *inner, right.photo if ends else None])
    return captioned_grid(rows, CELL)


def places(synthesizer: Synthesizer, targets: list[LabelMap], scenes: list[Scene], looks: list[Look]) -> Photo:
    """Two looks by place."""
    rows = []
    for target in targets:
        drawn = [synthesizer.draw(target, blend(looks[:2], maps=one)) for one in ("left-right", "top-bottom", "radial")]
        rows.append([colorize(target, synthesizer.schema), scenes[0].photo, scenes[1].photo, *drawn])
    return captioned_grid(rows, CELL, ["layout", "first", "second", "left-right", "top-bottom", "radial"])


def classes(synthesizer: Synthesizer, targets: list[LabelMap], scenes: list[Scene], looks: list[Look]) -> Photo:
    """The sky of one, the rest of the other."""
    first, second = looks[:2]
    rows = []
    for target in targets:
        mixed = [
            blend([first, second], classes={"sky": sky, "clouds": sky}, rest=rest, border=6)
            for sky, rest in ((first, second), (second, first))
        ]
        drawn = [
            *(synthesizer.draw(target, look) for look in (first, second)),
            *(synthesizer.draw(target, m) for m in mixed),
        ]
        rows.append([colorize(target, synthesizer.schema), scenes[0].photo, scenes[1].photo, *drawn])
    return captioned_grid(
        rows, CELL, ["layout", "first", "second", "first's look", "second's look", "first's sky", "second's sky"]
    )


def test_scene(synthesizer: Synthesizer, number: int, size: int) -> Scene:
    """An unseen scene with its label map in the model's classes."""
    found = scene(TEST_SEEDS + number, (size, size))
    return Scene(found.photo, load_schema("procedural").convert(found.label_map, synthesizer.schema), found.name)


def write_data(synthesizer: Synthesizer, folder: Path, numbers: list[int], size: int) -> None:
    """Write test scenes as a data folder in the model's schema, which must be a preset."""
    for number in numbers:
        one = test_scene(synthesizer, number, size)
        write_png(folder / "images" / f"{number}.png", one.photo)
        write_label_map(folder / "labels" / f"{number}.png", one.label_map, synthesizer.schema)
    write_text(folder / "schema.toml", f'preset = "{synthesizer.schema.name}"\n')


PAGE = """# Gallery

Made by `python docs/gallery.py` with the model {name} (weights {weights}…) from procedural scenes that it was not trained
on. Every picture is as the model draws it.

## Two looks mixed over the whole picture

```python
first, second = synthesizer.encode(first_scene), synthesizer.encode(second_scene)
frames = [synthesizer.draw(label_map, blend([first, second], weights=[1 - t, t])) for t in (0, 0.5, 1)]
```

![strips between two looks for several layouts](gallery/global.jpg)

The weights act on the unnormalised spatial attention, as in the paper's supplement, section 1: an exemplar counts more for
those attention maps that find more in it, so half and half of the weights need not look half and half. 0 and 1 are exact.

On the command line: `sceneswap interpolate global --label-map a.png b.png --exemplars first.jpg second.jpg …`

Four looks, one in each corner, by bilinear weights:

![a square between four looks](gallery/four.jpg)

Beyond 0 and 1 no photograph has these looks; the closed form is followed, and bounded (`extrapolate=True`):

![extrapolation from -0.5 to 1.5](gallery/beyond.jpg)

## By place

```python
synthesizer.draw(label_map, blend([first, second], maps="left-right"))  # or weight maps of any size
```

![spatial blends](gallery/places.jpg)

## By class

```python
synthesizer.draw(label_map, blend([first, second], classes={{"sky": first, "clouds": first}}, rest=second, border=6))
```

![the sky of one exemplar and the ground of another](gallery/classes.jpg)

On the command line: `sceneswap interpolate classes --class sky=first.jpg --class clouds=first.jpg --rest second.jpg …`

## Where a look comes from

`sceneswap attention trace --class sky …`: the exemplar under the effective affinity of the sky, scale by scale.

![the sky traced back to the exemplar](gallery/trace.png)

All attention maps of the model for the first layout and the first exemplar above:

![contact sheet of all maps](gallery/maps.jpg)

## What the attention learned

`sceneswap attention dendrogram --data scenes --pairs {pairs} --out attention/`: from which labels of exemplars the finest
scale takes what it gives to which labels (supplement, section 2).

![transfer matrix](gallery/transfer.png)

Its rows, clustered by average linkage of their Euclidean distances, each diagonal entry replaced by the second
largest value of its row:

![dendrogram](gallery/dendrogram.png)
"""


if __name__ == "__main__":
    tyro.cli(main)
