"""Scenes in shards: the same scenes as in folders, verified, refused when they are not what was written."""

import hashlib
import io
import json
import pickle
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sceneswap.cli.main import run
from sceneswap.data.damaged import SkippingDamaged
from sceneswap.data.folder import FolderDataset
from sceneswap.data.shard import expand, key_of, unpack
from sceneswap.data.shard_dataset import ShardDataset, find_shards
from sceneswap.data.sharding import shard_folders
from sceneswap.data.sources import open_scenes
from sceneswap.errors import DamagedError, UserError
from sceneswap.labels.presets import load_schema
from tests.tiny import random_scene, write_scene

OUTDOOR = load_schema("outdoor")
COUNT = 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven scenes; one has a dot and an umlaut in its name."""
    root = tmp_path_factory.mktemp("data") / "mine"
    for number in range(COUNT):
        write_scene(root, "übersee.v2" if number == 3 else f"scene-{number}", random_scene(number))
    return root


@pytest.fixture
def shards(folder: Path, tmp_path: Path) -> Path:
    """Of two or three scenes each."""
    out = tmp_path / "shards"
    shard_folders([folder], out, size=16_000)
    assert len([*out.glob("*.tar")]) > 2
    return out


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    capsys.readouterr()
    assert run([*map(str, words)]) == 2
    return capsys.readouterr().err


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def rehashed(shards: Path, change: Callable[[bytes], bytes], scene: int = 0) -> None:
    """Replace the first shard by one with a changed scene, with an index that fits it: what a liar would hand out."""
    about = json.loads((shards / "shard-000000.json").read_text())
    tar = (shards / "shard-000000.tar").read_bytes()
    parts = [tar[start : start + size] for _, start, size, _ in about["scenes"]]
    parts[scene] = change(parts[scene])
    at = 0
    for row, part in zip(about["scenes"], parts, strict=True):
        row[1:] = [at, len(part), hashlib.sha256(part).hexdigest()]
        at += len(part)
    tar = b"".join(parts) + bytes(1024)
    (shards / "shard-000000.tar").write_bytes(tar)
    about |= {"bytes": len(tar), "sha256": hashlib.sha256(tar).hexdigest()}
    (shards / "shard-000000.json").write_text(json.dumps(about))
    index = json.loads((shards / "shards.json").read_text())
    index["shardlist"][0] |= {
        "filesize": len(tar), "sha256": about["sha256"],
        "index_sha256": hashlib.sha256((shards / "shard-000000.json").read_bytes()).hexdigest(),
    }  # fmt: skip
    (shards / "shards.json").write_text(json.dumps(index))


def test_shards_hand_out_what_the_folder_does(folder: Path, shards: Path) -> None:
    schema = load_schema("indoor")  # label maps are converted as those of folders are
    wanted = FolderDataset([folder], schema)
    for found in (ShardDataset([shards], schema), pickle.loads(pickle.dumps(ShardDataset([shards], schema)))):
        assert len(found) == COUNT
        for number in range(COUNT):
            assert np.array_equal(found[number].photo, wanted[number].photo)
            assert np.array_equal(found[number].label_map, wanted[number].label_map)
        assert "shard-000000.tar/00000000-scene-0.png" in found[0].name
    with pytest.raises(IndexError):
        ShardDataset([shards], schema)[COUNT]


def test_photographs_and_label_maps_keep_their_bytes(folder: Path, shards: Path) -> None:
    data, found = FolderDataset([folder], OUTDOOR), []
    for tar in sorted(shards.glob("*.tar")):
        with tarfile.open(tar) as archive:
            found += [(m.name, archive.extractfile(m).read()) for m in archive]  # type: ignore[union-attr]
    assert len({name.partition(".")[0] for name, _ in found}) == COUNT
    for number, (photo, labels) in enumerate(zip(data.names, data.label_maps, strict=True)):
        (name, image), (label_name, label_map), (about_name, about) = found[3 * number : 3 * number + 3]
        assert image == Path(photo).read_bytes()
        assert label_map == labels.read_bytes()
        assert name.endswith(".png")
        assert label_name.endswith(".labels.png")
        said = json.loads(about)
        assert about_name == f"{said['key']}.json"
        assert (said["title"], said["photo"], said["schema"]) == (data.titles[number], Path(photo).name, "outdoor")


def test_several_processes_and_a_second_run_give_the_same_bytes(folder: Path, shards: Path, tmp_path: Path) -> None:
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in shards.iterdir()}
    summary = shard_folders([folder], shards, size=16_000, workers=2)
    assert summary.present == summary.shards
    (tmp_path / "two").mkdir()
    other = tmp_path / "two" / "shards"
    shard_folders([folder], other, size=16_000, workers=2)
    for name, (data, date) in before.items():
        assert (shards / name).read_bytes() == (other / name).read_bytes() == data
        assert name == "shards.json" or (shards / name).stat().st_mtime_ns == date


def test_an_interrupted_run_goes_on(folder: Path, shards: Path) -> None:
    whole = {path.name: path.read_bytes() for path in shards.iterdir()}
    (shards / "shards.json").unlink()
    (shards / "shard-000001.json").unlink()  # killed between the tar and its index
    (shards / "shard-000002.json").unlink()
    (shards / "shard-000002.tar").unlink()
    assert shard_folders([folder], shards, size=16_000).present == len([*shards.glob("*.tar")]) - 2
    assert {path.name: path.read_bytes() for path in shards.iterdir()} == whole


def test_other_files_are_not_written_over(folder: Path, shards: Path, tmp_path: Path) -> None:
    whole = {path.name: path.read_bytes() for path in shards.iterdir()}
    other = tmp_path / "other"
    write_scene(other, "another", random_scene(99))
    with pytest.raises(UserError, match="which these shards would not have"):
        shard_folders([other], shards)
    with pytest.raises(UserError, match="of other scenes or another size"):
        shard_folders([folder, other], shards, size=16_000)
    assert {path.name: path.read_bytes() for path in shards.iterdir()} == whole
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "shard-000000.tar").write_text("my tape recorder")
    with pytest.raises(UserError, match="exists and is not what would be written"):
        shard_folders([other], mine)
    assert (mine / "shard-000000.tar").read_text() == "my tape recorder"


def test_folders_of_two_schemas(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "ade"
    write_scene(other, "a", random_scene(20, classes=(0, 2, 4)), "ade20k-150-1based")
    shard_folders([folder, other], tmp_path / "shards")
    wanted, found = FolderDataset([folder, other], OUTDOOR), ShardDataset([tmp_path / "shards"], OUTDOOR)
    assert len(found) == COUNT + 1
    assert np.array_equal(found[COUNT].label_map, wanted[COUNT].label_map)
    assert found.void_share() == pytest.approx(wanted.void_share())
    only = ["mine/scene-2", "a"]
    chosen = ShardDataset([tmp_path / "shards"], OUTDOOR, only=only)
    assert [chosen[i].label_map.tolist() for i in range(2)] == [wanted[i].label_map.tolist() for i in (2, COUNT)]
    assert chosen.fingerprint() != found.fingerprint()
    with pytest.raises(UserError, match="are in none of the data folders: nobody"):
        ShardDataset([tmp_path / "shards"], OUTDOOR, only=["nobody"])
    with pytest.raises(UserError, match="shard the folder too"):
        open_scenes([folder, tmp_path / "shards"], OUTDOOR)


def test_ranges_of_shards(shards: Path) -> None:
    some = ShardDataset([f"{shards}/shard-{{000000..000001}}.tar"], OUTDOOR)
    listed = ShardDataset([shards / "shard-000000.tar", shards / "shard-000001.tar"], OUTDOOR)
    assert len(some) == len(listed) < COUNT
    assert some.fingerprint() == listed.fingerprint() != ShardDataset([shards], OUTDOOR).fingerprint()
    assert expand("a{8..10}b{x,y}") == ["a8bx", "a8by", "a9bx", "a9by", "a10bx", "a10by"]
    assert expand("{008..010}") == ["008", "009", "010"]
    for wrong in ("{5..3}.tar", "{0..99999999}.tar", "{ab}.tar"):
        with pytest.raises(UserError):
            expand(wrong)


def test_keys_have_no_dots() -> None:
    assert "." not in key_of(3, "folder.x/a.b.c")
    assert key_of(3, "x/beach") == "00000003-beach"
    assert len(key_of(3, "x/" + "ü" * 200).encode()) < 90


# --- What is wrong is named -------------------------------------------------------------------------------------------


def test_verify_finds_nothing_amiss(shards: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "verify", str(shards), "--pictures", "--workers", "2"]) == 0
    assert f"verified: {COUNT} scenes" in capsys.readouterr().out


def test_any_flipped_byte_is_found(shards: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tar = shards / "shard-000000.tar"
    first = json.loads((shards / "shard-000000.json").read_text())["scenes"][0]
    for at in (0, 700, first[1] + first[2] - 1, tar.stat().st_size - 1):  # a name, a pixel, padding, the end
        flip(tar, at)
        errors = refused(capsys, "data", "verify", shards, "--workers", 1)
        assert "shard-000000.tar" in errors
        assert "1 fault in" in errors
        flip(tar, at)
    assert run(["data", "verify", str(shards), "--workers", "1"]) == 0


def test_reading_finds_a_flipped_byte_and_skips_it_on_request(shards: Path, caplog: pytest.LogCaptureFixture) -> None:
    flip(shards / "shard-000000.tar", 700)
    data = ShardDataset([shards], OUTDOOR)
    with pytest.raises(DamagedError, match=r"the scene mine/scene-0 in .*shard-000000\.tar is damaged"):
        data[0]
    assert np.array_equal(SkippingDamaged(data)[0].photo, data[1].photo)
    assert "skipped: the scene mine/scene-0" in caplog.text

    class Nothing:
        def __len__(self) -> int:
            return 1000

        def __getitem__(self, index: int) -> None:
            raise DamagedError(f"scene {index}")

    with pytest.raises(UserError, match="one after another cannot be read; the first because scene 990"):
        SkippingDamaged(Nothing())[990]  # type: ignore[arg-type]


def test_missing_cut_short_and_mixed_shards_are_refused(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(data: object, *sentences: str) -> None:
        train = ("train", "--preset", "tiny", "--data", data, "--out", tmp_path / "run", "--device", "cpu")
        for command in (train, ("data", "verify", data, "--workers", 1)):
            errors = refused(capsys, *command)
            assert errors.count("\n") == (1 if command is train else errors.count("\n"))
            assert all(sentence in errors for sentence in sentences), errors

    said(f"{shards}/shard-{{000000..000128}}.tar", "is none of the", "correct the range")
    said(f"{tmp_path}/shard-{{000000..000002}}.tar", "shards.json is missing")
    tar, whole = shards / "shard-000001.tar", (shards / "shard-000001.tar").read_bytes()
    tar.write_bytes(whole[:-2000])
    said(shards, "shard-000001.tar has", "copy it again")
    tar.unlink()
    said(shards, "the shard", "shard-000001.tar does not exist")
    tar.write_bytes(whole)
    index = shards / "shards.json"
    text = index.read_text()
    index.write_text(text.replace("sceneswap-shards-1", "other"))
    said(shards, "shards.json is not an index of `sceneswap data shard`")
    for wrong in ("../shard-000000.tar", "/etc/passwd", "a/b.tar"):
        index.write_text(text.replace('"shard-000000.tar"', json.dumps(wrong)))
        said(shards, "a shard lies beside the index")
    index.write_text(text)
    own = shards / "shard-000000.json"
    own.write_text(own.read_text().replace("scene-0", "scene-9"))
    errors = refused(capsys, "data", "verify", shards, "--workers", 1)
    assert "shard-000000.json is not the index that shards.json names" in errors
    with pytest.raises(UserError, match="not the index that"):
        ShardDataset([shards], OUTDOOR)[0]


def member(name: str, kind: bytes = tarfile.REGTYPE, data: bytes = b"") -> bytes:
    header = tarfile.TarInfo(name)
    header.type, header.linkname, header.size = kind, "/etc/passwd", len(data)
    return header.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % 512)


@pytest.mark.parametrize(
    ("extra", "sentence"),
    [
        (member("00000000-scene-0.x", tarfile.SYMTYPE), "holds 00000000-scene-0.x, a link"),
        (member("00000000-scene-0.x", tarfile.LNKTYPE), "a link"),
        (member("00000000-scene-0.x", tarfile.CHRTYPE), "a device"),
        (member("00000000-scene-0.x", tarfile.FIFOTYPE), "a pipe"),
        (member("folder", tarfile.DIRTYPE), "a folder"),
        (member("../../.bashrc", data=b"rm"), "which leads elsewhere"),
        (member("/etc/cron", data=b"rm"), "which leads elsewhere"),
        (member("lonely.jpg", data=b"?"), "not a photograph with its label map and JSON"),
    ],
)
def test_odd_members_are_refused_even_with_an_index_that_fits(
    shards: Path, capsys: pytest.CaptureFixture[str], extra: bytes, sentence: str
) -> None:
    rehashed(shards, lambda scene: scene + extra)
    errors = refused(capsys, "data", "verify", shards, "--workers", 1)
    assert sentence in errors
    assert errors.count("\n") == 2
    with pytest.raises(DamagedError, match=sentence.partition(",")[0]):
        ShardDataset([shards], OUTDOOR)[0]


def test_scenes_without_a_pair_and_cut_scenes(shards: Path) -> None:
    scene = (shards / "shard-000000.tar").read_bytes()[:3000]
    for data in (b"", b"x" * 700, scene[:512], scene[:1024], member("a.jpg", data=b"1"), member("a.json", data=b"{}")):
        with pytest.raises(DamagedError):
            unpack(data, "s.tar")
    odd = member("a.jpg", data=b"1") + member("b.labels.png", data=b"2") + member("a.json", data=b"{}")
    with pytest.raises(DamagedError, match=r"a, b is not a photograph"):
        unpack(odd, "s.tar")


# --- Other readers ----------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)  # webdataset's own
def test_webdataset_opens_the_shards(folder: Path, shards: Path) -> None:
    webdataset = pytest.importorskip("webdataset", reason="needs the extra shards")
    urls = [str(path) for path in sorted(shards.glob("*.tar"))]
    found = list(webdataset.WebDataset(urls, shardshuffle=False).decode("rgb8"))
    data = FolderDataset([folder], OUTDOOR)
    assert len(found) == COUNT
    for sample, number in zip(found, range(COUNT), strict=True):
        assert np.array_equal(sample["png"], data[number].photo)
        assert sample["json"]["title"] == data.titles[number]
        assert sample["labels.png"].shape[:2] == data[number].label_map.shape


def test_hugging_face_datasets_opens_the_shards(
    folder: Path, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets", reason="needs the package datasets (pip install datasets)")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    files = {"train": [str(path) for path in sorted(shards.glob("*.tar"))]}
    found = datasets.load_dataset("webdataset", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    data = FolderDataset([folder], OUTDOOR)
    assert len(found) == COUNT
    for row, number in zip(found, range(COUNT), strict=True):
        assert np.array_equal(np.asarray(row["png"]), data[number].photo)
        assert np.array_equal(OUTDOOR.indices_of(np.asarray(row["labels.png"])), data[number].label_map)
        assert row["json"]["title"] == data.titles[number]


def test_shards_behind_a_url_are_fetched_once(
    folder: Path, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("webdataset", reason="needs the extra shards")
    cache, wanted = tmp_path / "cache", FolderDataset([folder], OUTDOOR)
    for url in (f"file://{shards}/shard-{{000000..000001}}.tar", f"pipe:cat {shards}/shard-{{000000..000001}}.tar"):
        found = ShardDataset([url], OUTDOOR, cache=cache)
        assert np.array_equal(found[len(found) - 1].photo, wanted[len(found) - 1].photo)
    assert run(["data", "verify", url, "--cache", str(cache), "--workers", "1"]) == 0
    assert len([*cache.glob("*.tar")]) == 2
    assert find_shards([url], cache)[0].place.remote
    (shards / "shard-000001.tar").write_bytes(b"other")
    assert found[len(found) - 1].photo.shape  # it is kept
    errors = refused(capsys, "data", "verify", url, "--cache", tmp_path / "new", "--workers", 1)
    assert "is not what shards.json says: its hash differs" in errors
    assert "cannot be fetched" in refused(capsys, "data", "verify", f"file://{tmp_path}/no/s-000000.tar")
    assert "names no shard" in refused(capsys, "data", "verify", "https://host/data/")


def test_urls_need_the_extra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "webdataset.gopen", None)
    monkeypatch.setitem(sys.modules, "webdataset", None)
    errors = refused(capsys, "data", "verify", "https://host/shard-000000.tar")
    assert "pip install 'sceneswap[shards]'" in errors


def test_sizes(capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    assert "--size huge" in refused(capsys, "data", "shard", folder, "--out", tmp_path / "s", "--size", "huge")
    assert run(["data", "shard", str(folder), "--out", str(tmp_path / "s"), "--size", "16 kb", "--workers", "1"]) == 0
    assert "sharded to" in capsys.readouterr().out
    assert io.BytesIO((tmp_path / "s" / "shards.json").read_bytes()).read(1) == b"{"
