"""From which labels the learned attention takes features for which labels, over a whole data set (supplement §2).

T[a, b] is the mean, over all target positions of label b, of the share that exemplar positions of label a have in the
attention of the finest scale, the mask left out. Columns sum to 1 over all labels, void among them.
"""

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sceneswap.data.folder import FolderDataset
from sceneswap.errors import UserError, encoded
from sceneswap.files import read_bytes, write_bytes
from sceneswap.inference.attention import attend, label_transfer
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.labels.io import resize_label_map
from sceneswap.scene import Scene

CLUSTERING = {"method": "average", "metric": "euclidean"}
_STATE = "transfer-state.npz"
_SAVE_EVERY = 50  # pairs

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class TransferMatrix:
    """Sums over pairs of scenes, C + 1 labels with void last.

    names: of the labels. sums: (C+1, C+1) shares summed over target positions, exemplar label × target label. uniform: the
    same for attention that is equal everywhere, as chance. positions: (C+1,) target positions per label. shared: those
    whose exemplar has the label too. pairs: how many.
    """

    names: tuple[str, ...]
    sums: Matrix
    uniform: Matrix
    positions: Matrix
    shared: Matrix
    pairs: int

    @staticmethod
    def empty(names: tuple[str, ...]) -> "TransferMatrix":
        """No pairs yet."""
        square, line = np.zeros((len(names), len(names))), np.zeros(len(names))
        return TransferMatrix(names, square, square, line, line, 0)

    @property
    def values(self) -> Matrix:
        """T (C+1, C+1): exemplar label a (row) × target label b (column), 0 … 1; NaN for labels that no target has."""
        with np.errstate(invalid="ignore"):
            return self.sums / self.positions

    @property
    def pooled(self) -> "TransferMatrix":
        """The matrix of global average pooling (GAP) on the same pairs, known without a model."""
        return TransferMatrix(self.names, self.uniform, self.uniform, self.positions, self.shared, self.pairs)

    def frequent(self, count: int) -> list[int]:
        """The labels with the most target positions, most frequent first, void left out."""
        order = np.argsort(-self.positions[:-1], kind="stable")[:count]
        return [int(i) for i in order if self.positions[i]]

    def summary(self, labels: list[int]) -> dict[str, float]:
        """Means over `labels`: T's diagonal, its chance (uniform attention), both also where the exemplar has the label."""
        diagonal, chance = np.diag(self.sums)[labels], np.diag(self.uniform)[labels]
        positions, shared = self.positions[labels], self.shared[labels]
        seen = shared > 0
        return {
            "diagonal": float((diagonal / positions).mean()),
            "chance": float((chance / positions).mean()),
            "diagonal_where_shared": float((diagonal[seen] / shared[seen]).mean()) if seen.any() else 0.0,
            "chance_where_shared": float((chance[seen] / shared[seen]).mean()) if seen.any() else 0.0,
        }

    def with_pair(self, synthesizer: Synthesizer, target: Scene, exemplar: Scene) -> "TransferMatrix":
        """Add a pair of scenes, both brought to the model's working size."""
        maps = [resize_label_map(s.label_map, synthesizer.working_shape(s.size)) for s in (target, exemplar)]
        finest = attend(synthesizer, maps[0], exemplar)[0]
        c1, c2 = synthesizer.network_input(maps[0])[0].cpu(), torch.from_numpy(maps[1].astype(np.int64))
        sums, positions = (t.numpy() for t in label_transfer(finest, c1, c2, len(self.names)))
        share = np.bincount(maps[1].ravel(), minlength=len(self.names)) / maps[1].size
        return TransferMatrix(
            self.names,
            self.sums + sums,
            self.uniform + np.outer(share, positions),
            self.positions + positions,
            self.shared + positions * (share > 0),
            self.pairs + 1,
        )


def transfer_matrix(
    synthesizer: Synthesizer,
    dataset: FolderDataset,
    pairs: int,
    out: Path,
    *,
    seed: int = 0,
    on_pair: Callable[[int], None] = lambda count: None,
) -> TransferMatrix:
    """The transfer matrix over `pairs` random pairs of different scenes, one at a time.

    The sums are kept in `out` every so often, and a later call goes on from there, with the same result as one in a single
    go: pair i is drawn from (seed, i). on_pair: called with the number of pairs just done.
    Raises `UserError` for fewer than two scenes and when `out` holds the sums of another model, data set or seed.
    """
    if len(dataset) < 2:
        raise UserError(f"a transfer matrix takes pairs of scenes, but the data set has {len(dataset)}; add some")
    identity = _identity(synthesizer, dataset, seed)
    matrix = _read_state(out / _STATE, identity, (*synthesizer.schema.names, "void"))
    if matrix.pairs > pairs:
        raise UserError(f"{out / _STATE} holds {matrix.pairs} pairs already; ask for as many or more, or another --out")
    on_pair(matrix.pairs)
    for i in range(matrix.pairs, pairs):
        target, exemplar = np.random.default_rng([seed, i]).choice(len(dataset), 2, replace=False)
        matrix = matrix.with_pair(synthesizer, dataset[int(target)], dataset[int(exemplar)])
        if matrix.pairs % _SAVE_EVERY == 0 or matrix.pairs == pairs:
            _write_state(out / _STATE, identity, matrix)
        on_pair(1)
    return matrix


def dendrogram_features(values: Matrix) -> Matrix:
    """Rows of a transfer matrix (n, n) with each diagonal entry replaced by its row's second largest value (supplement §2)."""
    features = values.copy()
    np.fill_diagonal(features, np.sort(values, axis=1)[:, -2])
    return features


def cluster(features: Matrix) -> Matrix:
    """Hierarchical clustering of the rows: average linkage of Euclidean distances, SciPy's (n - 1, 4)."""
    from scipy.cluster.hierarchy import linkage

    return np.asarray(linkage(features, optimal_ordering=True, **CLUSTERING))


def _identity(synthesizer: Synthesizer, dataset: FolderDataset, seed: int) -> str:
    """What sums may be added to: the same model, scenes and seed."""
    names = [f"{Path(name).parent.parent.name}/{Path(name).stem}" for name in dataset.names]
    scenes = hashlib.sha256(encoded("\n".join(names))).hexdigest()
    return json.dumps({**synthesizer.describe(), "scenes": scenes, "seed": seed, "size": synthesizer.working_size})


def _write_state(path: Path, identity: str, matrix: TransferMatrix) -> None:
    buffer = io.BytesIO()
    arrays = {name: getattr(matrix, name) for name in ("sums", "uniform", "positions", "shared", "pairs")}
    np.savez(buffer, identity=np.array(identity), **arrays)
    write_bytes(path, buffer.getvalue())


def _read_state(path: Path, identity: str, names: tuple[str, ...]) -> TransferMatrix:
    if not path.exists():
        return TransferMatrix.empty(names)
    try:
        with np.load(io.BytesIO(read_bytes(path)), allow_pickle=False) as state:
            known, pairs = str(state["identity"]), int(state["pairs"])
            arrays = [np.asarray(state[name], np.float64) for name in ("sums", "uniform", "positions", "shared")]
    except Exception as error:  # NumPy and zipfile raise almost anything on a damaged file
        raise UserError(f"{path} is damaged ({error}); remove it to start again") from error
    if known != identity:
        raise UserError(f"{path} is of another model, data set or seed; choose another --out, or remove it")
    sums, uniform, positions, shared = arrays
    square, line = (len(names), len(names)), (len(names),)
    if [one.shape for one in arrays] != [square, square, line, line] or pairs < 0:
        raise UserError(f"{path} is damaged (its numbers are of another shape); remove it to start again")
    return TransferMatrix(names, sums, uniform, positions, shared, pairs)
