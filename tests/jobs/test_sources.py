"""Names of files that must not be the same."""

from collections.abc import Callable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sceneswap.images import write_png
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.jobs.sources import find_sources, unique_names
from sceneswap.jobs.swap import swap
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
