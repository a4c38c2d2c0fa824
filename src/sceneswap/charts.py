"""Plots: heat map, dendrogram, means with their intervals; as SVG for pages, light and dark, and as PNG for files."""

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np
from numpy.typing import NDArray

from sceneswap.seal import UNSEALED, sealed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _BRIGHT_INK = (
    "#1b1d22",
    "#e8e9ec",
)  # of text and axes on light and on dark pages; the first unlike any other colour
_STYLE: dict[Any, Any] = {
    "axes.edgecolor": _INK, "axes.labelcolor": _INK, "text.color": _INK, "xtick.color": _INK, "ytick.color": _INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 10, "axes.titlelocation": "left",
    "axes.prop_cycle": "cycler('color', ['3f90da', 'ffa90e', 'bd1f01', '94a4a2', 'a96b59', 'e76300', 'b9ac70', '92dadd'])",
    "axes.labelsize": 9, "xtick.labelsize": 8, "ytick.labelsize": 8, "legend.fontsize": 8, "legend.frameon": False,
    "font.family": "sans-serif", "text.parse_math": False,  # a name may hold a dollar sign
    "savefig.bbox": "tight", "savefig.pad_inches": 0.08, "savefig.dpi": 110,
    "svg.fonttype": "none", "svg.hashsalt": "sceneswap",
}  # fmt: skip
_ADAPTIVE = (
    f"<style>svg {{ color: {_INK} }} @media (prefers-color-scheme: dark) {{ svg {{ color: {_BRIGHT_INK} }} }}</style>"
)

Bins = Sequence[Mapping[str, float]]
P = ParamSpec("P")


@dataclass(frozen=True)
class Plot:
    """A finished plot, the same bytes for the same numbers. svg: without a ground, in the ink of the page. png: on white."""

    svg: str
    png: bytes


def plot(draw: "Callable[P, Figure]") -> Callable[P, Plot]:
    """Make a function that draws a figure of matplotlib draw it in the style of the pages, and finish it."""

    @wraps(draw)
    def drawn(*args: P.args, **options: P.kwargs) -> Plot:
        import matplotlib

        with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph", UserWarning)  # of a rarer script: browsers have more fonts
            figure, lines, points = draw(*args, **options), io.StringIO(), io.BytesIO()
            figure.savefig(lines, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
            figure.savefig(points, format="png", metadata={"Software": UNSEALED})
        head, svg, rest = lines.getvalue().partition("<defs>")
        return Plot((head + svg + _ADAPTIVE + rest).replace(f": {_INK}", ": currentColor"), sealed(points.getvalue()))

    return drawn


def _figure(width: float, height: float, panels: int = 1) -> "tuple[Figure, list[Axes]]":
    """A figure of panels of width × height inches, at most three side by side."""
    from matplotlib.figure import Figure

    across = min(3, panels)
    down = -(-panels // across)
    figure = Figure(figsize=(width * across, height * down), layout="constrained")
    return figure, [figure.add_subplot(down, across, number + 1) for number in range(panels)]


@plot
def heat_map(
    shares: NDArray[np.float64], rows: Sequence[str], columns: Sequence[str], row: str, column: str, least: float
) -> "Figure":
    """Shares (R, C), 0 … 1, as colours with those from `least` on written in per cent. row, column: what they are."""
    figure, (axes,) = _figure(1.3 + 0.3 * len(columns), 1.2 + 0.27 * len(rows))
    axes.pcolormesh(shares, vmin=0, vmax=1, cmap="viridis")
    axes.set_xticks(np.arange(len(columns)) + 0.5, columns, rotation=50, ha="right", rotation_mode="anchor")
    axes.set_yticks(np.arange(len(rows)) + 0.5, rows)
    axes.set(xlabel=column, ylabel=row, ylim=(len(rows), 0))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    for (y, x), share in np.ndenumerate(shares):
        if share >= least:
            color = "black" if share > 0.6 else "white"
            axes.text(x + 0.5, y + 0.5, f"{share * 100:.0f}", ha="center", va="center", fontsize=7, color=color)
    return figure


@plot
def dendrogram(links: NDArray[np.float64], names: Sequence[str]) -> "Figure":
    """SciPy's linkage (n - 1, 4) drawn with the labels on the left and the distance to the right."""
    from scipy.cluster import hierarchy

    farthest = float(links[:, 2].max())
    plan = hierarchy.dendrogram(links, no_plot=True, color_threshold=0.5 * farthest, above_threshold_color="0.55")
    figure, (axes,) = _figure(6.5, 0.8 + 0.2 * len(names))
    for along, distance, color in zip(plan["icoord"], plan["dcoord"], plan["color_list"], strict=True):
        axes.plot(distance, along, color=color, linewidth=1.6, solid_joinstyle="miter")
    axes.set_yticks(5 + 10 * np.arange(len(names)), [names[leaf] for leaf in plan["leaves"]])
    axes.set(xlabel="distance (average linkage, Euclidean)", ylim=(10 * len(names), 0), xlim=(0, 1.03 * farthest or 1))
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", alpha=0.3)
    return figure


@plot
def curves(panels: Mapping[str, Mapping[str, Bins]]) -> "Figure":
    """A panel per title, in it a line per name: means of bins of similarity with their intervals (`aggregate.binned`)."""
    figure, all_axes = _figure(3.9, 3.2, len(panels))
    for axes, (title, lines) in zip(all_axes, panels.items(), strict=True):
        drawn: list[Any] = []
        for position, bins in enumerate(lines.values()):
            x = np.array([(b["from"] + b["to"]) / 2 for b in bins]) + (position - len(lines) / 2) * 0.05 / len(lines)
            mean, low, high = (np.array([b[key] for b in bins]) for key in ("mean", "low", "high"))
            reach = np.abs([low - mean, high - mean])
            drawn.append(axes.errorbar(x, mean, reach, marker="o", markersize=3.5, linewidth=1.4, elinewidth=0.8))
        axes.set(title=title, xlabel="label-histogram intersection", xlim=(0, 1), xticks=np.linspace(0, 1, 6))
        axes.grid(alpha=0.25)
    figure.legend(drawn, list(lines), loc="outside lower center", ncols=max(1, min(3 * len(all_axes), len(drawn), 4)))
    return figure
