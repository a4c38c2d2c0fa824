"""How alike two scenes are by their classes: label-histogram intersection (supplement §2)."""

import numpy as np
from numpy.typing import NDArray

from sceneswap.scene import LabelMap


def histogram(label_map: LabelMap, num_classes: int) -> NDArray[np.float64]:
    """The share of each class among the pixels that have one, (C,) summing to 1; all 0 when every pixel is void."""
    counts = np.bincount(label_map.ravel(), minlength=num_classes + 1)[:num_classes]
    return counts / max(counts.sum(), 1)


def intersection(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """The sum over classes of the smaller share, 0 … 1; 1 for equal histograms, 0 where no class is common."""
    return float(min(np.minimum(a, b).sum(), 1.0))
