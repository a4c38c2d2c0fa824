"""Does a label take its look from its like? Shares of the transfer matrix against those of global average pooling.

GAP attends equally to every position of the exemplar, so its transfer matrix is the mean share of each label in the
exemplars: `TransferMatrix.uniform`, known without the model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sceneswap.charts import plot
from sceneswap.files import write_bytes
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

GROUPS: dict[str, dict[str, tuple[str, ...]]] = {
    "outdoor": ALIKE,
    "indoor": {
        "walls and openings": ("wall-other", "ceiling-other", "window-other", "window-blind", "door-stuff", "stairs"),
        "floors": ("floor-other", "floor-wood", "floor-tile", "rug"),
        "cloth": ("curtain", "bed", "pillow", "blanket", "towel", "couch", "clothes"),
        "furniture": (
            "chair", "table", "desk-stuff", "cabinet", "cupboard", "shelf", "counter", "furniture-other",
        ),
        "appliances": ("tv", "refrigerator", "oven", "sink", "toilet", "light", "mirror-stuff"),
        "print": ("book", "paper"),
        "things": ("plant-other", "flower", "person", "food-other", "solid-other"),
    },
}  # fmt: skip
"""Groups of the classes of a schema, by its name."""


@dataclass(frozen=True)
class Likeness:
    """What a target label takes from its like in the exemplars, as shares of its attention at the finest scale, 0 … 1.

    same, alike: from the same label, and from all labels of its group. The uniform ones: of GAP on the same pairs; the
    untrained ones: the mean of untrained models, if there are any. positions: target positions of the label.
    """

    label: str
    group: str
    positions: int
    same: float
    same_uniform: float
    alike: float
    alike_uniform: float
    same_untrained: float | None = None
    alike_untrained: float | None = None

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
    matrix: TransferMatrix,
    count: int = 10,
    groups: dict[str, tuple[str, ...]] | None = None,
    untrained: Sequence[TransferMatrix] = (),
) -> list[Likeness]:
    """What the `count` commonest target labels take from their like, commonest first.

    groups: group → names of its labels; `ALIKE` by default. untrained: the same pairs by models before training.
    """
    group_of = {name: group for group, names in (groups or ALIKE).items() for name in names}
    kinds = [group_of.get(name, name) for name in matrix.names]
    found = []
    for label in matrix.frequent(count):
        alike = [i for i, kind in enumerate(kinds) if kind == kinds[label]]
        positions = matrix.positions[label]
        learned, uniform = matrix.sums[:, label] / positions, matrix.uniform[:, label] / positions
        start = np.mean([one.sums[:, label] / positions for one in untrained], axis=0) if untrained else None
        found.append(
            Likeness(
                matrix.names[label], kinds[label], int(positions),
                float(learned[label]), float(uniform[label]), float(learned[alike].sum()), float(uniform[alike].sum()),
                None if start is None else float(start[label]), None if start is None else float(start[alike].sum()),
            )
        )  # fmt: skip
    return found


@plot
def like_figure(
    names: Sequence[str], panels: Mapping[str, Sequence[Sequence[float]]], series: Sequence[str]
) -> "Figure":
    """Bars per label: shares 0 … 1 of learned attention, of what it is compared with, and how many times the last the first is.

    panels: title → the shares of every series per name, learned first and uniform last. series: what the bars are called.
    """
    from matplotlib.figure import Figure

    chart = Figure(figsize=(2.4 + 4.2 * len(panels), 1.3 + 0.36 * len(names)), layout="constrained")
    places = np.arange(len(names))
    colors = ["#2f6db5", *["#c98a2b"] * (len(series) - 2), "0.72"]
    thick = 0.74 / len(series)
    for number, (title, shares) in enumerate(panels.items()):
        axes = chart.add_subplot(1, len(panels), number + 1)
        learned, uniform = shares[0], shares[-1]
        for i, (values, name, color) in enumerate(zip(shares, series, colors, strict=True)):
            axes.barh(places + (i - (len(series) - 1) / 2) * thick, values, 0.95 * thick, color=color, label=name)
        for place, one, other in zip(places, learned, uniform, strict=True):
            if other:
                axes.text(max(one, other) + 0.01, float(place), f"{one / other:.1f}×", va="center", fontsize=8)
        axes.set_yticks(places, names if number == 0 else [""] * len(names))
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlim(0, min(1.1, 1.25 * max(value for values in shares for value in values)))
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("share of the attention", fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    handles, labels = chart.axes[0].get_legend_handles_labels()
    chart.legend(handles, labels, loc="outside lower center", ncols=len(series), fontsize=9, frameon=False)
    return chart


def publish_likeness(like: Sequence[Likeness], path: Path, name: str) -> None:
    """Write the chart of `like` to `path`: the model `name`, untrained models where they were measured, GAP."""
    kinds = ("", "_untrained", "_uniform") if like and like[0].same_untrained is not None else ("", "_uniform")
    called = {"": name, "_untrained": "untrained", "_uniform": "global average pooling"}
    panels = {
        f"from the same {what}": [[getattr(one, field + kind) for one in like] for kind in kinds]
        for what, field in (("label", "same"), ("group", "alike"))
    }
    chart = like_figure([one.label for one in like], panels, [called[kind] for kind in kinds])
    write_bytes(path, chart.png)
