"""Pairs are chosen as the tasks say, by seed, and each knows its similarity."""

from pathlib import Path

import numpy as np
import pytest

from sceneswap.errors import UserError
from sceneswap.evaluation.pairs import (
    ProceduralPairs,
    Scenes,
    own_pairs,
    random_pairs,
    retrieval_ranks,
    retrieved_pairs,
)  # fmt: skip
from sceneswap.labels.presets import load_schema


@pytest.fixture
def scenes(scenes_folder: Path) -> Scenes:
    return Scenes([scenes_folder], 32, load_schema("procedural"))


def test_scenes_are_resized_whole_and_named_by_folder(scenes: Scenes) -> None:
    assert len(scenes) == 8
    assert scenes[3].size == (32, 32)
    assert scenes[3].name == "scenes/03"


def test_random_pairs_never_join_a_scene_with_itself_nor_repeat(scenes: Scenes) -> None:
    pairs = random_pairs(scenes, 40, seed=0)
    assert len(set(pairs.chosen)) == 40
    assert all(layout != look for layout, look in pairs.chosen)
    assert {layout for layout, _ in pairs.chosen} == {look for _, look in pairs.chosen} == set(range(8))


def test_random_pairs_depend_on_the_seed_alone(scenes: Scenes) -> None:
    assert random_pairs(scenes, 20, 3).record == random_pairs(scenes, 20, 3).record
    assert random_pairs(scenes, 20, 3).record["sha256"] != random_pairs(scenes, 20, 4).record["sha256"]


def test_all_pairs_when_more_are_asked_for(scenes: Scenes) -> None:
    assert sorted(random_pairs(scenes, 2500, 0).chosen) == [(a, b) for a in range(8) for b in range(8) if a != b]


def test_duplicates_have_their_own_photograph_as_exemplar_and_answer(scenes: Scenes) -> None:
    pairs = own_pairs(scenes, 2500, 0, mirrored=False)
    assert len(pairs) == 8
    sample = pairs[5]
    assert sample.similarity == pytest.approx(1)
    assert sample.answer is not None
    assert np.array_equal(sample.answer, scenes[5].photo)
    assert np.array_equal(sample.exemplar.photo, scenes[5].photo)


def test_mirrored_exemplars_have_both_photograph_and_map_mirrored(scenes: Scenes) -> None:
    sample = own_pairs(scenes, 2500, 0, mirrored=True)[2]
    assert np.array_equal(sample.exemplar.photo[:, ::-1], scenes[2].photo)
    assert np.array_equal(sample.exemplar.label_map[:, ::-1], scenes[2].label_map)
    assert np.array_equal(sample.target.photo, scenes[2].photo)
    assert not np.array_equal(sample.exemplar.label_map, scenes[2].label_map)


def test_fewer_scenes_are_a_seeded_choice(scenes: Scenes) -> None:
    chosen = own_pairs(scenes, 4, 1, mirrored=False).chosen
    assert len(set(chosen)) == 4
    assert chosen == own_pairs(scenes, 4, 1, mirrored=False).chosen
    assert any(chosen != own_pairs(scenes, 4, seed, mirrored=False).chosen for seed in range(2, 6))


@pytest.mark.parametrize(("others", "ranks"), [(2, (1, 2)), (7, (1, 2)), (50, (1, 10)), (1000, (10, 200))])
def test_retrieval_leaves_out_the_top_one_percent(others: int, ranks: tuple[int, int]) -> None:
    assert retrieval_ranks(others) == ranks


def test_retrieved_exemplars_lie_in_those_ranks(scenes: Scenes) -> None:
    pairs = retrieved_pairs(scenes, 2500, 0)
    assert [layout for layout, _ in pairs.chosen] == list(range(8))
    for i, (layout, look) in enumerate(pairs.chosen):  # of 7 others, rank 1 alone is allowed
        all_of_them = {other: random_similarity(scenes, layout, other) for other in range(8) if other != layout}
        ranked = sorted(all_of_them, key=lambda other: -all_of_them[other])
        assert look == ranked[1]
        assert pairs[i].similarity == pytest.approx(all_of_them[look])


def random_similarity(scenes: Scenes, one: int, other: int) -> float:
    """Label-histogram intersection, computed here from its definition."""
    a, b = (
        np.bincount(scenes[i].label_map.ravel(), minlength=27)[:27] / scenes[i].label_map.size for i in (one, other)
    )
    return float(np.minimum(a, b).sum())


def test_one_scene_cannot_be_swapped(tmp_path: Path, scenes_folder: Path) -> None:
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "00.png").write_bytes((scenes_folder / part / "00.png").read_bytes())
    (tmp_path / "schema.toml").write_bytes((scenes_folder / "schema.toml").read_bytes())
    with pytest.raises(UserError, match="holds 1 scene; this task needs at least 2"):
        random_pairs(Scenes([tmp_path], 32, load_schema("procedural")), 5, 0)


def test_procedural_pairs_have_true_pictures_of_unseen_seeds() -> None:
    pairs = ProceduralPairs(2, 48, 0)
    sample = pairs[1]
    assert sample.answer is not None
    assert sample.answer.shape == (48, 48, 3)
    assert sample.target.name == "procedural-2000002-2000002"
    assert pairs.record["first_seed"] == 1_000_000
    assert pairs.record["sha256"] != ProceduralPairs(2, 48, 1).record["sha256"]
    with pytest.raises(IndexError):
        pairs[2]
    with pytest.raises(UserError, match="for training"):
        ProceduralPairs(2, 48, -1)
