"""Does a label take its look from its like? Shares of the transfer matrix against those of global average pooling.

GAP attends equally to every position of the exemplar, so its transfer matrix is the mean share of each label in the
exemplars: `TransferMatrix.uniform`, known without the model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sceneswap.charts import plot
from sceneswap.inference.transfer_matrix import TransferMatrix

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ALIKE: dict[str, tuple[str, ...]] = {
    "sky": ("sky-other", "clouds", "fog"),
    "vegetation": ("tree", "bush", "grass", "plant-other", "flower"),
    "mountains": ("mountain", "hill", "rock"),
    "ground": ("snow", "sand", "dirt", "ground-other", "gravel", "road", "pavement", "railroad", "playingfield"),
    "water": ("sea", "river", "water-other"),
    "buildings": (
        "building-other", "house", "skyscraper", "bridge", "wall-other", "fence", "stairs", "structural-other",
    ),
    "things": ("person", "animal", "vehicle", "boat", "solid-other"),
}  # fmt: skip
"""The classes of the preset `outdoor` by what they are; a label of no group is its own."""


@dataclass(frozen=True)
class Likeness:
    """What a target label takes from its like in the exemplars, as shares of its attention at the finest scale, 0 … 1.

    same, alike: from the same label, and from all labels of its group. The uniform ones: of GAP on the same pairs.
    positions: target positions of the label.
    """

    label: str
    group: str
    positions: int
    same: float
    same_uniform: float
    alike: float
    alike_uniform: float

    @property
    def same_ratio(self) -> float | None:
        """How many times the share that GAP would give; None where no exemplar has the label."""
        return self.same / self.same_uniform if self.same_uniform else None

    @property
    def alike_ratio(self) -> float | None:
        """The same for the group."""
        return self.alike / self.alike_uniform if self.alike_uniform else None

    def record(self) -> dict[str, Any]:
        """All values for JSON."""
        return {**self.__dict__, "same_ratio": self.same_ratio, "alike_ratio": self.alike_ratio}


def like_to_like(
    matrix: TransferMatrix, count: int = 10, groups: dict[str, tuple[str, ...]] | None = None
) -> list[Likeness]:
    """What the `count` commonest target labels take from their like, commonest first.

    groups: group → names of its labels; `ALIKE` by default.
    """
    group_of = {name: group for group, names in (groups or ALIKE).items() for name in names}
    kinds = [group_of.get(name, name) for name in matrix.names]
    found = []
    for label in matrix.frequent(count):
        alike = [i for i, kind in enumerate(kinds) if kind == kinds[label]]
        positions = matrix.positions[label]
        learned, uniform = matrix.sums[:, label] / positions, matrix.uniform[:, label] / positions
        found.append(
            Likeness(
                matrix.names[label], kinds[label], int(positions),
                float(learned[label]), float(uniform[label]), float(learned[alike].sum()), float(uniform[alike].sum()),
            )
        )  # fmt: skip
    return found


@plot
def like_figure(
    names: Sequence[str], panels: Mapping[str, tuple[Sequence[float], Sequence[float]]], series: tuple[str, str]
) -> "Figure":
    """Bars per label, two by two: shares 0 … 1 of learned and of uniform attention, and how many times the one is the other.

    panels: title → (shares learned, shares uniform), per name. series: what the two bars are called.
    """
    from matplotlib.figure import Figure

    chart = Figure(figsize=(2.4 + 4.2 * len(panels), 1.3 + 0.36 * len(names)), layout="constrained")
    places = np.arange(len(names))
    for number, (title, (learned, uniform)) in enumerate(panels.items()):
        axes = chart.add_subplot(1, len(panels), number + 1)
        axes.barh(places - 0.19, learned, 0.36, color="#2f6db5", label=series[0])
        axes.barh(places + 0.19, uniform, 0.36, color="0.72", label=series[1])
        for place, one, other in zip(places, learned, uniform, strict=True):
            if other:
                axes.text(max(one, other) + 0.01, float(place), f"{one / other:.1f}×", va="center", fontsize=8)
        axes.set_yticks(places, names if number == 0 else [""] * len(names))
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlim(0, min(1.1, 1.25 * max(*learned, *uniform)))
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("share of the attention", fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    handles, labels = chart.axes[0].get_legend_handles_labels()
    chart.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    return chart
