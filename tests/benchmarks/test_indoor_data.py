"""The split of the indoor photographs, and the rule that made it."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.indoor.data import BLOCK, HERE, PARTS, SPLIT, parts
from sceneswap.data.pairing import Pair
from sceneswap.labels.presets import load_schema


def test_no_photograph_is_in_two_parts() -> None:
    split = json.loads(SPLIT.read_text())
    digests = [digest for part in PARTS for digest in split[part]]
    assert {part: len(split[part]) for part in PARTS} == {"train": 2032, "validation": 130, "test": 246}
    assert len(set(digests)) == len(digests)


def test_the_rule_of_the_split() -> None:
    def drawn(source: str, *named: tuple[str, int]) -> list[str]:
        pairs = [(Pair(name, Path(name), Path(name)), f"{h:08x}" + f"{i:056x}") for i, (name, h) in enumerate(named)]
        return [part for _, part in parts(source, pairs)]

    borders = [("a", 9), ("b", 10), ("c", 14), ("d", 15), ("e", 109)]
    assert drawn("houses_indoor", *borders) == ["test", "validation", "validation", "train", "test"]
    frames = drawn("nyuv2_indoor", *[(f"nyu_{n:04d}", n) for n in range(20 * BLOCK)])
    blocks = [set(frames[start : start + BLOCK]) for start in range(0, len(frames), BLOCK)]
    assert all(len(block) == 1 for block in blocks)  # a room is not torn apart
    assert len(set().union(*blocks)) > 1


@pytest.mark.parametrize(
    ("value", "name"), [(0, "wall-other"), (5, "couch"), (36, "clothes"), (37, "void"), (255, "void")]
)
def test_the_labels_of_nyu_depth(value: int, name: str) -> None:
    schema, indoor = load_schema(str(HERE / "nyuv2_schema.toml")), load_schema("indoor")
    index = schema.indices_of(np.array([[value]], dtype=np.uint8))
    assert (*indoor.names, "void")[schema.convert(index, indoor)[0, 0]] == name
