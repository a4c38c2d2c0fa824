"""The swap grid: what goes in, every picture, the page, the same bytes each time."""

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from sceneswap.errors import UserError
from sceneswap.images import read_photo, read_picture_text, read_png_text
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.jobs.reader import SceneReader
from sceneswap.jobs.sources import Source, find_sources
from sceneswap.jobs.swap import swap
from sceneswap.labels.presets import load_schema
from tests.tiny import make_scene, write_photo

OUTDOOR = load_schema("outdoor")


def sources(*inputs: Path, labels: Path | None = None, limit: int = 12) -> list[Source]:
    return find_sources(inputs, labels=labels, schema=OUTDOOR, file_schema=None, limit=limit)[0]


class Addresses(HTMLParser):
    """Everything a page would load, and the texts of its pictures."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "href") and value:
                self.loaded.append(value)
            if tag == "img" and name == "alt" and value:
                self.texts.append(value)


def test_every_layout_is_drawn_in_every_look_at_its_own_size(
    synthesizer: Synthesizer, data: Path, tmp_path: Path
) -> None:
    out, counts = tmp_path / "out", list[int]()
    page = swap(synthesizer, sources(data), out, batch_size=3, on_drawn=counts.append)
    assert page == out / "index.html"
    assert sum(counts) == 16
    assert {p.name for p in (out / "swaps").iterdir()} == {f"{a}__{b}.png" for a in "abcd" for b in "abcd"}
    b = synthesizer.read_scene(data / "images" / "b.png", data / "labels" / "b.png")
    d = synthesizer.read_scene(data / "images" / "d.png", data / "labels" / "d.png")
    drawn = read_photo(out / "swaps" / "b__d.png")
    assert drawn.shape == b.photo.shape
    assert np.abs(drawn.astype(int) - synthesizer.draw(b.label_map, synthesizer.encode(d))).max() <= 1
    note = json.loads(read_png_text(out / "swaps" / "b__d.png")["sceneswap"])
    assert [note[what]["file"] for what in ("label_map", "exemplar")] == ["b.png", "d.png"]
    grid = read_photo(out / "grid.png")
    assert grid.shape[0] > 5 * 68 + 4  # cells as large as the largest picture, 64 × 70, and names outside
    assert grid.shape[1] > 5 * 74 + 4


def test_the_page_holds_all_it_shows(synthesizer: Synthesizer, data: Path, tmp_path: Path) -> None:
    page = swap(synthesizer, sources(data), tmp_path / "out").read_text(encoding="utf-8")
    addresses = Addresses(page)
    assert all(address.startswith("data:") for address in addresses.loaded)
    assert sum(address.startswith("data:image/webp") for address in addresses.loaded) == 16 + 2 * 4
    assert "layout c, exemplar a" in addresses.texts
    assert synthesizer.weights_sha256 in page
    assert synthesizer.name in page
    present = {synthesizer.schema.names[i] for i in np.unique(synthesizer.read_label_map(data / "labels" / "a.png"))}
    assert all(f"</span>{name}</li>" in page for name in present)


def test_a_second_run_gives_the_same_files(synthesizer: Synthesizer, data: Path, tmp_path: Path) -> None:
    outs = [tmp_path / "one", tmp_path / "two"]
    for out in outs:
        swap(synthesizer, sources(data, limit=2), out)
    files = [{p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()} for out in outs]
    assert files[0] == files[1]
    assert len(files[0]) == 4 + 3
    record = json.loads((outs[0] / "swap.json").read_text())
    assert (
        [s["name"] for s in record["layouts"]] == [s["name"] for s in record["exemplars"]] == ["a", "c"]
    )  # evenly spread
    assert all((outs[0] / picture["file"]).is_file() for picture in record["pictures"])
    assert str(tmp_path) not in json.dumps(record)


def test_photographs_find_their_maps_by_name(data: Path) -> None:
    found = sources(data / "images" / "b.png", data / "images" / "a.png", labels=data / "labels")
    assert [(s.name, s.label_map) for s in found] == [(n, data / "labels" / f"{n}.png") for n in "ba"]
    assert [s.name for s in sources(data / "images", labels=data / "labels")] == list("abcd")


def test_scenes_of_one_name_stay_apart(data: Path) -> None:
    found = sources(data, data / "images" / "a.png", labels=data / "labels")
    assert [s.name for s in found] == ["a", "b", "c", "d", "a-2"]


def test_what_cannot_be_swapped(synthesizer: Synthesizer, data: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="nothing to swap"):
        sources()
    with pytest.raises(UserError, match=r"gone\.png does not exist"):
        sources(data / "images" / "gone.png")
    reader = SceneReader(synthesizer, tmp_path / "gone.safetensors")
    with pytest.raises(UserError, match=r"gone\.safetensors do not exist"):
        swap(synthesizer, sources(data / "images"), tmp_path / "out", reader=reader)
    assert not (tmp_path / "out").exists()
    with pytest.raises(UserError, match=r"a\.png has no label map a\.png in"):
        sources(data / "images" / "a.png", labels=tmp_path / "empty")
    with pytest.raises(UserError, match="holds no photographs"):
        sources(tmp_path / "empty", labels=data / "labels")
    with pytest.raises(UserError, match="has no folder images/"):
        sources(tmp_path / "empty")
    with pytest.raises(UserError, match=r"--labels .*nowhere is not a folder"):
        sources(data / "images" / "a.png", labels=tmp_path / "nowhere")
    with pytest.raises(UserError, match="--schema is for the maps in --labels"):
        find_sources([data], labels=None, schema=OUTDOOR, file_schema=OUTDOOR, limit=1)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="a part of the path is a file"):
        swap(synthesizer, sources(data), tmp_path / "file" / "out")


def test_rows_and_columns_of_their_own(reading: Synthesizer, data: Path, tmp_path: Path) -> None:
    for number in range(3):
        write_photo(tmp_path / "evenings" / f"evening-{number}.jpg", (48, 64), number)
    reading.encode(make_scene((48, 64), 5, OUTDOOR)).save(tmp_path / "evenings" / "kept.look.safetensors")
    np.save(data / "labels" / "e.npy", OUTDOOR.decode(make_scene((40, 40), 6, OUTDOOR).label_map))
    rows, _ = find_sources([data / "labels", tmp_path / "evenings" / "evening-0.jpg"], schema=OUTDOOR, maps=True)
    columns, _ = find_sources([tmp_path / "evenings"], schema=OUTDOOR)
    page = swap(reading, rows, tmp_path / "out", looks=columns).read_text(encoding="utf-8")
    names = [*"abcde", "evening-0"], ["evening-0", "evening-1", "evening-2", "kept"]
    files = {p.name for p in (tmp_path / "out" / "swaps").iterdir()}
    assert files == {f"{row}__{column}.png" for row in names[0] for column in names[1]}
    record = json.loads((tmp_path / "out" / "swap.json").read_text())
    assert [one["name"] for one in record["layouts"]] == names[0]
    assert ["estimated_by" in one for one in record["layouts"]] == [False] * 5 + [True]
    assert [(one["name"], "label_map" in one) for one in record["exemplars"]] == [(n, n != "kept") for n in names[1]]
    look = reading.encode(SceneReader(reading).scene(tmp_path / "evenings" / "evening-1.jpg"))
    layout = reading.read_label_map(data / "labels" / "d.png")
    drawn = read_photo(tmp_path / "out" / "swaps" / "d__evening-1.png").astype(int)
    assert np.abs(drawn - reading.draw(layout, look)).max() <= 1
    assert "3 of 8 estimated from the photographs" in page
    assert sum(address.startswith("data:image/webp") for address in Addresses(page).loaded) == 6 * 4 + 6 + 4
    with pytest.raises(
        UserError, match=r"kept\.look\.safetensors is a look, which has no layout; name it with --looks"
    ):
        swap(reading, columns, tmp_path / "other", looks=columns)


def test_jobs_and_formats(synthesizer: Synthesizer, data: Path, tmp_path: Path) -> None:
    for workers in (1, 3):
        swap(synthesizer, sources(data), tmp_path / str(workers), batch_size=1, workers=workers)
    one, three = ({p.relative_to(o): p.read_bytes() for p in o.rglob("*.*")} for o in (tmp_path / "1", tmp_path / "3"))
    assert one == three
    swap(synthesizer, sources(data), tmp_path / "webp", suffix=".webp", quality=50)
    assert {p.suffix for p in (tmp_path / "webp" / "swaps").iterdir()} == {".webp"}
    note = json.loads(read_picture_text(tmp_path / "webp" / "swaps" / "a__b.webp")["sceneswap"])
    assert note["exemplar"]["file"] == "b.png"
