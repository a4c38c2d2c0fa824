"""PSNR and SSIM: per picture, with known values."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from sceneswap.errors import UserError
from sceneswap.evaluation.metrics.reconstruction import psnr, ssim
from sceneswap.models.pretrained.lpips import load_lpips


def images(n: int, seed: int = 0) -> Tensor:
    return torch.rand(n, 3, 32, 40, generator=torch.Generator().manual_seed(seed))


def test_psnr_by_hand() -> None:
    answer = torch.zeros(3, 3, 2, 2)
    drawn = torch.zeros(3, 3, 2, 2)
    drawn[1] = 0.1  # error 0.01 everywhere: 20 dB
    drawn[2, 0, 0, 0] = 1.0  # one of twelve values wrong by 1
    assert psnr(drawn, answer).tolist() == pytest.approx([np.inf, 20, 10 * np.log10(12)])


def test_ssim_is_the_formula_over_the_whole_picture() -> None:
    pytest.importorskip("torchmetrics")
    x, y = images(1), images(1, seed=1) * 0.5 + images(1) * 0.5

    def blurred(image: Tensor) -> np.ndarray:
        return gaussian_filter(image[0].double().numpy(), sigma=(0, 1.5, 1.5), radius=(0, 5, 5), mode="mirror")

    mean_x, mean_y = blurred(x), blurred(y)
    var_x, var_y, cov = (blurred(a * b) - m * n for a, b, m, n in
                         ((x, x, mean_x, mean_x), (y, y, mean_y, mean_y), (x, y, mean_x, mean_y)))  # fmt: skip
    c1, c2 = 0.01**2, 0.03**2
    values = (2 * mean_x * mean_y + c1) * (2 * cov + c2) / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
    assert float(ssim(x, y)) == pytest.approx(values.mean(), abs=1e-5)


def test_ssim_is_per_picture_and_one_for_equal_pictures() -> None:
    pytest.importorskip("torchmetrics")
    x, y = images(3), images(3, seed=1)
    y[1] = x[1]
    values = ssim(x, y)
    assert values.shape == (3,)
    assert float(values[1]) == pytest.approx(1, abs=1e-6)
    assert values[[0, 2]].max() < 0.5
    assert ssim(x[:1], y[:1]).tolist() == pytest.approx(values[:1].tolist(), abs=1e-6)


def test_without_torchmetrics_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchmetrics.functional.image", None)
    with pytest.raises(UserError, match=r"pip install 'sceneswap\[eval\]'"):
        ssim(images(1), images(1))


@pytest.mark.shared
@torch.no_grad()
def test_lpips_of_two_known_pictures(shared: Path) -> None:
    """The number was taken when this code and these weights gave .7219 and .1376 for the published ex_ref, ex_p0, ex_p1."""
    y, x = np.mgrid[:64, :96] / 64
    a = np.stack([np.sin(7 * x + 3 * y), np.cos(5 * y), np.sin(11 * x * y)]).astype(np.float32)
    b = np.stack([np.sin(7 * x + 3 * y), np.cos(6 * y), np.sin(9 * x * y)]).astype(np.float32)
    network = load_lpips(shared / "weights" / "lpips_alexnet_and_lin.safetensors")
    distance = network(torch.from_numpy(a)[None], torch.from_numpy(b)[None])
    assert float(distance) == pytest.approx(0.12915, rel=1e-3)
