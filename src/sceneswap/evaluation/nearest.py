"""Nearest-neighbour distances from an output to its exemplar (supplement §3), exact over all locations.

NN_pixel and NN_conv1 are means over the output's locations of the squared L2 distance to the nearest location of the
exemplar, in RGB on [0, 1] and in relu1_1 of VGG-19. Positions play no part: permuting either side changes nothing.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from sceneswap.models.vgg import VGG19

LEAF = 256
"""Exemplar locations per leaf of the bounding boxes."""

_PREFIX = 12  # principal components that the boxes bound, besides the norm of the rest
_QUERIES = 65_536  # output locations handled at a time: bounds the table of box distances
_BLOCK = 8192  # of both sides, for the plain blocked product on an accelerator
_SLACK = 1e-5  # of the squared scale: what rounding may do to a bound


def nn_pixel(output: Tensor, exemplar: Tensor) -> Tensor:
    """NN_pixel (B,), float64, of images (B, 3, H, W) in [0, 1]; the two sides may differ in size.

    A KD-tree of the exemplar's distinct colours is asked for the output's distinct colours.
    """
    return torch.stack([_nn_colours(a, b) for a, b in zip(output, exemplar, strict=True)])


def _nn_colours(output: Tensor, exemplar: Tensor) -> Tensor:
    colours, counts = _distinct(_rows(output).double().cpu().numpy())
    tree = cKDTree(_distinct(_rows(exemplar).double().cpu().numpy())[0])
    distances, _ = tree.query(colours, workers=-1)
    return torch.tensor(np.average(np.square(distances), weights=counts))


def _distinct(colours: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The distinct rows of (P, 3), and how often each occurs."""
    order = np.lexsort(colours.T)
    ordered = colours[order]
    first = np.flatnonzero(np.r_[True, (ordered[1:] != ordered[:-1]).any(axis=1)])
    return ordered[first], np.diff(np.r_[first, len(ordered)])


@torch.no_grad()
def nn_conv1(network: VGG19, output: Tensor, exemplar: Tensor) -> Tensor:
    """NN_conv1 (B,), float64, of images (B, 3, H, W) in [0, 1]; `network` gives relu1_1 first."""
    features = (network(image * 2 - 1)[0] for image in (output, exemplar))
    return torch.tensor([nn_features(a, b) for a, b in zip(*features, strict=True)], dtype=torch.float64)


@torch.no_grad()
def nn_features(output: Tensor, exemplar: Tensor) -> float:
    """Mean squared L2 distance from every location of `output` (C, H, W) to the nearest one of `exemplar` (C, H', W').

    Exact: boxes around leaves of the exemplar only exclude what cannot be nearest, candidates are compared by matrix
    products around the leaf's centre (float32, no cancellation), and the winner's distance is computed by differences.
    """
    queries, points = _rows(output).float(), _rows(exemplar).float()
    search = _plain_search if queries.is_cuda else _Leaves(points).search
    total = 0.0
    for part in queries.split(_QUERIES):
        nearest = search(part) if search is not _plain_search else _plain_search(part, points)
        total += float((part.double() - points[nearest].double()).square().sum())
    return total / len(queries)
