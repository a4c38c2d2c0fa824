"""Which classes of a layout are found again in its drawing, and which are lost."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sceneswap.evaluation.aggregate import ratio
from sceneswap.evaluation.metrics.layout import LayoutAgreement
from sceneswap.evaluation.metrics.metric import Drawings
from sceneswap.evaluation.pairs import Sample
from sceneswap.scene import Photo

DEFINITION = (
    "layout-classes-1: of the counted pixels of a class, of all pictures together, the share whose segmentation is that "
    "class; counted as by layout agreement"
)


class ClassCounts:
    """Counts pixels by class, as a `runner.Measure`: per picture C counted pixels, then C of these found again."""

    def __init__(self, agreement: LayoutAgreement, device: torch.device) -> None:
        self.agreement, self.device = agreement, device

    def __call__(
        self, samples: Sequence[Sample], drawn: Sequence[Photo]
    ) -> tuple[dict[str, list[float]], NDArray[np.float32]]:
        drawings = Drawings(samples, drawn, self.device)
        classes = self.agreement.common.num_classes
        rows = []
        for truth, said in self.agreement.maps(drawings):
            counted = np.bincount(truth[truth < classes], minlength=classes)
            found = np.bincount(truth[(truth == said) & (truth < classes)], minlength=classes)
            rows.append(np.concatenate([counted, found]))
        return {}, np.stack(rows).astype(np.float32)  # exact: a picture has far fewer than 2^24 pixels


def by_class(
    counts: Mapping[str, NDArray[np.float32]], names: Sequence[str], photograph: str
) -> dict[str, dict[str, Any]]:
    """Class → its share of the counted pixels, in how many pictures it is, what is found of it per method, with intervals.

    counts: method → (pairs, 2 C) of `ClassCounts`, the same pairs. photograph: the method that says what can be found.
    The classes that cost ours, the first method, most pixels against the photograph come first.
    """
    ours = next(iter(counts))
    wanted = counts[ours][:, : len(names)].astype(np.float64)
    total = wanted.sum()
    found: dict[str, dict[str, Any]] = {}
    for number, name in enumerate(names):
        there = wanted[:, number] > 0
        if not there.any():
            continue
        right = {method: rows[there, len(names) + number].tolist() for method, rows in counts.items()}
        scores = {method: ratio(values, wanted[there, number].tolist()) for method, values in right.items()}
        share = float(wanted[:, number].sum() / total)
        lost = share * (scores[photograph]["ratio"] - scores[ours]["ratio"])
        found[name] = {"share": share, "pictures": int(there.sum()), "lost": lost, "found": scores}
    return dict(sorted(found.items(), key=lambda item: -item[1]["lost"]))
