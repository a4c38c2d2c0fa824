"""The page of a transfer matrix: heat map, strongest transfers, dendrogram, with their numbers beside them."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from sceneswap.errors import UserError
from sceneswap.files import write_bytes, write_json, write_text
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.inference.transfer_matrix import CLUSTERING, Matrix, TransferMatrix, cluster, dendrogram_features
from sceneswap.jobs.charts import dendrogram_figure, matrix_figure
from sceneswap.jobs.note import made_section
from sceneswap.report import facts, figure, section, table, write_page

HEAT_MAP_LABELS, DENDROGRAM_LABELS = 20, 25  # the paper's numbers of the most frequent labels


def write_matrix_page(out: Path, matrix: TransferMatrix, synthesizer: Synthesizer, *, dendrogram: bool = False) -> Path:
    """Write transfer.png, .csv (all labels that occur), .json and index.html, on demand dendrogram.png, .csv and .json too.

    Returns the page. Raises `UserError` when fewer than three labels occur for a dendrogram.
    """
    values, labels = matrix.values, matrix.frequent(HEAT_MAP_LABELS)
    names = [matrix.names[i] for i in labels]
    present = np.flatnonzero((matrix.positions > 0) | (matrix.sums.sum(axis=1) > 0))
    shown = matrix_figure(values[np.ix_(labels, labels)], names)
    write_bytes(out / "transfer.png", shown)
    columns = [i for i in present if matrix.positions[i] > 0]
    rows = [[matrix.names[a], *values[a, columns]] for a in present]
    _write_csv(out / "transfer.csv", ["exemplar label \\ target label", *(matrix.names[b] for b in columns)], rows)
    means = matrix.summary(labels)
    write_json(
        out / "transfer.json",
        {
            "model": synthesizer.describe(), "pairs": matrix.pairs, "scale": 0, "mask": "left out", **means,
            "labels": names, "matrix": values[np.ix_(labels, labels)].tolist(),
            "positions": matrix.positions[labels].astype(int).tolist(),
        },
    )  # fmt: skip
    parts = [
        section(
            "Transfer matrix",
            f"Column by column: from which labels of the exemplar (rows) the attention of the finest scale takes what it gives "
            f"to a label of the target. The {len(labels)} most frequent labels of {matrix.pairs:,} random pairs; over all "
            "labels every column sums to 1. The mask is left out.",
            figure(shown, "exemplar label (rows) → target label (columns)"),
            facts(
                {
                    "mean diagonal": f"{means['diagonal']:.3f} (uniform attention would give {means['chance']:.3f})",
                    "where the exemplar has the label":
                        f"{means['diagonal_where_shared']:.3f} (uniform: {means['chance_where_shared']:.3f})",
                }
            ),
        ),
        section("The strongest transfers between different labels", _strongest(values, labels, matrix.names)),
    ]  # fmt: skip
    if dendrogram:
        parts.insert(1, _dendrogram_section(out, matrix))
    files = sorted(p.name for p in out.iterdir() if p.suffix in (".png", ".csv", ".json"))
    parts.append(made_section(synthesizer, ", ".join(files)))
    lead = f"{matrix.pairs:,} pairs, {synthesizer.name}"
    write_page(out / "index.html", "What the attention learned", parts, lead=lead)
    return out / "index.html"


def _dendrogram_section(out: Path, matrix: TransferMatrix) -> Any:
    labels = matrix.frequent(DENDROGRAM_LABELS)
    if len(labels) < 3:
        raise UserError(
            f"a dendrogram takes at least three labels, but the target maps hold {len(labels)}; use more scenes"
        )
    names = [matrix.names[i] for i in labels]
    features = dendrogram_features(matrix.values[np.ix_(labels, labels)])
    links = cluster(features)
    shown = dendrogram_figure(links, names)
    write_bytes(out / "dendrogram.png", shown)
    members: list[list[str]] = [[name] for name in names]
    merged: list[tuple[list[str], list[str], float]] = []
    for first, second, distance, _ in links:
        one, other = members[int(first)], members[int(second)]
        merged.append((one, other, float(distance)))
        members.append(one + other)
    rows = [[" ".join(one), " ".join(other), distance, len(one + other)] for one, other, distance in merged]
    _write_csv(out / "dendrogram.csv", ["one", "other", "distance", "labels"], rows)
    write_json(
        out / "dendrogram.json",
        {**CLUSTERING, "labels": names, "features": features.tolist(), "linkage": links.tolist()},
    )
    closest = [[" + ".join(one), " + ".join(other), distance] for one, other, distance in merged[:8]]
    return section(
        "Dendrogram",
        f"The rows of the matrix among the {len(labels)} most frequent labels as their features, each diagonal entry replaced "
        "by the second largest value of its row. Average linkage of Euclidean distances: labels that give their features to "
        "the same places lie close together.",
        figure(shown, "average linkage, Euclidean distance"),
        table(["one", "other", "distance"], closest, caption="The closest"),
    )


def _strongest(values: Matrix, labels: list[int], names: tuple[str, ...], count: int = 12) -> Any:
    entries = sorted(((values[a, b], a, b) for a in labels for b in labels if a != b), reverse=True)[:count]
    rows = [[names[a], names[b], float(value), float(values[b, b])] for value, a, b in entries]
    return table(["exemplar label", "target label", "share", "share of the same label"], rows)


def _write_csv(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([header, *([f"{v:.6g}" if isinstance(v, float) else v for v in row] for row in rows)])
    write_text(path, buffer.getvalue())
