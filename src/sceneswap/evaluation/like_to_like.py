"""Does a label take its look from its like? Shares of the transfer matrix against those of global average pooling.

GAP attends equally to every position of the exemplar, so its transfer matrix is the mean share of each label in the
exemplars: `TransferMatrix.uniform`, known without the model.
"""

from dataclasses import dataclass
from typing import Any

from sceneswap.inference.transfer_matrix import TransferMatrix

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
