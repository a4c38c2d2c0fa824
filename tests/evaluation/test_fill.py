"""The trivial method that fills every class with its mean colour."""

import numpy as np

from sceneswap.evaluation.fill import mean_colors
from sceneswap.scene import Scene


def test_mean_colors() -> None:
    photo = np.zeros((2, 4, 3), np.uint8)
    photo[:, :2] = (10, 20, 30)
    photo[:, 2:] = (50, 60, 70)
    labels = np.repeat(np.array([[3, 3, 5, 5]], np.int16), 2, axis=0)
    target = np.array([[3, 5, 7]], np.int16)  # 7 is not in the exemplar
    assert mean_colors(target, Scene(photo, labels)).tolist() == [[[10, 20, 30], [50, 60, 70], [30, 40, 50]]]
