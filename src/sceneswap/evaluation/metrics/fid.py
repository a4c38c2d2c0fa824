"""The Fréchet Inception distance: features, mergeable statistics, the distance between them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from torch import Tensor

from sceneswap.errors import UserError
from sceneswap.files import atomic_path
from sceneswap.models.pretrained.inception import (
    INCEPTION_ENVIRONMENT,
    PREPROCESSING,
    InceptionFeatures,
    inception_path,
    load_inception,
)

__all__ = [
    "INCEPTION_ENVIRONMENT",
    "PREPROCESSING",
    "FeatureStatistics",
    "InceptionFeatures",
    "frechet_distance",
    "inception_path",
    "load_inception",
]


@dataclass
class FeatureStatistics:
    """Count, mean and scatter of features, in float64. Statistics of parts merge into those of the whole.

    count: number of pictures. mean: (D,). scatter: (D, D), the sum of outer products of the deviations from the mean.
    """

    count: int = 0
    mean: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    scatter: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))

    def update(self, features: NDArray[Any] | Tensor) -> None:
        """Take in the features (N, D) of N more pictures."""
        rows = np.asarray(features.cpu() if isinstance(features, Tensor) else features, dtype=np.float64)
        if len(rows):
            mean = rows.mean(axis=0)
            self.merge(FeatureStatistics(len(rows), mean, (rows - mean).T @ (rows - mean)))

    def merge(self, other: "FeatureStatistics") -> None:
        """Take in the pictures that `other` counts."""
        if not self.count:
            self.count, self.mean, self.scatter = other.count, other.mean.copy(), other.scatter.copy()
        elif other.count:
            count = self.count + other.count
            shift = other.mean - self.mean
            self.scatter = self.scatter + other.scatter + np.outer(shift, shift) * (self.count * other.count / count)
            self.mean = self.mean + shift * (other.count / count)
            self.count = count

    @property
    def covariance(self) -> NDArray[np.float64]:
        """(D, D), unbiased (over N - 1). Raises `UserError` for fewer than two pictures."""
        if self.count < 2:
            raise UserError(f"FID needs at least 2 pictures on each side, there are {self.count}; take more pairs")
        return self.scatter / (self.count - 1)

    def save(self, path: Path) -> None:
        """Write to a safetensors file, atomically. Raises `UserError` when it cannot be written."""
        tensors = {"count": np.array(self.count), "mean": self.mean, "scatter": self.scatter}
        with atomic_path(path) as temporary:
            save_file(tensors, temporary)

    @staticmethod
    def load(path: Path) -> "FeatureStatistics":
        """Read what `save` wrote. Raises `UserError` when the file is missing, damaged or another kind of file."""
        try:
            tensors = load_file(path)
            return FeatureStatistics(int(tensors["count"]), tensors["mean"], tensors["scatter"])
        except FileNotFoundError:
            raise UserError(f"the feature statistics {path} do not exist; check the path") from None
        except (OSError, SafetensorError, KeyError, TypeError) as error:
            raise UserError(f"{path} cannot be read as feature statistics ({error}); compute them again") from error


def frechet_distance(a: FeatureStatistics, b: FeatureStatistics) -> float:
    """Squared Fréchet distance of the Gaussians with these means and covariances: FID, when the features are Inception's.

    |μa - μb|² + tr Σa + tr Σb - 2 tr (Σa Σb)^½, the last term as the sum of the singular values of Σa^½ Σb^½: no square
    roots of rounding noise, so fewer pictures than features do no harm to the arithmetic. (They do bias FID: compare
    only values of the same number of pictures.) Raises `UserError` for fewer than two pictures.
    """
    covariances = a.covariance, b.covariance
    roots = [_root(c) for c in covariances]
    cross = np.linalg.svd(roots[0].T @ roots[1], compute_uv=False).sum()
    distance = np.square(a.mean - b.mean).sum() + sum(np.trace(c) for c in covariances) - 2 * cross
    return max(float(distance), 0.0)


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """A (D, R) with A Aᵀ the covariance of rank R."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > len(values) * np.finfo(np.float64).eps * values[-1]
    return vectors[:, kept] * np.sqrt(values[kept])
