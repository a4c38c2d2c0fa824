"""Files in an object store are read and written as those here, whole or not at all."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from sceneswap.errors import UserError
from sceneswap.files import read_json, read_text, write_json
from sceneswap.guard import keep_inputs
from sceneswap.images import read_photo, write_picture
from sceneswap.inference.given import label_map_of
from sceneswap.labels.io import read_label_map, write_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.remote import check_reachable, is_remote, place

pytest.importorskip("upath", reason="object stores need universal_pathlib: pip install 'sceneswap[ray]'")


@pytest.fixture
def store(request: pytest.FixtureRequest) -> Path:
    """A folder of a store in memory."""
    return place(f"memory://{request.node.name}")


def test_a_place_is_a_path_or_an_address(tmp_path: Path) -> None:
    assert place(str(tmp_path)) == place(f"file://{tmp_path}") == place(tmp_path) == tmp_path
    assert place("a//b") == Path("a/b")
    assert not is_remote(tmp_path)
    assert is_remote(place("memory://x/y"))
    assert str(pickle.loads(pickle.dumps(place("memory://x/y")))) == "memory://x/y"
    for wrong in ("sftp://host/data", "hdfs://x", "http://x/y"):
        with pytest.raises(UserError, match=f"{wrong} is no address that files can be written to whole"):
            place(wrong)


def test_what_is_written_there_is_read_there(store: Path) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (32, 48, 3)).astype(np.uint8)
    schema = load_schema("outdoor")
    label_map = np.random.default_rng(1).integers(0, schema.num_classes, (32, 48)).astype(np.int16)
    write_picture(store / "images" / "a.png", photo)
    assert np.array_equal(read_photo(store / "images" / "a.png"), photo)
    for name in ("a.png", "a.npy"):
        write_label_map(store / "labels" / name, label_map, schema)
        assert np.array_equal(read_label_map(store / "labels" / name, schema), label_map)
        assert np.array_equal(label_map_of(store / "labels" / name, schema), label_map)
    write_json(store / "a.json", {"a": 1})
    assert read_json(store / "a.json", "a record") == {"a": 1}


def test_a_write_that_fails_leaves_the_old_object(store: Path) -> None:
    write_json(store / "a.json", 1)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(store / "a.json", float("nan"))
    assert read_json(store / "a.json", "a record") == 1


def test_what_is_missing_there_is_one_sentence(store: Path) -> None:
    with pytest.raises(UserError, match=r"memory://.*/no\.jpg does not exist"):
        read_photo(store / "no.jpg")
    with pytest.raises(UserError, match="does not exist; check"):
        read_text(store / "no.txt", "the list")


def test_inputs_there_are_kept(store: Path) -> None:
    with pytest.raises(UserError, match="would overwrite the input"):
        keep_inputs([store / "a.png"], [store / "b.png", store / "a.png"])
    with pytest.raises(UserError, match="choose another folder"):
        keep_inputs([], [store / "images" / "a.png"], filled=[store / "images"])
    keep_inputs([store / "c.png"], [store / "a.png"], filled=[store / "out"])


def test_a_store_that_does_not_answer_is_one_sentence(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object, **__: object) -> bool:
        raise RuntimeError("no credentials\nand more")

    monkeypatch.setattr(type(store), "exists", closed)
    with pytest.raises(UserError, match=r"cannot be reached \(no credentials\); check"):
        check_reachable(store)
