"""Figures of the attention analysis, as the bytes of PNGs: heat map, dendrogram."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DPI = 110


def matrix_figure(values: NDArray[np.float64], names: Sequence[str]) -> bytes:
    """The transfer matrix (n, n) as a heat map, exemplar labels vertical, target labels horizontal, blue 0 to red 1."""
    from matplotlib.figure import Figure

    side = 2.6 + 0.42 * len(names)
    chart = Figure(figsize=(side + 0.9, side))
    axes = chart.add_subplot()
    shown = axes.imshow(values, vmin=0, vmax=1, cmap="turbo", interpolation="nearest")
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("label of the target")
    axes.set_ylabel("label of the exemplar")
    axes.set_xticks(np.arange(1, len(names)) - 0.5, minor=True)
    axes.set_yticks(np.arange(1, len(names)) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=0.4, alpha=0.35)
    axes.tick_params(which="both", length=0)
    for (row, column), value in np.ndenumerate(values):
        if value >= 0.1:
            color = "black" if 0.3 < value < 0.8 else "white"
            shown_value = f"{value:.2f}".removeprefix("0")
            axes.text(column, row, shown_value, ha="center", va="center", fontsize=7, color=color)
    bar = chart.colorbar(shown, ax=axes, fraction=0.035, pad=0.02)
    bar.set_label("share of the attention, 0 to 1")
    bar.outline.set_visible(False)
    return png(chart)


def dendrogram_figure(links: NDArray[np.float64], names: Sequence[str]) -> bytes:
    """SciPy's linkage (n - 1, 4) drawn with the labels on the left and the distance to the right."""
    from matplotlib.figure import Figure
    from scipy.cluster.hierarchy import dendrogram

    plan = dendrogram(links, no_plot=True, color_threshold=0.5 * float(links[:, 2].max()), above_threshold_color="C7")
    chart = Figure(figsize=(8.5, 1.2 + 0.27 * len(names)))
    axes = chart.add_subplot()
    for along, distance, color in zip(plan["icoord"], plan["dcoord"], plan["color_list"], strict=True):
        axes.plot(distance, along, color=color, linewidth=1.6, solid_joinstyle="miter")
    axes.set_yticks(5 + 10 * np.arange(len(names)), [names[leaf] for leaf in plan["leaves"]])
    axes.set_ylim(10 * len(names), 0)
    axes.set_xlim(0, 1.03 * float(links[:, 2].max()) or 1)
    axes.set_xlabel("distance (average linkage, Euclidean)")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    return png(chart)


def png(chart: Any) -> bytes:
    """A figure of matplotlib as the bytes of a PNG, the same for the same figure."""
    buffer = io.BytesIO()
    chart.savefig(buffer, format="png", dpi=_DPI, bbox_inches="tight", pad_inches=0.15, metadata={"Software": None})
    return buffer.getvalue()
