"""Distance to a true picture: PSNR, SSIM, LPIPS."""

from torch import Tensor

from sceneswap.errors import UserError
from sceneswap.evaluation.metrics.metric import Metric
from sceneswap.models.pretrained.lpips import LPIPS

MOST_PSNR = 100.0


def psnr(drawn: Tensor, answer: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB (B,), of images (B, 3, H, W) in [0, 1]; infinite for equal images.

    One error per image, over all three channels.
    """
    return -10 * (drawn.double() - answer.double()).square().mean(dim=(1, 2, 3)).log10()


def ssim(drawn: Tensor, answer: Tensor) -> Tensor:
    """Structural similarity (B,), of images (B, 3, H, W) in [0, 1], at least 11 pixels a side; 1 for equal images.

    Over all pixels and channels; Gaussian window of 11 pixels and standard deviation 1.5, borders mirrored (torchmetrics).
    Raises `UserError` when torchmetrics is not installed.
    """
    try:
        from torchmetrics.functional.image import structural_similarity_index_measure
    except ImportError:
        raise UserError("SSIM needs the package torchmetrics; install it with: pip install 'sceneswap[eval]'") from None

    values = structural_similarity_index_measure(drawn, answer, data_range=1.0, reduction="none")
    assert isinstance(values, Tensor)
    return values.reshape(len(drawn))


def metrics(lpips: LPIPS) -> list[Metric]:
    """PSNR, SSIM and LPIPS of drawings whose true pictures are known."""
    return [
        Metric(
            "PSNR", "higher", "psnr-1: dB, all of RGB in [0, 1] in one error per picture, 100 at most",
            lambda d: psnr(d.drawn, d.answer).clamp(max=MOST_PSNR),
        ),
        Metric(
            "SSIM", "higher",
            "ssim-1: per picture, RGB in [0, 1], Gaussian window 11, sigma 1.5, borders mirrored (torchmetrics)",
            lambda d: ssim(d.drawn, d.answer),
        ),
        Metric(
            "LPIPS", "lower", "lpips-1: LPIPS v0.1, AlexNet, at the evaluation's size",
            lambda d: lpips(d.drawn * 2 - 1, d.answer * 2 - 1),
        ),
    ]  # fmt: skip
