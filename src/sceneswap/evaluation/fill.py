"""The simplest answer to a label map and an exemplar that uses both."""

import numpy as np

from sceneswap.scene import LabelMap, Photo, Scene


def mean_colors(label_map: LabelMap, exemplar: Scene) -> Photo:
    """Fill every class of `label_map` with its mean colour in the exemplar; the overall mean where it has none."""
    pixels = exemplar.photo.reshape(-1, 3).astype(np.float64)
    palette = np.tile(pixels.mean(axis=0), (int(max(label_map.max(), exemplar.label_map.max())) + 1, 1))
    for label in np.unique(exemplar.label_map):
        palette[label] = pixels[exemplar.label_map.ravel() == label].mean(axis=0)
    return palette.round().astype(np.uint8)[label_map]
