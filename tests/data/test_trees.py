"""Data sets as they are downloaded, on made trees of odd files: sizes, modes, void; chosen, in place, at scale."""

import json
import resource
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from sceneswap.cli.main import run
from sceneswap.data.folder import FolderDataset, read_folder_schema
from sceneswap.data.loader import BatchStream, Sampling
from sceneswap.labels.io import read_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.labels.schema import LabelSchema

THINGMAPS = load_schema("coco-stuffthingmaps")
SIDES = (51, 64, 97, 128, 333, 640, 1024)


def class_of(setting: str, schema: LabelSchema = THINGMAPS) -> int:
    """The file value of the first class of a setting."""
    index = next(i for i, c in enumerate(schema.classes) if c.setting == setting)
    return int(schema.file_values[index])


def write_photo(path: Path, size: tuple[int, int], seed: int, mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((size[1], size[0])).convert(mode).save(path)


def write_map(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.uint8)).save(path)


def striped(size: tuple[int, int], *values: int) -> np.ndarray:
    """Equal stripes of values."""
    rows = np.arange(size[0]) * len(values) // size[0]
    return np.repeat(np.array(values)[rows][:, None], size[1], axis=1)


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """20 files: outdoors, indoors, mixed; 51 to 1024 pixels, grey, CMYK, all void, damaged, of unequal size."""
    root = tmp_path / "COCO"
    outdoor, indoor, both = (class_of(setting) for setting in ("outdoor", "indoor", "both"))
    content = [(outdoor, outdoor, both), (indoor, both), (outdoor, indoor), (both, 255), (outdoor, 255)]
    for number in range(20):
        name, size = f"{number:012d}", (SIDES[number % 7], SIDES[(number + 3) % 7])
        mode = {6: "L", 7: "CMYK"}.get(number, "RGB")
        write_photo(root / "images" / "train2017" / f"{name}.jpg", size, number, mode)
        values = np.full(size, 255) if number == 8 else striped(size, *content[number % 5])
        write_map(root / "stuffthingmaps" / "train2017" / f"{name}.png", values)
    photo = root / "images" / "train2017" / "000000000010.jpg"
    photo.write_bytes(photo.read_bytes()[:300])
    write_map(root / "stuffthingmaps" / "train2017" / "000000000011.png", np.full((40, 40), outdoor))
    return root


def import_coco(source: Path, out: Path, *options: object) -> int:
    layout = ("--layout", "images/train2017+stuffthingmaps/train2017")
    common = ("--schema", "coco-stuffthingmaps", "--out", str(out), "--workers", "1")
    return run(["data", "import", str(source), *layout, *common, *map(str, options)])


# 0, 5 (10 is damaged), 15: two thirds outdoors; 4, 9, 14, 19: all; 2, 12, 17: half (7 is CMYK)
OUTDOORS = {0, 5, 15, 4, 9, 14, 19, 2, 12, 17}
INDOORS = {1, 6, 16, 12, 17}  # 2 has 97 rows, of which 48 are indoors


def test_the_outdoor_scenes_of_coco_in_place(tmp_path: Path, coco: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "outdoor"
    assert import_coco(coco, out, "--keep", "outdoor", "--in-place") == 0
    printed = capsys.readouterr().out
    assert f"as coco-stuffthingmaps: {len(OUTDOORS)}" in printed
    assert all(words in printed for words in ("not outdoor enough", "CMYK", "10.jpg is damaged", "40×40"))
    assert sorted(path.name for path in out.iterdir()) == ["import.json", "index.json", "kept.json", "schema.toml"]
    kept = json.loads((out / "kept.json").read_text())
    assert {int(stem) for stem in kept["stems"]} == OUTDOORS
    assert (kept["keep"], kept["min_share"], kept["of"], kept["kept"]) == ("outdoor", 0.5, 20, len(OUTDOORS))
    assert "at least 0.5 of the labelled pixels" in kept["rule"]
    schema = load_schema("coco-stuff")
    dataset = FolderDataset([out], schema)
    assert len(dataset) == len(OUTDOORS)
    assert all(Path(name).is_relative_to(coco) for name in dataset.names)
    assert schema.num_classes == 182  # none has become another
    for i in range(len(dataset)):
        source = coco / "stuffthingmaps" / "train2017" / f"{Path(dataset.names[i]).stem}.png"
        wanted = THINGMAPS.convert(read_label_map(source, THINGMAPS), schema)
        assert np.array_equal(dataset[i].label_map, wanted)
    chosen = FolderDataset([out], schema, only=["000000000004", "outdoor/000000000009"])
    assert [Path(name).stem for name in chosen.names] == ["000000000004", "000000000009"]
    batch = next(BatchStream(dataset, Sampling("global", 64, 2), seed=0))
    assert batch.image.shape == (6, 3, 32, 32)


def test_the_share_decides_and_the_selection_can_be_copied(
    tmp_path: Path, coco: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for setting, share, numbers in (("outdoor", 0.6, OUTDOORS - {2, 12, 17}), ("indoor", 0.5, INDOORS)):
        out = tmp_path / f"{setting}-{share}"
        assert import_coco(coco, out, "--keep", setting, "--min-share", share) == 0
        dataset = FolderDataset([out], THINGMAPS)
        assert {int(Path(name).stem) for name in dataset.names} == numbers
        assert all(Path(name).is_relative_to(out) for name in dataset.names)
    assert import_coco(coco, tmp_path / "merged", "--keep", "outdoor", "--to", "outdoor", "--in-place") == 0
    merged = FolderDataset([tmp_path / "merged"], load_schema("outdoor"))  # photographs in place, label maps converted
    assert len(merged) == len(OUTDOORS)
    assert Path(merged.names[0]).is_relative_to(coco)
    assert len(list((tmp_path / "merged" / "labels").iterdir())) == len(OUTDOORS)


def test_an_import_in_place_goes_on_and_sees_what_changed(
    tmp_path: Path, coco: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert import_coco(coco, out, "--keep", "outdoor", "--in-place") == 0
    before = (out / "index.json").read_bytes()
    capsys.readouterr()
    assert import_coco(coco, out, "--keep", "outdoor", "--in-place") == 0
    assert f": 0; already there: {len(OUTDOORS)}" in capsys.readouterr().out
    assert (out / "index.json").read_bytes() == before
    write_photo(coco / "images" / "train2017" / "000000000010.jpg", (SIDES[3], SIDES[6]), 10)  # whole now
    assert import_coco(coco, out, "--keep", "outdoor", "--in-place") == 0
    assert f": 1; already there: {len(OUTDOORS)}" in capsys.readouterr().out
    for options in (("--keep", "outdoor"), ("--keep", "indoor", "--in-place"), ("--in-place",)):
        assert import_coco(coco, out, *options) == 2
        assert "was imported with other options" in capsys.readouterr().err
    (coco / "images").rename(coco / "moved")
    with pytest.raises(Exception, match=r"was imported in place, but .* is gone"):
        FolderDataset([out], THINGMAPS)


def test_several_processes_import_the_same(tmp_path: Path) -> None:
    source = made_tree(tmp_path / "many", 300)
    for workers in (1, 2):
        out = tmp_path / str(workers)
        command = ["data", "import", str(source), "--schema", "coco-stuffthingmaps", "--in-place", "--out", str(out)]
        assert run([*command, "--keep", "outdoor", "--workers", str(workers)]) == 0
    first, second = (tmp_path / name for name in ("1", "2"))
    for name in ("index.json", "kept.json", "import.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def made_tree(root: Path, count: int) -> Path:
    """`count` pairs of 16×16 pixels: two files with many names (of which one file may have 65,000)."""
    for number in range(count):
        photo, label_map = root / "images" / f"{number:012d}.jpg", root / "labels" / f"{number:012d}.png"
        if number % 50_000 == 0:
            write_photo(photo, (16, 16), 0)
            write_map(label_map, np.full((16, 16), class_of("outdoor")))
            first = photo, label_map
        else:
            photo.hardlink_to(first[0])
            label_map.hardlink_to(first[1])
    return root


def test_a_large_tree_is_read_at_once_and_its_memory_stays_flat(tmp_path: Path) -> None:
    """2,000 pairs here; 118,287, the size of COCO, by hand: docs/reproduce.md says how long that took."""
    source = made_tree(tmp_path / "COCO", 2000)
    out = tmp_path / "out"
    command = ["data", "import", str(source), "--schema", "coco-stuffthingmaps", "--in-place", "--out", str(out)]
    assert run([*command, "--keep", "outdoor", "--workers", "1"]) == 0
    dataset = FolderDataset([out], load_schema("coco-stuff"))
    assert len(dataset) == 2000
    with BatchStream(dataset, Sampling("patch", 32, 4), seed=0) as stream:
        next(stream)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(200):
            next(stream)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after - before < 20_000  # KiB


# --- Other data sets, one command each (docs/your-data.md) --------------------------------------------------------------


def test_coco_stuff_10k_with_its_matlab_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, ids = tmp_path / "cocostuff-10k-v1.1", (1, 92, 182, 0)
    for number in range(20):
        size = (SIDES[number % 7], SIDES[(number + 2) % 7])
        write_photo(root / "images" / f"COCO_train2014_{number:012d}.jpg", size, number, "L" if number == 3 else "RGB")
        path = root / "annotations" / f"COCO_train2014_{number:012d}.mat"
        path.parent.mkdir(exist_ok=True)
        savemat(
            path, {"S": striped(size, *ids).astype(np.uint16), "captions": "a beach"}, do_compression=number % 2 == 0
        )
    damaged = root / "annotations" / "COCO_train2014_000000000005.mat"
    damaged.write_bytes(damaged.read_bytes()[:200])
    savemat(root / "annotations" / "COCO_train2014_000000000006.mat", {"T": np.zeros((3, 3))})
    out = tmp_path / "out"
    command = ["data", "import", str(root), "--layout", "images+annotations", "--schema", "coco-stuff", "--in-place"]
    assert run([*command, "--out", str(out), "--workers", "1"]) == 0
    printed = capsys.readouterr().out
    assert "as coco-stuff: 18" in printed
    assert "000005.mat is damaged" in printed
    assert "000006.mat holds no matrix S" in printed
    schema = load_schema("coco-stuff")
    dataset = FolderDataset([out], schema)
    assert sorted(np.unique(dataset[0].label_map).tolist()) == [0, 91, 181, schema.void_index]


def test_ade20k(tmp_path: Path) -> None:
    root = tmp_path / "ADEChallengeData2016"
    for number in range(20):
        size, name = (SIDES[number % 7], SIDES[(number + 4) % 7]), f"ADE_train_{number:08d}"
        write_photo(root / "images" / "training" / f"{name}.jpg", size, number, "L" if number == 3 else "RGB")
        write_map(root / "annotations" / "training" / f"{name}.png", striped(size, 0, 3, 150))
    layout = "images/training+annotations/training"
    command = ["data", "import", str(root), "--layout", layout, "--schema", "ade20k-150-1based", "--in-place"]
    assert run([*command, "--out", str(tmp_path / "out"), "--workers", "1"]) == 0
    dataset = FolderDataset([tmp_path / "out"], load_schema("ade20k-150"))
    assert len(dataset) == 20
    assert np.unique(dataset[0].label_map).tolist() == [2, 149, 150]


CITYSCAPES = "leftImg8bit/train/*/*_leftImg8bit.png+gtFine/train/*/*_gtFine_labelIds.png"


def test_cityscapes_pairs_through_its_cities(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "cityscapes"
    schema = tmp_path / "ids.toml"
    schema.write_text('void_ids = [0, 255]\nclasses = [{ id = 7, name = "road" }, { id = 23, name = "sky-other" }]\n')
    for number in range(20):
        city, size = ("aachen", "bochum")[number % 2], (SIDES[number % 4], SIDES[(number + 2) % 5])
        name = f"{city}_{number:06d}_000019"
        write_photo(root / "leftImg8bit" / "train" / city / f"{name}_leftImg8bit.png", size, number)
        for kind, value in (("labelIds", 7), ("instanceIds", 99), ("labelTrainIds", 0)):
            write_map(root / "gtFine" / "train" / city / f"{name}_gtFine_{kind}.png", striped(size, value, 0))
    command = ["data", "import", str(root), "--layout", CITYSCAPES, "--schema", str(schema), "--in-place"]
    assert run([*command, "--out", str(tmp_path / "out"), "--workers", "1"]) == 0
    dataset = FolderDataset([tmp_path / "out"], load_schema("outdoor"), only=["aachen_000000_000019"])
    assert dataset[0].label_map[0, 0] == load_schema("outdoor").index_of("road")
    assert dataset.names[0].endswith("aachen/aachen_000000_000019_leftImg8bit.png")
    capsys.readouterr()
    (root / "gtFine" / "train" / "bochum" / "bochum_000001_000019_gtFine_labelIds.png").unlink()
    assert run([*command, "--out", str(tmp_path / "other"), "--workers", "1"]) == 2
    assert "1 of 20 files" in capsys.readouterr().err
    wrong = ["data", "import", str(root), "--layout", "left/*.png+gtFine/*/*.png", "--schema", str(schema)]
    assert run([*wrong, "--out", str(tmp_path / "other")]) == 2
    assert "no file of" in capsys.readouterr().err


def test_archives_that_are_not_unpacked_are_named(
    tmp_path: Path, coco: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(source: Path, *words: str) -> None:
        assert import_coco(source, tmp_path / "out") == 2
        error = capsys.readouterr().err
        assert all(word in error for word in words), error
        assert not (tmp_path / "out").exists()

    maps = coco / "stuffthingmaps" / "train2017"
    maps.rename(coco / "elsewhere")
    archive = coco / "stuffthingmaps" / "stuffthingmaps_trainval2017.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(coco / "elsewhere" / "000000000000.png")
    refused(coco, "there is no folder", "stuffthingmaps_trainval2017.zip is a ZIP archive (unpack it)")
    archive.write_bytes(archive.read_bytes()[:-30])
    refused(coco, "it is not complete: download it again")
    refused(archive, "is not a folder, but stuffthingmaps_trainval2017.zip is a ZIP archive")
    (coco / "train2017.zip").write_bytes(archive.read_bytes())  # of the photographs, kept beside them
    archive.rename(coco / archive.name)
    (coco / "stuffthingmaps").rmdir()
    refused(coco, "stuffthingmaps_trainval2017.zip is a ZIP archive (it is not complete")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--min-share", 0.5), "--min-share is of --keep"),
        (("--keep", "outdoor", "--min-share", 2), "--min-share 2: give a number from 0 to 1"),
        (("--in-place", "--short-side", 64), "goes without --short-side"),
        (("--workers", 0), "--workers 0"),
    ],
)
def test_wrong_options(
    tmp_path: Path, coco: Path, options: tuple[object, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert import_coco(coco, tmp_path / "out", *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_schema_without_settings_cannot_choose(
    tmp_path: Path, coco: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = tmp_path / "plain.toml"
    schema.write_text('void_ids = [255]\nclasses = [{ id = 0, name = "person" }, { id = 1, name = "sky" }]\n')
    command = ["data", "import", str(coco), "--layout", "images/train2017+stuffthingmaps/train2017", "--out"]
    assert run([*command, str(tmp_path / "out"), "--schema", str(schema), "--keep", "outdoor"]) == 2
    assert 'no class of schema plain has setting = "outdoor"' in capsys.readouterr().err


@pytest.mark.parametrize("text", ["{", "[]", '{"scenes": {"a": 3}}', '{"scenes": {}}', '{"scenes": {"a": ["x", "y"]}}'])
def test_a_damaged_index_is_one_sentence(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "schema.toml").write_text('preset = "coco-stuff"\n')
    (tmp_path / "index.json").write_text(text)
    command = [
        "train",
        "--preset",
        "tiny",
        "--schema",
        "coco-stuff",
        "--data",
        str(tmp_path),
        "--out",
        "x",
        "--dry-run",
    ]
    assert run(command) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert str(tmp_path) in error


def test_a_kept_list_is_a_split_and_unknown_stems_are_named(
    tmp_path: Path, coco: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "all"
    assert import_coco(coco, out, "--in-place") == 0
    assert import_coco(coco, tmp_path / "kept", "--keep", "indoor", "--in-place") == 0
    common = ["train", "--preset", "tiny", "--data", str(out), "--out", str(tmp_path / "run"), "--dry-run"]
    assert run([*common, "--schema", "coco-stuff", "--split", str(tmp_path / "kept" / "kept.json")]) == 0
    assert "5 scenes, 182 classes" in capsys.readouterr().out
    for text, words in (('["000000000000", "x"]', "x; correct the list"), ('{"train": []}', "a list of image stems")):
        (tmp_path / "split.json").write_text(text)
        assert run([*common, "--split", str(tmp_path / "split.json")]) == 2
        assert words in capsys.readouterr().err


def test_the_paper_s_plan_on_coco(
    tmp_path: Path, coco: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sceneswap.training.rehearsal.rehearse", lambda *_, **__: [1.0] * 3)  # minutes at its true size
    assert import_coco(coco, tmp_path / "out", "--keep", "outdoor", "--in-place") == 0
    capsys.readouterr()
    common = ["--data", str(tmp_path / "out"), "--out", str(tmp_path / "run"), "--dry-run"]
    assert run(["train", "--preset", "paper", *common]) == 0
    printed = capsys.readouterr().out
    assert f"{len(OUTDOORS)} scenes, 182 classes of coco-stuff" in printed
    rows = [line for line in printed.splitlines() if line.startswith("│")][:3]
    assert [row.split("│")[5].strip() for row in rows] == ["20", "20", "20"]
    assert read_folder_schema(tmp_path / "out").num_classes == 182
