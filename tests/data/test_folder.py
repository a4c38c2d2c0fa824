"""Folders of photographs and label maps: pairing, conversion, and one sentence for every way to be wrong."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneswap.data.folder import FolderDataset, read_folder_schema
from sceneswap.errors import UserError
from sceneswap.labels.presets import load_schema
from sceneswap.labels.schema import LabelClass, LabelSchema

TOML = """
name = "mine"
void_ids = [255]

[[classes]]
id = 10
name = "sea"
color = [0, 0, 200]
setting = "outdoor"

[[classes]]
id = 20
name = "sky"
color = [100, 150, 250]
setting = "outdoor"

[[classes]]
id = 30
name = "lamp"
color = [250, 250, 0]
setting = "indoor"
"""
MODEL = LabelSchema(
    "model", (LabelClass(0, "sky", (1, 2, 3), "outdoor"), LabelClass(1, "sea", (4, 5, 6), "outdoor")), (255,)
)


def make_pair(root: Path, stem: str, size: tuple[int, int] = (6, 8), value: int = 10, tone: int = 50) -> None:
    for part in ("images", "labels"):
        (root / part).mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), tone, np.uint8)).save(root / "images" / f"{stem}.png")
    Image.fromarray(np.full(size, value, np.uint8)).save(root / "labels" / f"{stem}.png")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "coast"
    for stem, value, tone in (("b", 20, 2), ("a", 10, 1), ("c", 255, 3)):
        make_pair(folder, stem, value=value, tone=tone)
    (folder / "schema.toml").write_text(TOML)
    return folder


def test_scenes_come_in_the_order_of_their_stems_in_the_classes_of_the_model(root: Path) -> None:
    dataset = FolderDataset([root], MODEL)
    assert len(dataset) == 3
    scenes = [dataset[i] for i in range(3)]
    assert [scene.photo[0, 0, 0] for scene in scenes] == [1, 2, 3]
    assert [scene.label_map[0, 0] for scene in scenes] == [1, 0, MODEL.void_index]
    assert [scene.name for scene in scenes] == [str(root / "images" / f"{stem}.png") for stem in "abc"]
    assert dataset.names == tuple(scene.name for scene in scenes)
    assert all(scene.size == (6, 8) for scene in scenes)


def test_a_class_without_counterpart_becomes_void(root: Path) -> None:
    make_pair(root, "lamp", value=30)
    assert np.all(FolderDataset([root], MODEL)[3].label_map == MODEL.void_index)


def test_several_roots_follow_one_another_each_with_its_own_schema(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "fields"
    make_pair(other, "a", value=load_schema("outdoor").index_of("sea"))
    (other / "schema.toml").write_text('preset = "outdoor"\n')
    dataset = FolderDataset([other, root], load_schema("outdoor"), only=["a"])
    assert [Path(name).parent.parent.name for name in dataset.names] == ["fields", "coast"]
    assert [scene.label_map[0, 0] for scene in (dataset[0], dataset[1])] == [19, 19]


def test_only_keeps_the_named_scenes_in_the_usual_order(root: Path) -> None:
    dataset = FolderDataset([root], MODEL, only=["c", "coast/a"])
    assert [Path(name).stem for name in dataset.names] == ["a", "c"]
    with pytest.raises(UserError, match=r"2 of the 3 scenes.*\bnope, zzz\b"):
        FolderDataset([root], MODEL, only=["a", "zzz", "nope"])
    with pytest.raises(UserError, match="0 of the 0"):
        FolderDataset([root], MODEL, only=[])


def test_an_index_out_of_range_is_an_index_error(root: Path) -> None:
    dataset = FolderDataset([root], MODEL)
    for index in (3, -1):
        with pytest.raises(IndexError):
            dataset[index]
    assert len(list(iter(dataset))) == 3


def test_the_cache_returns_the_same_scene_and_is_bounded(root: Path) -> None:
    dataset = FolderDataset([root], MODEL, cache=True, cache_bytes=2 * 6 * 8 * 5)
    before = [dataset[i] for i in range(3)]
    for path in (root / "images").iterdir():
        path.unlink()
    assert dataset[0] is before[0]
    assert dataset[1] is before[1]
    with pytest.raises(UserError, match=r"c\.png"):
        dataset[2]


def test_files_that_are_no_pictures_are_passed_over(root: Path) -> None:
    (root / "images" / "SOURCE.md").write_text("where from")
    (root / "labels" / ".hidden.png").write_text("not a picture")
    (root / "images" / "folder.png").mkdir()
    assert len(FolderDataset([root], MODEL)) == 3


def test_npy_label_maps_are_read(root: Path) -> None:
    (root / "labels" / "a.png").unlink()
    np.save(root / "labels" / "a.npy", np.full((6, 8), 20, np.uint16))
    assert np.all(FolderDataset([root], MODEL)[0].label_map == 0)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("rm -r .", r"is not a folder"),
        ("rm -r images", r"has no folder images/"),
        ("rm -r labels", r"has no folder labels/"),
        ("rm schema.toml", r"schema\.toml is missing; write one line such as  preset = "),
        ("rm images/a.png", r"1 of 3 label maps have no photo.*: a\.png; add"),
        ("rm labels/a.png labels/b.png", r"2 of 3 photos have no label map.*: a\.png, b\.png; add"),
        ("rm images/* labels/*", r"is empty"),
        ("touch images/a.jpg", r"holds both a\.jpg and a\.png"),
        ("touch labels/a.jpg", r"labels holds a\.jpg: lossy"),
    ],
)
def test_a_wrong_folder_is_refused_before_any_picture_is_opened(root: Path, damage: str, message: str) -> None:
    command, *targets = damage.split()
    recursive = "-r" in targets
    for target in (t for t in targets if t != "-r"):
        paths = sorted(root.glob(target)) if "*" in target else [root / target]
        for path in paths:
            if command == "touch":
                path.touch()
            elif recursive:
                path.rename(root.with_name("elsewhere"))
            else:
                path.unlink()
    for path in root.glob("*/*.png"):
        path.write_bytes(b"never opened")
    with pytest.raises(UserError, match=message) as caught:
        FolderDataset([root], MODEL)
    assert str(root) in str(caught.value)


def test_a_long_list_of_lone_files_is_cut(root: Path) -> None:
    for n in range(10):
        make_pair(root, f"x{n}")
        (root / "labels" / f"x{n}.png").unlink()
    with pytest.raises(UserError, match=r"10 of 13 photos.*: x0\.png, x1\.png, x2\.png and 7 more;"):
        FolderDataset([root], MODEL)


def test_no_folder_at_all_is_refused() -> None:
    with pytest.raises(UserError, match="no data folder was given"):
        FolderDataset([], MODEL)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; write one line"),
        ("preset = ade20k", "cannot be read as TOML"),
        ("preset = 3", "preset must be a name in quotes"),
        ('preset = "no-such-schema"', "no-such-schema"),
        ('preset = "outdoor"\nvoid_ids = [0]', "names a preset and also void_ids"),
        ('name = "half"', "schema"),
    ],
)
def test_a_wrong_schema_file_is_refused(root: Path, text: str, message: str) -> None:
    (root / "schema.toml").write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        FolderDataset([root], MODEL)
    assert str(root / "schema.toml") in str(caught.value)


def test_a_folder_schema_is_a_preset_or_a_whole_schema(root: Path) -> None:
    assert read_folder_schema(root).names == ("sea", "sky", "lamp")
    (root / "schema.toml").write_text('preset = "ade20k-150-1based"')
    assert read_folder_schema(root) == load_schema("ade20k-150-1based")


def test_a_schema_that_shares_no_class_with_the_model_is_refused(root: Path) -> None:
    other = LabelSchema("rooms", (LabelClass(0, "ceiling", (9, 9, 9), "indoor"),), (255,))
    with pytest.raises(UserError, match="no class of its schema mine has a counterpart in rooms"):
        FolderDataset([root], other)


def test_a_photo_and_a_map_of_different_sizes_are_refused_naming_both(root: Path) -> None:
    Image.fromarray(np.full((5, 8), 10, np.uint8)).save(root / "labels" / "a.png")
    dataset = FolderDataset([root], MODEL)
    with pytest.raises(UserError, match=r"images/a\.png is 8×6 pixels but .*labels/a\.png is 8×5"):
        dataset[0]


def test_a_foreign_id_names_the_file(root: Path) -> None:
    Image.fromarray(np.full((6, 8), 77, np.uint8)).save(root / "labels" / "b.png")
    with pytest.raises(UserError, match=r"labels/b\.png.*77"):
        FolderDataset([root], MODEL)[1]


def test_the_fingerprint_of_many_scenes_reads_the_ends_of_some(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def prints() -> str:
        return FolderDataset([root], load_schema("outdoor")).fingerprint()

    whole = prints()
    monkeypatch.setattr("sceneswap.data.folder._SUMMED", 1)
    some = prints()
    assert some not in (whole, "")
    last = sorted((root / "labels").iterdir())[-1]
    data = last.read_bytes()
    last.write_bytes(bytes([*data[:-1], data[-1] ^ 1]))
    assert prints() == some  # its ends are not read; its size is
    last.write_bytes(data + b"0")
    assert prints() != some


def test_the_share_of_void(root: Path) -> None:
    dataset = FolderDataset([root], MODEL)
    assert dataset.void_share() == pytest.approx(1 / 3)  # c
    assert dataset.void_share(most=1) == 0


def test_a_folder_of_nothing_but_void_is_refused(root: Path) -> None:
    make_pair(root, "a", value=30)  # a lamp, which the model does not know
    make_pair(root, "b", value=255)
    with pytest.raises(UserError, match="every label map is void everywhere in the classes of model"):
        FolderDataset([root], MODEL).void_share(most=1)
