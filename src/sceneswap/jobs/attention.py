"""The page of a transfer matrix: heat map, strongest transfers, dendrogram, with their numbers beside them."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sceneswap import charts
from sceneswap.errors import UserError
from sceneswap.files import write_bytes, write_json, write_text
from sceneswap.inference.control import POOLED
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.inference.transfer_matrix import CLUSTERING, Matrix, TransferMatrix, cluster, dendrogram_features
from sceneswap.jobs.note import made
from sceneswap.report import write_page

HEAT_MAP_LABELS, DENDROGRAM_LABELS = 20, 25  # the paper's numbers of the most frequent labels


@dataclass(frozen=True)
class Dendrogram:
    """A clustering of labels. features (n, n). links: SciPy's (n - 1, 4). merged: from the first, both sides and distance."""

    names: list[str]
    features: Matrix
    links: Matrix
    merged: list[tuple[list[str], list[str], float]]


def matrix_files(out: Path, *, dendrogram: bool = False) -> list[Path]:
    """The files that `write_matrix_page` writes."""
    kinds = ("transfer", "dendrogram") if dendrogram else ("transfer",)
    return [out / "index.html", *(out / f"{one}.{suffix}" for one in kinds for suffix in ("png", "csv", "json"))]


def write_matrix_page(
    out: Path,
    matrix: TransferMatrix,
    synthesizer: Synthesizer,
    controls: Mapping[str, TransferMatrix] | None = None,
    *,
    dendrogram: bool = False,
) -> Path:
    """Write transfer.png, .csv (all labels that occur), .json and index.html, on demand dendrogram.png, .csv and .json too.

    controls: what the numbers are set beside, by name, see `inference.control`; GAP by default. Returns the page. Raises
    `UserError` when fewer than three labels occur for a dendrogram.
    """
    controls = {POOLED: matrix.pooled} if controls is None else controls
    tree = _clustered(matrix) if dendrogram else None
    trees = {name: _clustered(one) for name, one in controls.items()} if dendrogram else {}
    labels = matrix.frequent(HEAT_MAP_LABELS)
    names, shown = [matrix.names[i] for i in labels], matrix.values[np.ix_(labels, labels)]
    plots = {"transfer": charts.heat_map(shown, names, names, "label of the exemplar", "label of the target", 0.1)}
    if tree:
        plots["dendrogram"] = charts.dendrogram(tree.links, tree.names)
    for name, plot in plots.items():
        write_bytes(out / f"{name}.png", plot.png)
    _write_numbers(out, matrix, synthesizer, controls)
    if tree:
        _write_tree(out, tree, trees)
    write_page(
        out / "index.html",
        "matrix.html",
        matrix=matrix,
        model=synthesizer.name,
        plots=[plot.svg for plot in plots.values()],
        names=names,
        shown=[[name, *row] for name, row in zip(names, shown.tolist(), strict=True)],
        beside=[
            [name, one["diagonal"], one["diagonal_where_shared"]]
            for name, one in ((name, m.summary(labels)) for name, m in [(synthesizer.name, matrix), *controls.items()])
        ],
        first_merged=[
            [name, "; ".join(" + ".join([*one, *other]) for one, other, _ in t.merged[:5])]
            for name, t in ([(synthesizer.name, tree), *trees.items()] if tree else [])
        ],
        tree=tree,
        closest=[[" + ".join(one), " + ".join(other), distance] for one, other, distance in tree.merged[:8]]
        if tree
        else [],
        strongest=_strongest(matrix),
        made=made(synthesizer, ", ".join(f"{name}.{kind}" for name in plots for kind in ("csv", "json", "png"))),
    )
    return out / "index.html"


def _clustered(matrix: TransferMatrix) -> Dendrogram:
    labels = matrix.frequent(DENDROGRAM_LABELS)
    if len(labels) < 3:
        raise UserError(f"a dendrogram takes three labels, but the target maps hold {len(labels)}; use more scenes")
    names = [matrix.names[i] for i in labels]
    features = dendrogram_features(matrix.values[np.ix_(labels, labels)])
    links = cluster(features)
    members = [[name] for name in names]
    merged: list[tuple[list[str], list[str], float]] = []
    for first, second, distance, _ in links:
        merged.append((members[int(first)], members[int(second)], float(distance)))
        members.append(merged[-1][0] + merged[-1][1])
    return Dendrogram(names, features, links, merged)


def _write_numbers(
    out: Path,
    matrix: TransferMatrix,
    synthesizer: Synthesizer,
    controls: Mapping[str, TransferMatrix],
) -> None:
    values, labels = matrix.values, matrix.frequent(HEAT_MAP_LABELS)
    present = np.flatnonzero((matrix.positions > 0) | (matrix.sums.sum(axis=1) > 0))
    columns = [i for i in present if matrix.positions[i] > 0]
    rows = [[matrix.names[a], *values[a, columns]] for a in present]
    _write_csv(out / "transfer.csv", ["exemplar label \\ target label", *(matrix.names[b] for b in columns)], rows)
    write_json(
        out / "transfer.json",
        {
            "model": synthesizer.describe(), "pairs": matrix.pairs, "scale": 0, "mask": "left out", **matrix.summary(labels),
            "labels": [matrix.names[i] for i in labels], "matrix": values[np.ix_(labels, labels)].tolist(),
            "positions": matrix.positions[labels].astype(int).tolist(),
            "controls": {name: control.summary(labels) for name, control in controls.items()},
        },
    )  # fmt: skip


def _write_tree(out: Path, tree: Dendrogram, controls: Mapping[str, Dendrogram]) -> None:
    merges = [[" ".join(one), " ".join(other), distance, len(one + other)] for one, other, distance in tree.merged]
    _write_csv(out / "dendrogram.csv", ["one", "other", "distance", "labels"], merges)
    described = {"labels": tree.names, "features": tree.features.tolist(), "linkage": tree.links.tolist()}
    linkages = {name: control.links.tolist() for name, control in controls.items()}
    write_json(
        out / "dendrogram.json",
        {"format": "sceneswap-dendrogram-1", **CLUSTERING, **described, "controls": linkages},
    )


def _strongest(matrix: TransferMatrix, count: int = 12) -> list[list[Any]]:
    """Rows: label of the exemplar, label of the target, share, share of the same label."""
    values, names, labels = matrix.values, matrix.names, matrix.frequent(HEAT_MAP_LABELS)
    entries = sorted(((values[a, b], a, b) for a in labels for b in labels if a != b), reverse=True)[:count]
    return [[names[a], names[b], float(value), float(values[b, b])] for value, a, b in entries]


def _write_csv(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([header, *([f"{v:.6g}" if isinstance(v, float) else v for v in row] for row in rows)])
    write_text(path, buffer.getvalue())
