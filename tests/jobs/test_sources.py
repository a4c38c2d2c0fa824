"""Names of files that must not be the same."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sceneswap.data.pairing import by_stem
from sceneswap.errors import UserError
from sceneswap.images import PHOTO_SUFFIXES, write_png
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.jobs.sources import find_sources, unique_names
from sceneswap.jobs.swap import swap
from sceneswap.labels.presets import load_schema
from sceneswap.notes import on_stderr
from sceneswap.scene import Scene


@given(st.lists(st.sampled_from(["a", "A", "a-2", "a-2-2", "b", "B-2", "b-2"])))
def test_unique_names_are_unique_on_every_file_system(names: list[str]) -> None:
    unique = unique_names(names)
    assert len({name.casefold() for name in unique}) == len(unique) == len(names)
    assert all(new.startswith(old) for old, new in zip(names, unique, strict=True))
    if len({name.casefold() for name in names}) == len(names):
        assert unique == names


def test_names_with_the_separator_lose_no_picture(
    synthesizer: Synthesizer, scene: Callable[..., Scene], tmp_path: Path
) -> None:
    one = scene()
    names = ("a", "a__b", "b__c", "c")
    for name in names:
        write_png(tmp_path / "images" / f"{name}.png", one.photo)
        write_png(tmp_path / "labels" / f"{name}.png", synthesizer.schema.decode(one.label_map))
    (tmp_path / "schema.toml").write_text(f'preset = "{synthesizer.schema.name}"\n')
    sources, _ = find_sources([tmp_path], labels=None, schema=synthesizer.schema, file_schema=None, limit=4)
    swap(synthesizer, sources, tmp_path / "out")
    assert len(list((tmp_path / "out" / "swaps").iterdir())) == 16


def test_a_folder_may_hold_photographs_and_saved_looks(
    synthesizer: Synthesizer, scene: Callable[..., Scene], tmp_path: Path
) -> None:
    write_png(tmp_path / "beach.png", scene().photo)
    synthesizer.encode(scene(seed=1)).save(tmp_path / "dusk.look.safetensors")
    (tmp_path / "notes.txt").write_text("")
    found, count = find_sources([tmp_path], schema=synthesizer.schema)
    assert [(one.name, one.photo.name, one.label_map) for one in found] == [
        ("beach", "beach.png", None),
        ("dusk", "dusk.look.safetensors", None),
    ]
    assert count == 2


def test_a_folder_says_what_it_passes_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.jfif", "b.JPE", ".hidden.txt"):
        (tmp_path / name).touch()
    for name in ("c.cr2", "d.cr2", "notes.txt"):
        (tmp_path / name).touch()
    schema = load_schema("outdoor")
    with on_stderr():
        sources, _ = find_sources([tmp_path], schema=schema, limit=9)
    assert [source.photo.name for source in sources] == ["a.jfif", "b.JPE"]
    assert f"passed over in {tmp_path}: 2 .cr2, 1 .txt (no photographs" in capsys.readouterr().err
    for name in ("a.jfif", "b.JPE"):
        (tmp_path / name).unlink()
    with pytest.raises(UserError, match=r"holds no photographs, but 2 \.cr2, 1 \.txt"):
        find_sources([tmp_path], schema=schema, limit=9)


def test_names_pair_up_however_their_letters_are_spelled(tmp_path: Path) -> None:
    spelled, composed = "cafe\u0301", "caf\u00e9"
    folder = tmp_path / "photos"
    maps = tmp_path / "maps"
    for place in (folder, maps):
        place.mkdir()
    (folder / f"{spelled}.jpg").touch()
    (maps / f"{composed}.png").touch()
    schema = load_schema("outdoor")
    ((source,), _) = find_sources([folder], labels=maps, schema=schema, limit=9)
    assert source.label_map == maps / f"{composed}.png"
    assert by_stem(folder, PHOTO_SUFFIXES).keys() == by_stem(maps, (".png",)).keys()
