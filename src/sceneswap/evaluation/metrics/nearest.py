"""Nearest-neighbour distances from an output to its exemplar (supplement §3), exact over all locations.

NN_pixel and NN_conv1 are means over the output's locations of the squared L2 distance to the nearest location of the
exemplar, in RGB on [0, 1] and in relu1_1 of VGG-19. Positions play no part: permuting either side changes nothing.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from sceneswap.evaluation.metrics.metric import Drawings, Metric
from sceneswap.models.pretrained.vgg import VGG19

_LEAF = 512  # most exemplar locations in a leaf
_PREFIX = 12  # principal components that the boxes bound, besides the norm of the others
_QUERIES = 16_384  # output locations handled at a time: bounds the memory
_SLACK = 1e-5  # what rounding may do to a bound, relative to it and to the mean square of the exemplar
_MANY = 8192  # output locations from which leaves pay
_BLOCK = 1024  # output locations that the plain search compares with the whole exemplar at a time


def nn_pixel(output: Tensor, exemplar: Tensor) -> Tensor:
    """NN_pixel (B,), float64, of images (B, 3, H, W) in [0, 1]; the two sides may differ in size.

    A KD-tree of the exemplar's distinct colours is asked for the output's distinct colours.
    """
    values = [_nearest_colors(a, b) for a, b in zip(output, exemplar, strict=True)]
    return torch.tensor(values, dtype=torch.float64)


@torch.no_grad()
def nn_features(output: Tensor, exemplar: Tensor, locations: int | None = None) -> float:
    """Mean squared L2 distance of the locations of `output` (C, H, W) to their nearest in `exemplar` (C, H', W').

    locations: take the mean over that many of the output's locations, drawn at random (always the same ones of a size),
    each still held against all of the exemplar; all of them by default.
    Exact. Few locations, or an accelerator: everything is compared, by matrix products. Many on a CPU: boxes around leaves
    of the exemplar first exclude what cannot be nearest, which pays for many only. The winner's distance is then computed
    anew, in float64. Winners are chosen in float32: of two locations whose squared distances differ by rounding only (about
    1e-7 of the features' mean square) either may win.
    """
    queries, points = _rows(output).float(), _rows(exemplar).float()
    if locations is not None and locations < len(queries):
        queries = queries[_drawn_locations(len(queries), locations).to(queries.device)]
    many = points.device.type == "cpu" and len(queries) > _MANY
    search = _Leaves(points).nearest if many else partial(_nearest_of_all, points)
    total = 0.0
    for part in queries.split(_QUERIES):
        total += float((part.double() - points[search(part)].double()).square().sum())
    return total / len(queries)


def _drawn_locations(count: int, wanted: int) -> Tensor:
    """`wanted` of the numbers 0 … count - 1, at random (not a grid: up-sampling leaves traces with a period)."""
    return torch.from_numpy(np.random.default_rng(0).choice(count, wanted, replace=False))


def _rows(x: Tensor) -> Tensor:
    """(C, H, W) → (H·W, C), contiguous."""
    return x.flatten(1).T.contiguous()


# --- RGB --------------------------------------------------------------------------------------------------------------


def _nearest_colors(output: Tensor, exemplar: Tensor) -> float:
    colors, counts = _distinct(_rows(output).cpu().numpy())
    tree = cKDTree(_distinct(_rows(exemplar).cpu().numpy())[0])
    distances, _ = tree.query(colors, workers=-1)
    return float(np.average(np.square(distances), weights=counts))


def _distinct(colors: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.intp]]:
    """The distinct rows of (P, 3), and how often each occurs."""
    ordered = colors[np.lexsort(colors.T)]
    starts = np.flatnonzero(np.append(True, (ordered[1:] != ordered[:-1]).any(axis=1)))
    return ordered[starts], np.diff(starts, append=len(ordered))


# --- Features ---------------------------------------------------------------------------------------------------------


def _nearest_of_all(points: Tensor, queries: Tensor) -> Tensor:
    """(P, C) and (Q, C) → (Q,) the index of the nearest point."""
    block = _Block.of(points, points.mean(dim=0))
    return torch.cat([block.nearest(part)[1] for part in queries.split(_BLOCK)])


class _Leaves:
    """Exact search with bounds: points in leaves of a KD partition, a query meets only leaves that may hold its nearest.

    Boxes live in a space that never lengthens a distance: the first principal components of the points, and the norm of
    the others (features of photographs have few strong components, so the boxes are tight).
    """

    def __init__(self, points: Tensor) -> None:
        self.mean = points.mean(dim=0)
        centred = points - self.mean
        self.slack = _SLACK * float(centred.square().sum(dim=1).mean())
        _, axes = torch.linalg.eigh((centred.T @ centred).double())
        self.axes = axes.flip(1).float()
        short = self._shorten(points)
        self.members = _partition(short)
        boxes = [short[members] for members in self.members]
        self.low = torch.stack([box.amin(dim=0) for box in boxes])
        self.high = torch.stack([box.amax(dim=0) for box in boxes])
        self.blocks = [_Block.of(points[members], points[members].mean(dim=0)) for members in self.members]

    def nearest(self, queries: Tensor) -> Tensor:
        """(Q, C) → (Q,) the index of the nearest point."""
        bounds = self._bounds(queries)
        best = torch.full((len(queries),), torch.inf)
        index = torch.zeros(len(queries), dtype=torch.int64)

        def visit(leaf: int, chosen: Tensor) -> None:
            distance, position = self.blocks[leaf].nearest(queries[chosen])
            nearer = distance < best[chosen]
            chosen = chosen[nearer]
            best[chosen] = distance[nearer]
            index[chosen] = self.members[leaf][position[nearer]]

        first = bounds.argmin(dim=0)
        for leaf in range(len(self.members)):
            visit(leaf, (first == leaf).nonzero()[:, 0])
        for leaf, bound in enumerate(bounds):
            visit(leaf, ((bound <= best + self.slack) & (first != leaf)).nonzero()[:, 0])
        return index

    def _shorten(self, x: Tensor) -> Tensor:
        """(P, C) → (P, at most _PREFIX + 1)."""
        components = (x - self.mean) @ self.axes
        return torch.cat([components[:, :_PREFIX], components[:, _PREFIX:].norm(dim=1, keepdim=True)], dim=1)

    def _bounds(self, queries: Tensor) -> Tensor:
        """(leaves, Q): no point of the leaf is nearer to the query, as a squared distance, rounding allowed for."""
        short = self._shorten(queries).T.contiguous()
        bounds, inside = torch.empty(len(self.members), len(queries)), torch.empty_like(short)
        for low, high, bound in zip(self.low, self.high, bounds, strict=True):
            torch.clamp(short, low[:, None], high[:, None], out=inside)
            torch.sum(inside.sub_(short).square_(), dim=0, out=bound)
        return bounds.mul_(1 - _SLACK)


@dataclass(frozen=True)
class _Block:
    """Points ready for |q - p|² = |q|² + |p|² - 2 q·p, relative to a centre near them so that nothing cancels."""

    centre: Tensor
    factors: Tensor  # (C + 1, P): -2 p, and |p|²

    @staticmethod
    def of(points: Tensor, centre: Tensor) -> "_Block":
        points = points - centre
        return _Block(centre, torch.cat([-2 * points, points.square().sum(dim=1, keepdim=True)], dim=1).T.contiguous())

    def nearest(self, queries: Tensor) -> tuple[Tensor, Tensor]:
        """(Q, C) → squared distance to the nearest point and its position in the block, (Q,) both."""
        x = queries - self.centre
        relative, position = (torch.cat([x, torch.ones_like(x[:, :1])], dim=1) @ self.factors).min(dim=1)
        return relative + x.square().sum(dim=1), position


def _partition(points: Tensor) -> list[Tensor]:
    """Halve (P, D) points at the median of their widest dimension until the parts are leaves; indices, (≤ _LEAF,) each."""
    rows = points.numpy()
    parts = [np.arange(len(rows))]
    while len(parts[0]) > _LEAF or len(parts[-1]) > _LEAF:
        parts = [half for part in parts for half in _halves(rows, part)]
    return [torch.from_numpy(part) for part in parts]


def _halves(rows: NDArray[np.float32], part: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    members = rows[part]
    middle = len(part) // 2
    order = np.argpartition(members[:, np.ptp(members, axis=0).argmax()], middle)
    return part[order[:middle]], part[order[middle:]]


# --- Rows -------------------------------------------------------------------------------------------------------------


def metrics(vgg: VGG19, locations: int | None = None) -> list[Metric]:
    """NN_pixel and NN_conv1. locations: of the drawing, for NN_conv1, see `nn_features`."""

    def nn_conv1(drawings: Drawings) -> list[float]:
        taps = zip(drawings.drawn_taps(vgg), drawings.exemplar_taps(vgg), strict=True)
        return [nn_features(a[0], b[0], locations) for a, b in taps]

    over = "output locations" if locations is None else f"{locations:,} random output locations"
    return [
        Metric(
            "NN_pixel", "lower",
            "nn-pixel-1: squared L2 of RGB in [0, 1] to the nearest exemplar location, mean over output locations, exact",
            lambda d: nn_pixel(d.drawn, d.exemplar),
        ),
        Metric(
            "NN_conv1", "lower",
            f"nn-conv1-1: squared L2 of relu1_1 of VGG-19 to the nearest exemplar location, mean over {over}, exact",
            nn_conv1,
            ("relu1_1",),
        ),
    ]  # fmt: skip
