"""The Fréchet Inception distance: of the Gaussians of two sets of features. (The network: `models.pretrained.inception`.)"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sceneswap.errors import UserError
from sceneswap.models.pretrained.inception import FEATURES, PREPROCESSING


class Gaussian(NamedTuple):
    """mean (D,) and unbiased covariance (D, D) (over N - 1) of features, float64."""

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]


def gaussian(features: NDArray[Any]) -> Gaussian:
    """Of the features (N, D) of N pictures. Raises `UserError` for fewer than two."""
    rows = np.asarray(features, dtype=np.float64)
    if len(rows) < 2:
        raise UserError(f"FID needs at least 2 pictures on each side, there are {len(rows)}; take more pairs")
    mean = rows.mean(axis=0)
    return Gaussian(mean, (rows - mean).T @ (rows - mean) / (len(rows) - 1))


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """Squared Fréchet distance of two Gaussians: FID, when the features are Inception's.

    |μa - μb|² + tr Σa + tr Σb - 2 tr (Σa Σb)^½, the last term as the sum of the singular values of Σa^½ Σb^½: no square
    roots of rounding noise, so fewer pictures than features do no harm to the arithmetic. (They do bias FID: compare
    only values of the same number of pictures.)
    """
    cross = np.linalg.svd(_root(a.covariance).T @ _root(b.covariance), compute_uv=False).sum()
    distance = np.square(a.mean - b.mean).sum() + np.trace(a.covariance) + np.trace(b.covariance) - 2 * cross
    return max(float(distance), 0.0)


def definition(count: int) -> str:
    """FID of `count` drawings, for the protocol."""
    return (
        f"fid-1: {count} drawings against the photographs of their layouts, at the evaluation's size; pool3 features of "
        f"Inception (2015-12-05), {PREPROCESSING}; covariances over N - 1"
    )


FEATURES_OF = (
    f"fid-features-1: pool3 features of Inception (2015-12-05), {PREPROCESSING}, of pictures at the evaluation's size"
)


def against(drawings: int, photographs: int) -> str:
    """FID of drawings against photographs that are not those of their layouts, for the record."""
    return (
        f"fid-2: {drawings:,} drawings against {photographs:,} other photographs, at the evaluation's size; pool3 features of "
        f"Inception (2015-12-05), {PREPROCESSING}; covariances over N - 1; biased upwards for few pictures, so to be held "
        "against the same numbers of pictures only"
    )


def caution(count: int) -> str | None:
    """What must be said beside FIDs of `count` drawings: that they are too few for covariances of full rank; else None."""
    if count > FEATURES:
        return None
    return (
        f"FID compares {count} drawings with {count} photographs. It is biased upwards for few pictures: hold it only "
        f"against FIDs of the same {count}, never against published ones."
    )


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """A (D, R) with A Aᵀ the covariance of rank R."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > len(values) * np.finfo(np.float64).eps * values[-1]
    return vectors[:, kept] * np.sqrt(values[kept])
