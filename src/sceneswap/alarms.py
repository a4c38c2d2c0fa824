"""The two ways this method fails, watched while it trains: copying the exemplar, and ignoring it."""

from dataclasses import dataclass

from torch import Tensor

IGNORES_BELOW = 0.03
COPIES_BELOW = 0.25


@dataclass(frozen=True)
class Alarms:
    """What a swap grid says about the model.

    response: standard deviation of the output over exemplars for a fixed label map, mean over pixels, on [-1, 1]
    (0: the exemplar is ignored). copy_distance: mean |output - exemplar| over swaps, relative to mean |photo of the
    label map - exemplar| (0: the exemplar is copied, whatever the label map says).
    """

    response: float
    copy_distance: float

    @property
    def ignores(self) -> bool:
        """Alarm: the output hardly changes with the exemplar."""
        return self.response < IGNORES_BELOW

    @property
    def copies(self) -> bool:
        """Alarm: the output is much nearer to the exemplar than another scene would be."""
        return self.copy_distance < COPIES_BELOW


def measure(drawn: Tensor, photos: Tensor) -> Alarms:
    """Measure a square swap grid of n ≥ 2 scenes.

    drawn: (n, n, 3, H, W) in [-1, 1], drawn[i, j] has the layout of scene i and exemplar j. photos: (n, 3, H, W).
    """
    scenes = range(len(photos))
    response = drawn.std(dim=1).mean()
    swaps = [(i, j) for i in scenes for j in scenes if i != j]
    to_output = sum(float((drawn[i, j] - photos[j]).abs().mean()) for i, j in swaps)
    to_scene = sum(float((photos[i] - photos[j]).abs().mean()) for i, j in swaps)
    return Alarms(float(response), to_output / max(to_scene, 1e-6))
