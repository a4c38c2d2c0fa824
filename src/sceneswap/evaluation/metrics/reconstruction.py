"""Distance to a true picture: PSNR and SSIM. (LPIPS: `sceneswap.models.pretrained.lpips`.)"""

from torch import Tensor

from sceneswap.errors import UserError


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
