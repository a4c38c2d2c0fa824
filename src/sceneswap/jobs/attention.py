"""The page of a transfer matrix: heat map, strongest transfers, dendrogram, with their numbers beside them."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sceneswap.errors import UserError
from sceneswap.files import write_bytes, write_json, write_text
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.inference.transfer_matrix import CLUSTERING, Matrix, TransferMatrix, cluster, dendrogram_features
from sceneswap.jobs.charts import dendrogram_figure, matrix_figure
from sceneswap.jobs.note import made_section
from sceneswap.report import Html, facts, figure, section, table, write_page

HEAT_MAP_LABELS, DENDROGRAM_LABELS = 20, 25  # the paper's numbers of the most frequent labels


@dataclass(frozen=True)
class Dendrogram:
    """A clustering of labels. features (n, n). links: SciPy's (n - 1, 4). merged: from the first, both sides and distance."""

    names: list[str]
    features: Matrix
    links: Matrix
    merged: list[tuple[list[str], list[str], float]]


def write_matrix_page(out: Path, matrix: TransferMatrix, synthesizer: Synthesizer, *, dendrogram: bool = False) -> Path:
    """Write transfer.png, .csv (all labels that occur), .json and index.html, on demand dendrogram.png, .csv and .json too.

    Returns the page. Raises `UserError` when fewer than three labels occur for a dendrogram.
    """
    tree = _clustered(matrix) if dendrogram else None
    pictures = _write_files(out, matrix, tree, synthesizer)
    sections = [_matrix_section(matrix, pictures[0])]
    sections += [_dendrogram_section(tree, pictures[1])] if tree else []
    sections.append(section("The strongest transfers between different labels", _strongest(matrix)))
    files = [
        f"{name}.{kind}" for name in ("transfer", "dendrogram")[: len(pictures)] for kind in ("csv", "json", "png")
    ]
    sections.append(made_section(synthesizer, ", ".join(files)))
    lead = f"{matrix.pairs:,} pairs, {synthesizer.name}"
    write_page(out / "index.html", "What the attention learned", sections, lead=lead)
    return out / "index.html"


def _clustered(matrix: TransferMatrix) -> Dendrogram:
    labels = matrix.frequent(DENDROGRAM_LABELS)
    if len(labels) < 3:
        raise UserError(
            f"a dendrogram takes at least three labels, but the target maps hold {len(labels)}; use more scenes"
        )
    names = [matrix.names[i] for i in labels]
    features = dendrogram_features(matrix.values[np.ix_(labels, labels)])
    links = cluster(features)
    members = [[name] for name in names]
    merged: list[tuple[list[str], list[str], float]] = []
    for first, second, distance, _ in links:
        merged.append((members[int(first)], members[int(second)], float(distance)))
        members.append(merged[-1][0] + merged[-1][1])
    return Dendrogram(names, features, links, merged)


def _write_files(out: Path, matrix: TransferMatrix, tree: Dendrogram | None, synthesizer: Synthesizer) -> list[bytes]:
    """Write all but the page; return the pictures."""
    values, labels = matrix.values, matrix.frequent(HEAT_MAP_LABELS)
    names, shown = [matrix.names[i] for i in labels], values[np.ix_(labels, labels)]
    present = np.flatnonzero((matrix.positions > 0) | (matrix.sums.sum(axis=1) > 0))
    columns = [i for i in present if matrix.positions[i] > 0]
    rows = [[matrix.names[a], *values[a, columns]] for a in present]
    _write_csv(out / "transfer.csv", ["exemplar label \\ target label", *(matrix.names[b] for b in columns)], rows)
    write_json(
        out / "transfer.json",
        {
            "model": synthesizer.describe(), "pairs": matrix.pairs, "scale": 0, "mask": "left out", **matrix.summary(labels),
            "labels": names, "matrix": shown.tolist(), "positions": matrix.positions[labels].astype(int).tolist(),
        },
    )  # fmt: skip
    pictures = [matrix_figure(shown, names)]
    write_bytes(out / "transfer.png", pictures[0])
    if tree:
        merges = [[" ".join(one), " ".join(other), distance, len(one + other)] for one, other, distance in tree.merged]
        _write_csv(out / "dendrogram.csv", ["one", "other", "distance", "labels"], merges)
        described = {"labels": tree.names, "features": tree.features.tolist(), "linkage": tree.links.tolist()}
        write_json(out / "dendrogram.json", {**CLUSTERING, **described})
        pictures.append(dendrogram_figure(tree.links, tree.names))
        write_bytes(out / "dendrogram.png", pictures[1])
    return pictures


def _matrix_section(matrix: TransferMatrix, shown: bytes) -> Html:
    labels = matrix.frequent(HEAT_MAP_LABELS)
    means = {name: f"{value:.3f}" for name, value in matrix.summary(labels).items()}
    return section(
        "Transfer matrix",
        f"Column by column: from which labels of the exemplar (rows) the attention of the finest scale takes what it gives "
        f"to a label of the target. The {len(labels)} most frequent labels of {matrix.pairs:,} random pairs; over all "
        "labels every column sums to 1. The mask is left out.",
        figure(shown, "exemplar label (rows) → target label (columns)"),
        facts(
            {
                "mean diagonal": f"{means['diagonal']} (uniform attention would give {means['chance']})",
                "where the exemplar has the label":
                    f"{means['diagonal_where_shared']} (uniform: {means['chance_where_shared']})",
            }
        ),
    )  # fmt: skip


def _dendrogram_section(tree: Dendrogram, shown: bytes) -> Html:
    closest = [[" + ".join(one), " + ".join(other), distance] for one, other, distance in tree.merged[:8]]
    return section(
        "Dendrogram",
        f"The rows of the matrix among the {len(tree.names)} most frequent labels as their features, each diagonal entry "
        "replaced by the second largest value of its row. Average linkage of Euclidean distances: labels that give their "
        "features to the same places lie close together.",
        figure(shown, "average linkage, Euclidean distance"),
        table(["one", "other", "distance"], closest, caption="The closest"),
    )


def _strongest(matrix: TransferMatrix, count: int = 12) -> Html:
    values, names, labels = matrix.values, matrix.names, matrix.frequent(HEAT_MAP_LABELS)
    entries = sorted(((values[a, b], a, b) for a in labels for b in labels if a != b), reverse=True)[:count]
    rows = [[names[a], names[b], float(value), float(values[b, b])] for value, a, b in entries]
    return table(["exemplar label", "target label", "share", "share of the same label"], rows)


def _write_csv(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([header, *([f"{v:.6g}" if isinstance(v, float) else v for v in row] for row in rows)])
    write_text(path, buffer.getvalue())
