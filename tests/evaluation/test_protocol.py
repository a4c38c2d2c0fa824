"""The protocol record changes with everything that a number depends on, and with nothing else."""

import json
import shutil
from pathlib import Path

import pytest

from sceneswap.evaluation.pairs import ProceduralPairs, Scenes, random_pairs
from sceneswap.evaluation.protocol import first_difference, folder_hash, protocol, shorten
from sceneswap.images import read_photo, write_png
from sceneswap.labels.presets import load_schema


@pytest.fixture
def copied(scenes_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(scenes_folder, tmp_path / "scenes"))


def test_folder_hash_is_of_names_and_bytes(scenes_folder: Path, copied: Path) -> None:
    original = folder_hash([scenes_folder])
    assert folder_hash([copied]) == original  # wherever it lies
    (copied / "images" / ".DS_Store").write_bytes(b"noise")
    assert folder_hash([copied]) == original
    photo = read_photo(copied / "images" / "03.png").copy()
    photo[0, 0, 0] ^= 1
    write_png(copied / "images" / "03.png", photo)
    changed = folder_hash([copied])
    assert changed != original
    (copied / "images" / "03.png").rename(copied / "images" / "33.png")
    assert folder_hash([copied]) != changed


def test_folder_hash_of_an_import_in_place_is_of_the_files_it_names(scenes_folder: Path, tmp_path: Path) -> None:
    schema = (scenes_folder / "schema.toml").read_text()
    root = tmp_path / scenes_folder.resolve().name
    root.mkdir()
    (root / "schema.toml").write_text(schema)
    stems = {p.stem: p for p in (scenes_folder / "images").iterdir()}
    maps = {p.stem: p for p in (scenes_folder / "labels").iterdir()}
    scenes = {stem: [str(photo), str(maps[stem])] for stem, photo in stems.items()}
    (root / "index.json").write_text(json.dumps({"scenes": scenes}))
    assert folder_hash([root]) == folder_hash([scenes_folder])
    scenes.popitem()
    (root / "index.json").write_text(json.dumps({"scenes": scenes}))
    assert folder_hash([root]) != folder_hash([scenes_folder])


def test_folder_hash_counts_the_schema(scenes_folder: Path, copied: Path) -> None:
    (copied / "schema.toml").write_text('preset = "outdoor"\n')
    assert folder_hash([copied]) != folder_hash([scenes_folder])


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("pairs.count", {"count": 4}),
        ("pairs.seed", {"seed": 1}),
        ("size", {"size": 64}),
        ("metrics.NN_pixel", {"metrics": {"NN_pixel": "nn-pixel-2"}}),
        ("extractors.VGG-19", {"extractors": {"VGG-19": "f" * 64}}),
        ("task", {"task": "layout"}),
        ("schema.name", {"schema": "outdoor"}),
    ],
)
def test_every_setting_is_in_the_record(scenes_folder: Path, field: str, change: dict[str, object]) -> None:
    def record(
        count: int = 5, seed: int = 0, size: int = 32, task: str = "swap", schema: str = "procedural",
        metrics: dict[str, str] | None = None, extractors: dict[str, str] | None = None,
    ) -> dict[str, object]:  # fmt: skip
        pairs = random_pairs(Scenes([scenes_folder], size, load_schema(schema)), count, seed)
        definitions, hashes = metrics or {"NN_pixel": "nn-pixel-1"}, extractors or {"VGG-19": "0" * 64}
        return protocol(task, pairs, size, metrics=definitions, extractors=hashes)

    assert first_difference(record(), record()) is None
    found = first_difference(record(), record(**change))  # type: ignore[arg-type]
    assert found is not None
    assert found[0] == field


def test_procedural_data_is_named_by_the_renderer() -> None:
    record = protocol("known-answer", ProceduralPairs(2, 32, 0), 32, metrics={}, extractors={})
    assert record["data"]["names"] == ["procedural renderer"]
    assert len(record["data"]["sha256"]) == 64


def test_first_difference_names_missing_fields() -> None:
    assert first_difference({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}) == ("a.c", "missing", 2)
    assert first_difference({"a": [1, 2]}, {"a": [1, 3]}) == ("a", [1, 2], [1, 3])


def test_shorten() -> None:
    assert shorten("x" * 100) == "x" * 57 + "…"
    assert shorten([1, 2]) == "[1, 2]"
