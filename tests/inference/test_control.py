"""What attention does before training: the same network from its start, and global average pooling."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sceneswap.data.folder import FolderDataset
from sceneswap.inference.control import POOLED, control_matrices, untrained
from sceneswap.inference.transfer_matrix import TransferMatrix, transfer_matrix
from tests.tiny import random_scene, tiny_synthesizer, write_scene


@pytest.fixture
def dataset(tmp_path: Path) -> FolderDataset:
    for i in range(4):
        write_scene(tmp_path / "scenes", f"{i}", random_scene(i))
    return FolderDataset([tmp_path / "scenes"], tiny_synthesizer().schema)


def test_an_untrained_model_is_what_training_starts_from() -> None:
    trained = tiny_synthesizer(seed=5)
    state = torch.random.get_rng_state()
    first, again, other = untrained(trained, 5), untrained(trained, 5), untrained(trained, 6)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert first.weights_sha256 == again.weights_sha256 != other.weights_sha256
    assert first.weights_sha256 == trained.weights_sha256  # which has never been trained, from the same seed
    assert first.release.model == trained.release.model
    assert first.working_size == trained.working_size


def test_controls_are_measured_on_the_same_pairs(dataset: FolderDataset, tmp_path: Path) -> None:
    model = tiny_synthesizer(seed=5)
    matrix = transfer_matrix(model, dataset, 3, tmp_path / "out", seed=1)
    done: list[int] = []
    controls = control_matrices(model, dataset, matrix, tmp_path / "out", (5, 6), seed=1, on_pair=done.append)
    assert list(controls) == ["untrained, seed 5", "untrained, seed 6", POOLED]
    assert sum(done) == 6
    for control in controls.values():
        assert np.array_equal(control.positions, matrix.positions)
        assert np.array_equal(control.shared, matrix.shared)
    assert np.array_equal(controls["untrained, seed 5"].sums, matrix.sums)
    assert not np.array_equal(controls["untrained, seed 6"].sums, matrix.sums)
    labels = matrix.frequent(3)
    pooled = controls[POOLED].summary(labels)
    assert pooled["diagonal"] == pytest.approx(matrix.summary(labels)["chance"])
    done.clear()
    control_matrices(model, dataset, matrix, tmp_path / "out", (5, 6), seed=1, on_pair=done.append)
    assert done == [3, 3]  # kept


def test_pooling_has_nothing_to_learn(dataset: FolderDataset, tmp_path: Path) -> None:
    model = tiny_synthesizer("gap")
    matrix = transfer_matrix(model, dataset, 2, tmp_path)
    assert list(control_matrices(model, dataset, matrix, tmp_path, (0, 1, 2))) == [POOLED]


def test_the_aligned_start_alone_takes_like_to_like() -> None:
    """Why a control is needed: without any training the diagonal stands out."""

    def excess(aligned: bool) -> float:
        values = []
        for seed in range(6):
            model = tiny_synthesizer(seed=seed, aligned_start=aligned)
            matrix = TransferMatrix.empty((*model.schema.names, "void"))
            for i in range(3):
                matrix = matrix.with_pair(model, random_scene(i), random_scene(10 + i))
            means = matrix.summary(matrix.frequent(4))
            values.append(means["diagonal_where_shared"] - means["chance_where_shared"])
        return float(np.mean(values))

    aligned, plain = excess(True), excess(False)
    assert aligned > 0.015, (aligned, plain)
    assert aligned > plain + 0.01, (aligned, plain)
