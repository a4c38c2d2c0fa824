"""`sceneswap data import`: labelled photographs become a data folder; resumed, chosen, shrunk, refused."""

import hashlib
import json
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from sceneswap.cli.main import run
from sceneswap.data import intake
from sceneswap.data.folder import FolderDataset, read_folder_schema
from sceneswap.data.pairing import Pair
from sceneswap.images import read_photo
from sceneswap.labels.io import read_label_map, resize_label_map
from sceneswap.labels.presets import load_schema

ADE = {"sky": 3, "tree": 5, "bed": 8, "water": 22}  # numbers of ade20k-150-1based; a bed has no outdoor class
OUTDOOR = load_schema("outdoor")


def make_pair(source: Path, stem: str, classes: tuple[str, str], seed: int, size: tuple[int, int] = (24, 30)) -> None:
    """A photograph of noise; the first class fills the upper quarter of its label map, the second the rest."""
    photo = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    label_map = np.full(size, ADE[classes[1]], dtype=np.uint8)
    label_map[: size[0] // 4] = ADE[classes[0]]
    for folder in ("images", "labels"):
        (source / folder).mkdir(parents=True, exist_ok=True)
    Image.fromarray(photo).save(source / "images" / f"{stem}.jpg", quality=90)
    Image.fromarray(label_map).save(source / "labels" / f"{stem}.png")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    make_pair(folder, "lake", ("sky", "water"), 1)
    make_pair(folder, "park", ("sky", "tree"), 2)
    make_pair(folder, "room", ("tree", "bed"), 3)
    return folder


def import_to(out: Path, source: Path, *options: object, schema: str = "ade20k-150-1based") -> int:
    return run(["data", "import", str(source), "--out", str(out), "--schema", schema, *map(str, options)])


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_to_train_on(tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert import_to(out, source) == 0
    printed = capsys.readouterr().out
    assert all(text in printed for text in ("as outdoor: 3", "water-other", "void"))
    assert (out / "schema.toml").read_text() == 'preset = "outdoor"\n'
    dataset = FolderDataset([out], OUTDOOR)
    names = [(*OUTDOOR.names, "void")[dataset[i].label_map[-1, 0]] for i in range(3)]
    assert names == ["water-other", "tree", "void"]
    for stem in ("lake", "park", "room"):
        assert (out / "images" / f"{stem}.jpg").read_bytes() == (source / "images" / f"{stem}.jpg").read_bytes()
    record = json.loads((out / "import.json").read_text())
    assert (record["source"], record["schema"], record["to"]) == (str(source), "ade20k-150-1based", "outdoor")
    room = record["pictures"]["room"]
    assert (room["sha256"], room["size"], room["void"]) == (sha256(source / "images" / "room.jpg"), [24, 30], 0.75)
    assert sorted(files_of(out)) == sorted(
        ["import.json", "schema.toml", *(f"images/{s}.jpg" for s in record["pictures"]),
         *(f"labels/{s}.png" for s in record["pictures"])]
    )  # fmt: skip


def test_pictures_of_mostly_void_are_left_out(tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert import_to(tmp_path / "out", source, "--max-void", 0.5) == 0
    assert "left out: 1 with more than 50% void" in capsys.readouterr().out
    assert len(FolderDataset([tmp_path / "out"], OUTDOOR)) == 2
    assert import_to(tmp_path / "exact", source, "--max-void", 0.75) == 0
    assert len(FolderDataset([tmp_path / "exact"], OUTDOOR)) == 3


def test_only_the_photographs_of_a_part(tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    split = tmp_path / "split.json"
    sums = {stem: sha256(source / "images" / f"{stem}.jpg") for stem in ("lake", "park")}
    split.write_text(json.dumps({"train": [sums["park"].upper()], "test": [sums["lake"], "0" * 64], "none": []}))
    for part, stem in (("train", "park"), ("test", "lake")):
        assert import_to(tmp_path / part, source, "--hashes", split, "--part", part) == 0
        assert "left out: 2 not in the list of hashes" in capsys.readouterr().out
        assert FolderDataset([tmp_path / part], OUTDOOR).names == (str(tmp_path / part / "images" / f"{stem}.jpg"),)
    for options, message in (
        (("--hashes", split, "--part", "none"), "no picture of"),
        (("--hashes", split, "--part", "validation"), "no part 'validation'; it has train, test, none"),
        (("--hashes", split), "belong together"),
        (("--part", "train"), "belong together"),
    ):
        assert import_to(tmp_path / "out", source, *options) == 2
        assert message in capsys.readouterr().err
    assert import_to(tmp_path / "out", source) == 0  # a run that imported nothing stands in nobody's way


def test_shrunk_photographs_and_maps_fit(tmp_path: Path, source: Path) -> None:
    make_pair(source, "small", ("sky", "tree"), 4, size=(12, 16))
    assert import_to(tmp_path / "out", source, "--short-side", 16) == 0
    photo, label_map = tmp_path / "out" / "images" / "lake.jpg", tmp_path / "out" / "labels" / "lake.png"
    whole = load_schema("ade20k-150-1based")
    wanted = whole.convert(read_label_map(source / "labels" / "lake.png", whole), OUTDOOR)
    assert read_photo(photo).shape == (16, 20, 3)
    assert np.array_equal(read_label_map(label_map, OUTDOOR), resize_label_map(wanted, (16, 20)))
    assert abs(read_photo(photo).mean() - read_photo(source / "images" / "lake.jpg").mean()) < 3
    assert sha256(tmp_path / "out" / "images" / "small.jpg") == sha256(source / "images" / "small.jpg")
    assert len(FolderDataset([tmp_path / "out"], OUTDOOR)) == 4


def test_other_layouts_and_schemas(tmp_path: Path, source: Path) -> None:
    (source / "images").rename(source / "photos")
    (source / "maps").mkdir()
    (source / "labels").rename(source / "maps" / "all")
    mine = tmp_path / "mine.toml"
    mine.write_text(
        'name = "a \\"coarse\\" one"\nvoid_ids = [9]\noffset = 1\n'
        'classes = [{ id = 0, name = "sky" }, { id = 4, name = "tree", outdoor = "tree", color = [1, 2, 3] }]\n'
    )
    assert import_to(tmp_path / "out", source, "--layout", "photos+maps/all", "--to", mine) == 0
    assert read_folder_schema(tmp_path / "out") == load_schema(str(mine))
    values = np.asarray(Image.open(tmp_path / "out" / "labels" / "park.png"))
    assert (values[0, 0], values[-1, 0]) == (1, 5)
    assert np.asarray(Image.open(tmp_path / "out" / "labels" / "lake.png"))[-1, 0] == 9


def test_an_interrupted_import_goes_on(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    assert import_to(whole, source) == 0
    write = intake.write_label_map

    def interrupted(path: Path, *rest: object) -> None:
        if path.name == "park.png":
            raise KeyboardInterrupt
        write(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(intake, "write_label_map", interrupted)
    assert import_to(resumed, source) == 130
    assert sorted(path.name for path in (resumed / "images").iterdir()) == ["lake.jpg"]  # no photograph without a map
    assert len(FolderDataset([resumed], OUTDOOR)) == 1
    monkeypatch.undo()
    untouched = (resumed / "images" / "lake.jpg").stat().st_mtime_ns
    capsys.readouterr()
    assert import_to(resumed, source) == 0
    assert ": 2; already there: 1" in capsys.readouterr().out
    assert (resumed / "images" / "lake.jpg").stat().st_mtime_ns == untouched
    assert files_of(resumed) == files_of(whole)


def test_what_changed_in_the_source_is_imported_again(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    for seed, stem in enumerate(("hill", "wood"), start=4):
        make_pair(source, stem, ("sky", "tree"), seed)
    assert import_to(out, source, "--max-void", 0.5) == 0
    kept = (out / "images" / "wood.jpg").stat().st_mtime_ns
    make_pair(source, "lake", ("tree", "sky"), 1)  # the same photograph, another map
    make_pair(source, "park", ("sky", "bed"), 2)  # now mostly void
    (source / "images" / "hill.jpg").unlink()
    Image.new("RGB", (30, 24)).save(source / "images" / "hill.png")
    capsys.readouterr()
    assert import_to(out, source, "--max-void", 0.5) == 0
    assert ": 2; already there: 1" in capsys.readouterr().out
    dataset = FolderDataset([out], OUTDOOR)
    assert [Path(name).name for name in dataset.names] == ["hill.png", "lake.jpg", "wood.jpg"]
    assert OUTDOOR.names[dataset[1].label_map[-1, 0]] == "sky-other"
    assert (out / "images" / "wood.jpg").stat().st_mtime_ns == kept


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--max-void", 1.5), "--max-void 1.5"),
        (("--short-side", -1), "--short-side -1"),
        (("--layout", "images"), "does not name two folders"),
        (("--layout", "photos+labels"), "photos; say with --layout"),
        (("--to", "outdor"), "did you mean outdoor"),
    ],
)
def test_wrong_options_are_refused(
    tmp_path: Path, source: Path, options: tuple[object, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert import_to(tmp_path / "out", source, *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_wrong_sources_are_refused(tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*parts: str, schema: str = "ade20k-150-1based") -> None:
        assert import_to(tmp_path / "out", source, schema=schema) == 2
        error = capsys.readouterr().err
        assert all(part in error for part in parts), error

    make_pair(source, "tall", ("sky", "tree"), 6, size=(30, 24))
    (source / "labels" / "tall.png").unlink()
    (source / "labels" / "dune.npy").write_bytes(b"")
    refused("no label map of the same name", "tall.jpg", "no photograph of the same name", "dune.npy")  # both at once
    (source / "labels" / "dune.npy").unlink()
    (source / "images" / "tall.jpg").rename(source / "images" / "lake.jpeg")
    refused("holds both lake.jpeg and lake.jpg")
    (source / "images" / "lake.jpeg").unlink()
    for name in ("lake", "park", "room"):
        (source / "images" / f"{name}.jpg").write_bytes(b"no picture")
    refused("no picture of", "3 cannot be used, the first because", "lake.jpg is not a picture")
    for path in (source / "labels").iterdir():
        path.unlink()
    refused("nothing to import in", ".png, .npy")


def test_bad_files_are_listed_and_passed_over(tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_pair(source, "tall", ("sky", "tree"), 6, size=(30, 24))
    (source / "labels" / "tall.png").write_bytes((source / "labels" / "lake.png").read_bytes())
    whole = (source / "images" / "park.jpg").read_bytes()
    (source / "images" / "park.jpg").write_bytes(whole[: len(whole) // 2])
    out = tmp_path / "out"
    assert import_to(out, source) == 0
    printed = capsys.readouterr().out
    assert all(part in printed for part in ("tall.jpg is 24×30", "tall.png is 30×24", "park.jpg is damaged"))
    assert len(FolderDataset([out], OUTDOOR)) == 2
    record = json.loads((out / "import.json").read_text())
    assert set(record["left_out"]) == {"tall", "park"}
    (source / "images" / "park.jpg").write_bytes(whole)  # downloaded again
    assert import_to(out, source) == 0
    assert ": 1; already there: 2" in capsys.readouterr().out
    assert set(json.loads((out / "import.json").read_text())["left_out"]) == {"tall"}


def test_what_is_stored_stands_upright_without_exif(tmp_path: Path, source: Path) -> None:
    make_pair(source, "phone", ("sky", "tree"), 8, size=(24, 30))
    photo = source / "images" / "phone.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90° clockwise to see it upright
    pixels = np.zeros((30, 24, 3), np.uint8)
    pixels[:, :8] = 250  # the left third, which becomes the upper third
    Image.fromarray(pixels).save(photo, exif=exif, quality=95)
    assert import_to(tmp_path / "out", source) == 0
    with Image.open(tmp_path / "out" / "images" / "phone.jpg") as stored:
        assert stored.getexif().get(0x0112, 1) == 1
        assert stored.size == (30, 24)  # width × height
    assert np.abs(read_photo(photo).astype(int) - read_photo(tmp_path / "out" / "images" / "phone.jpg")).mean() < 4


def test_foreign_ids_and_schemas_without_counterparts(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert import_to(out, source, schema="camvid") == 2
    assert "lake.png: id 22 (540 pixels) is not in schema camvid" in capsys.readouterr().err
    odd = tmp_path / "odd.toml"
    odd.write_text('void_ids = [0]\nclasses = [{ id = 3, name = "oddity" }]\n')
    assert import_to(out, source, schema=str(odd)) == 2
    assert "no class of schema odd has a counterpart in outdoor" in capsys.readouterr().err
    assert import_to(out, source) == 0


def test_a_folder_of_other_data_is_left_alone(tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(out: Path, message: str, *options: object, taken_from: Path = source) -> None:
        before = files_of(out)
        assert import_to(out, taken_from, *options) == 2
        assert message in capsys.readouterr().err
        assert files_of(out) == before

    refused(source, "`data import` has not written")
    out = tmp_path / "out"
    assert import_to(out, source) == 0
    refused(out, "with other options (short side)", "--short-side", 8)
    refused(out, "with other options (to)", "--to", "coco-stuff")
    other = tmp_path / "other"
    make_pair(other, "sea", ("sky", "water"), 7)
    refused(out, "3 pictures that the source does not have: lake, park, room", taken_from=other)
    for text in ("[]", '{"pictures": 3}', '{"pictures": {"lake": {"photo": "../lake.jpg"}}}', "{"):
        (out / "import.json").write_text(text)
        refused(out, "import.json")


@pytest.mark.parametrize("mine", ["labels/lake.png", "images/lake.jpg", "images/lake.png"])
def test_a_file_that_was_changed_or_added_is_kept(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str], mine: str
) -> None:
    out = tmp_path / "out"
    assert import_to(out, source) == 0
    Image.new("L", (30, 24)).save(out / mine)  # corrected by hand
    make_pair(source, "lake", ("tree", "sky"), 1)
    before = files_of(out)
    capsys.readouterr()
    if mine == "images/lake.png":
        (source / "images" / "lake.jpg").rename(source / "images" / "lake.png")
    assert import_to(out, source) == 0
    said = capsys.readouterr().out
    assert f"left out: {out / mine} exists, and sceneswap has not written it or it was changed since" in said
    assert {
        name: data for name, data in files_of(out).items() if name.endswith(("png", "jpg"))
    }.items() <= before.items()
    assert import_to(out, source, "--overwrite") == 0
    assert "left out" not in capsys.readouterr().out
    assert files_of(out)[mine] != before[mine]


@pytest.mark.parametrize("value", [[1], {"a": 1}, None, 5])
def test_a_record_that_somebody_has_edited(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str], value: object
) -> None:
    out = tmp_path / "out"
    assert import_to(out, source) == 0
    before = files_of(out)
    record = json.loads((out / "import.json").read_text())
    record["pictures"]["lake"]["sha256"] = value
    (out / "import.json").write_text(json.dumps(record))
    assert import_to(out, source) == 0  # the sum is another one, so the picture is imported again
    assert files_of(out) == before


def test_a_killed_import_does_not_pass_for_a_new_one(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert import_to(out, source) == 0
    record = json.loads((out / "import.json").read_text())
    (out / "import.json").write_text(json.dumps({**record, "pictures": {}}))  # killed before it was written
    assert import_to(out, source, "--to", "coco-stuff") == 2
    assert "with other options (to)" in capsys.readouterr().err
    assert import_to(out, source) == 0
    assert json.loads((out / "import.json").read_text()) == record


@pytest.fixture
def outdoor_data() -> ModuleType:
    return import_module("benchmarks.outdoor.data")


def test_no_photograph_is_in_two_parts(outdoor_data: ModuleType) -> None:
    split = json.loads(outdoor_data.SPLIT.read_text())
    digests = [digest for part in outdoor_data.PARTS for digest in split[part]]
    assert set(split) == set(outdoor_data.PARTS)
    assert len(set(digests)) == len(digests) == 5965
    assert all(len(digest) == 64 and int(digest, 16) >= 0 for digest in digests)


def test_photographs_held_back_stay_the_same(outdoor_data: ModuleType) -> None:
    """Else figures of different models could not be compared."""
    split = json.loads(outdoor_data.SPLIT.read_text())
    lists = {part: hashlib.sha256("\n".join(split[part]).encode()).hexdigest()[:16] for part in ("validation", "test")}
    assert lists == {"validation": "af3ee3003e2c5131", "test": "3808b9c3c14ca22f"}


def test_the_rule_of_the_split(outdoor_data: ModuleType) -> None:
    def parts(source: str, *named: tuple[str, int]) -> list[str | None]:
        pairs = [
            (Pair(name, Path(name), Path(name)), f"{number:08x}" + f"{i:056x}")
            for i, (name, number) in enumerate(named)
        ]
        found = dict(outdoor_data._parts(source, pairs))
        return [found.get(digest) for _, digest in pairs]

    borders = [("a", 11), ("b", 12), ("c", 15), ("d", 16), ("e", 111), ("f", 199), ("webcams_g", 0)]
    assert parts("outdoor_mix", *borders) == ["test", *["validation"] * 2, "train", "test", "train", "train"]
    assert parts("stanford_bg", ("a", 49), ("b", 50), ("c", 59), ("d", 60)) == [
        "test", "validation", "validation", "train"
    ]  # fmt: skip
    frames = [(f"{drive}_{i}", 0) for drive in ("0001TP", "Seq05VD") for i in range(4)]
    assert parts("camvid", *frames) == ["train", None, None, "train", "test", None, "test", None]
    assert parts("ade20k_sample", ("ADE_val_00001517", 99), ("ADE_val_00000001", 99)) == [None, "test"]


@pytest.mark.parametrize(("name", "classes"), [("photo_style", 23), ("labelmefacade_outdoor", 8)])
def test_every_class_of_a_source_has_an_outdoor_class(outdoor_data: ModuleType, name: str, classes: int) -> None:
    schema = load_schema(next(source.schema for source in outdoor_data.SOURCES if source.name == name))
    assert schema.num_classes == classes
    assert (schema.mapping_to(OUTDOOR)[:-1] < OUTDOOR.void_index).all()


def test_new_photographs_are_kept_apart_from_those_held_back(
    outdoor_data: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Near duplicates, found by fingerprint whatever their size and file format, lie on one side."""

    def picture(seed: int) -> Image.Image:
        cells = np.random.default_rng(seed).integers(0, 256, (6, 6, 3)).astype(np.uint8)
        return Image.fromarray(cells).resize((90, 80), Image.Resampling.BICUBIC)

    def put(source: str, name: str, image: Image.Image) -> str:
        for folder, one in (("images", image), ("labels", Image.new("L", image.size, 3))):
            path = tmp_path / source / folder / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            one.save(path)
        return sha256(tmp_path / source / "images" / f"{name}.png")

    sources = [outdoor_data.Source(name, "ade20k-150-1based") for name in ("stanford_photos", "roads_outdoor")]
    monkeypatch.setattr(outdoor_data, "SOURCES", sources)
    monkeypatch.setitem(outdoor_data.BOUNDS, "stanford_photos", (0, 0))
    old = [put("stanford_photos", f"{i}", picture(i)) for i in range(3)]
    monkeypatch.setattr(
        outdoor_data, "_parts", lambda source, pairs: [
            (digest, "test" if digest == old[0] else "train") for _, digest in pairs
        ],
    )  # fmt: skip
    held_again = put("roads_outdoor", "a", picture(0).resize((60, 54), Image.Resampling.BICUBIC))
    larger = put("roads_outdoor", "b", picture(1).resize((180, 160), Image.Resampling.BICUBIC))
    other = put("roads_outdoor", "c", picture(9))
    split = outdoor_data.split_of(tmp_path)
    assert split == {"train": sorted([old[2], larger, other]), "validation": [], "test": [old[0]]}
    assert held_again not in split["train"]


@pytest.mark.shared
def test_the_committed_split_is_the_one_the_rule_makes(outdoor_data: ModuleType, shared: Path) -> None:
    if not (shared / "data").is_dir():
        pytest.skip(f"{shared} has no photographs (data/)")
    assert outdoor_data.split_of(shared / "data") == json.loads(outdoor_data.SPLIT.read_text())


@pytest.mark.parametrize("in_place", [False, True])
def test_label_maps_are_mended_on_request(
    tmp_path: Path, source: Path, capsys: pytest.CaptureFixture[str], in_place: bool
) -> None:
    """One as colours with red and blue exchanged, names that end in _mask, as many tools write them."""
    schema = load_schema("ade20k-150-1based")
    whole = {path.stem: read_label_map(path, schema) for path in (source / "labels").iterdir()}
    for path in sorted((source / "labels").iterdir()):
        if path.stem == "lake":
            Image.fromarray(schema.colors[whole["lake"]][..., ::-1]).save(path)
        path.rename(path.with_name(f"{path.stem}_mask.png"))
    out = tmp_path / "out"
    place = ["--in-place"] if in_place else []
    assert import_to(out, source, *place) == 2
    capsys.readouterr()
    assert import_to(out, source, *place, "--repair", "--to", "ade20k-150-1based") == 0
    said = capsys.readouterr()
    pixels = whole["lake"].size
    assert f"mended: 1 label map: {pixels:,} pixels read otherwise: its red and blue are exchanged" in said.out
    assert "_mask is left out of the names" in said.err
    record = json.loads((out / "import.json").read_text())
    assert record["pictures"]["lake"]["repairs"] == {"read otherwise: its red and blue are exchanged": pixels}
    assert "repairs" not in record["pictures"]["park"]
    dataset = FolderDataset([out], schema)
    for name, scene in zip(("lake", "park", "room"), (dataset[i] for i in range(3)), strict=True):
        np.testing.assert_array_equal(scene.label_map, whole[name])
    assert import_to(out, source, *place, "--repair", "--to", "ade20k-150-1based") == 0
    assert "already there: 3" in capsys.readouterr().out


def test_an_import_of_nothing_but_void_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_pair(tmp_path / "rooms", "a", ("bed", "bed"), 1)
    assert import_to(tmp_path / "out", tmp_path / "rooms") == 2
    assert "is void everywhere" in capsys.readouterr().err
