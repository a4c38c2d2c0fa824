"""The attention of a real network, and the transfer matrix against its slow definition (supplement §2)."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from sceneswap.data.folder import FolderDataset
from sceneswap.errors import UserError
from sceneswap.images import read_photo
from sceneswap.inference.attention import Attention, attend, label_transfer
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.inference.transfer_matrix import TransferMatrix, cluster, dendrogram_features, transfer_matrix
from sceneswap.jobs.attention import write_matrix_page
from sceneswap.models import msca
from sceneswap.models.generator import Generator
from tests.tiny import random_scene, tiny_synthesizer, write_scene

CLASSES = (0, 3, 5, 19, 21)


@pytest.fixture(scope="module")
def synthesizer() -> Synthesizer:
    return tiny_synthesizer()


@pytest.fixture
def dataset(tmp_path: Path, synthesizer: Synthesizer) -> FolderDataset:
    for i in range(4):
        write_scene(tmp_path / "scenes", f"{i}", random_scene(i, 40, 32, classes=CLASSES[i % 2 :]))
    return FolderDataset([tmp_path / "scenes"], synthesizer.schema)


@pytest.mark.parametrize("kind", ["msca", "gap"])
def test_attention_is_the_networks(kind: str) -> None:
    synthesizer = tiny_synthesizer(kind)
    exemplar, label_map = random_scene(1, 32, 64), random_scene(2, 32, 24).label_map
    network = synthesizer.release.network
    assert isinstance(network, Generator)
    scales = attend(synthesizer, label_map, exemplar)
    image, exemplar_map = synthesizer.exemplar_input(exemplar)
    with torch.inference_mode():
        features, _ = network.exemplar_features(network.image_encoder(image), exemplar_map)
        targets = network.target_encoder(synthesizer.network_input(label_map))
        gathered = network.encode_exemplar(image, exemplar_map).scales
        moved = [layer(*one) for layer, *one in zip(network.layers, targets, gathered, strict=True)]
    for found, expected, f2 in zip(scales, moved, features, strict=True):
        alpha, beta = found.spatial.flatten(1)[None], found.channel.flatten(1)[None]
        assert found.spatial.shape[1:] == f2.shape[2:]
        affinity = msca.effective_affinity(beta, found.score[None], alpha)
        torch.testing.assert_close(f2.flatten(2) @ affinity.mT, expected.flatten(2), rtol=1e-4, atol=1e-5)


def test_the_baseline_has_no_attention() -> None:
    synthesizer = tiny_synthesizer("spade-vae")
    with pytest.raises(UserError, match="no attention"):
        attend(synthesizer, random_scene(1).label_map, random_scene(2))


def random_attention(maps: int = 3) -> Attention:
    generator = torch.Generator().manual_seed(0)
    spatial = (3 * torch.randn(maps, 6 * 4, generator=generator)).softmax(dim=1).unflatten(1, (6, 4))
    return Attention(
        spatial, torch.rand(maps, generator=generator), torch.randn(maps, 5, 7, generator=generator).softmax(0)
    )


def test_label_transfer_is_the_one_hot_map_pushed_through() -> None:
    attention, count = random_attention(), 4
    generator = torch.Generator().manual_seed(1)
    c1, c2 = (torch.randint(0, 3, size, generator=generator) for size in ((5, 7), (6, 4)))  # nothing has label 3
    sums, positions = label_transfer(attention, c1, c2, count)
    one_hot = torch.nn.functional.one_hot(c2.flatten(), count).T.double()[None]  # (1, C, P2)
    values = msca.spatial_aggregation(one_hot, attention.spatial.double().flatten(1)[None])
    pushed = msca.channel_aggregation(values, attention.channel.double().flatten(1)[None])[0]  # (C, P1)
    for label in range(count):
        there = c1.flatten() == label
        torch.testing.assert_close(sums[:, label], pushed[:, there].sum(dim=1), rtol=1e-5, atol=1e-6)
        assert positions[label] == there.sum()
    torch.testing.assert_close(sums.sum(dim=0), positions, rtol=1e-12, atol=1e-12)


def test_columns_sum_to_one_over_a_data_set(synthesizer: Synthesizer, dataset: FolderDataset, tmp_path: Path) -> None:
    done: list[int] = []
    matrix = transfer_matrix(synthesizer, dataset, 5, tmp_path / "out", on_pair=done.append)
    assert sum(done) == matrix.pairs == 5
    seen = matrix.positions > 0
    assert set(np.flatnonzero(seen)) == set(CLASSES)
    np.testing.assert_allclose(matrix.values[:, seen].sum(axis=0), 1, rtol=1e-9)
    np.testing.assert_allclose(matrix.uniform.sum(axis=0), matrix.positions)
    assert (matrix.shared <= matrix.positions).all()
    assert matrix.frequent(3) == sorted(CLASSES, key=lambda i: -matrix.positions[i])[:3]


def test_gap_transfers_by_chance(dataset: FolderDataset, tmp_path: Path) -> None:
    matrix = transfer_matrix(tiny_synthesizer("gap"), dataset, 3, tmp_path / "out")
    np.testing.assert_allclose(matrix.sums, matrix.uniform, rtol=1e-5, atol=1e-5)
    means = matrix.summary(list(CLASSES))
    assert means["diagonal"] == pytest.approx(means["chance"])
    assert means["diagonal_where_shared"] == pytest.approx(means["chance_where_shared"])


def test_an_interrupted_matrix_goes_on(synthesizer: Synthesizer, dataset: FolderDataset, tmp_path: Path) -> None:
    whole = transfer_matrix(synthesizer, dataset, 5, tmp_path / "whole")
    transfer_matrix(synthesizer, dataset, 2, tmp_path / "parts")
    done: list[int] = []
    parts = transfer_matrix(synthesizer, dataset, 5, tmp_path / "parts", on_pair=done.append)
    assert done == [2, 1, 1, 1]
    assert (parts.sums == whole.sums).all()
    assert (parts.positions == whole.positions).all()


def test_sums_of_something_else_are_refused(synthesizer: Synthesizer, dataset: FolderDataset, tmp_path: Path) -> None:
    transfer_matrix(synthesizer, dataset, 2, tmp_path)
    with pytest.raises(UserError, match="another model, data set or seed"):
        transfer_matrix(synthesizer, dataset, 2, tmp_path, seed=1)
    with pytest.raises(UserError, match="2 pairs already"):
        transfer_matrix(synthesizer, dataset, 1, tmp_path)
    state, buffer = tmp_path / "transfer-state.npz", io.BytesIO()
    with np.load(state) as kept:
        arrays = dict(kept)
    np.save(buffer, np.zeros(3))
    odd = [b"PK\x03\x04 broken", b"", bytes(100), buffer.getvalue()]
    for change in ({"sums": np.zeros(3)}, {"pairs": np.array("x")}, {"sums": np.array([["a"]])}):
        buffer = io.BytesIO()
        np.savez(buffer, **{**arrays, **change})
        odd.append(buffer.getvalue())
    for content in odd:
        state.write_bytes(content)
        with pytest.raises(UserError, match=r"is damaged .* remove it to start again"):
            transfer_matrix(synthesizer, dataset, 2, tmp_path)


def test_too_few_scenes_are_refused(synthesizer: Synthesizer, tmp_path: Path) -> None:
    write_scene(tmp_path, "one", random_scene(1))
    with pytest.raises(UserError, match="pairs of scenes"):
        transfer_matrix(synthesizer, FolderDataset([tmp_path], synthesizer.schema), 1, tmp_path / "out")


def test_dendrogram_features_replace_the_diagonal() -> None:
    values = np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.3], [0.1, 0.2, 0.3]])
    expected = [[0.2, 0.2, 0.1], [0.5, 0.4, 0.3], [0.1, 0.2, 0.2]]
    assert dendrogram_features(values).tolist() == expected
    assert values[0, 0] == 0.7


def test_clustering_joins_like_rows() -> None:
    features = np.array([[0.9, 0.1], [0.0, 1.0], [0.85, 0.1], [0.1, 0.9]])
    links = cluster(features)
    assert {int(links[0, 0]), int(links[0, 1])} == {0, 2}
    assert links[0, 2] == pytest.approx(0.05)
    assert {int(links[1, 0]), int(links[1, 1])} == {1, 3}
    between = np.linalg.norm(features[[0, 2]][:, None] - features[[1, 3]][None], axis=2).mean()
    assert links[2, 2] == pytest.approx(between)  # average linkage of Euclidean distances


def test_the_page_and_its_files(synthesizer: Synthesizer, dataset: FolderDataset, tmp_path: Path) -> None:
    matrix = transfer_matrix(synthesizer, dataset, 3, tmp_path)
    page = write_matrix_page(tmp_path, matrix, synthesizer, dendrogram=True)
    assert "Dendrogram" in page.read_text()
    lines = list(csv.reader((tmp_path / "transfer.csv").read_text().splitlines()))
    columns = np.array([[float(v) for v in line[1:]] for line in lines[1:]])
    np.testing.assert_allclose(columns.sum(axis=0), 1, atol=1e-4)
    record = json.loads((tmp_path / "transfer.json").read_text())
    assert record["pairs"] == 3
    assert np.shape(record["matrix"]) == (len(CLASSES), len(CLASSES))
    tree = json.loads((tmp_path / "dendrogram.json").read_text())
    assert (tree["method"], tree["metric"]) == ("average", "euclidean")
    assert len(tree["linkage"]) == len(CLASSES) - 1
    for name in ("transfer.png", "dendrogram.png"):
        assert min(read_photo(tmp_path / name).shape[:2]) > 200


def test_a_dendrogram_of_two_labels_is_refused(synthesizer: Synthesizer, tmp_path: Path) -> None:
    empty = TransferMatrix.empty((*synthesizer.schema.names, "void"))
    positions = np.zeros(len(empty.names))
    positions[:2] = 5
    two = TransferMatrix(empty.names, empty.sums, empty.uniform, positions, positions, 1)
    with pytest.raises(UserError, match="three labels"):
        write_matrix_page(tmp_path, two, synthesizer, dendrogram=True)


def test_the_attention_of_a_large_map_is_refused_in_a_sentence(synthesizer: Synthesizer) -> None:
    large = np.broadcast_to(np.int16(0), (1200, 1000))
    with pytest.raises(UserError, match="attention of 1000×1200 pixels takes too much memory, 1 million are possible"):
        attend(synthesizer, large, random_scene(1))
