"""Photographs as the networks take them, and back: the one place where bytes become numbers."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sceneswap.scene import Photo


def to_unit(photos: Sequence[Photo], device: torch.device | str = "cpu") -> Tensor:
    """Photos (H, W, 3) uint8 of one size → (B, 3, H, W) float32 in [0, 1], channels last in memory."""
    return torch.from_numpy(np.stack(photos)).to(device).permute(0, 3, 1, 2).float() / 255


def to_images(photos: Sequence[Photo], device: torch.device | str = "cpu") -> Tensor:
    """The same in [-1, 1], as generator and discriminator see pictures."""
    return to_unit(photos, device) * 2 - 1


def to_photos(images: Tensor) -> NDArray[np.uint8]:
    """Images (…, 3, H, W) in [-1, 1] → photos (…, H, W, 3) uint8, rounded and clamped."""
    pixels = ((images.float() + 1) * 127.5).round().clamp(0, 255).byte()
    return pixels.movedim(-3, -1).contiguous().cpu().numpy()


def to_byte_photos(units: Tensor) -> NDArray[np.uint8]:
    """The inverse of `to_unit`: images (…, 3, H, W) in [0, 1] → photos (…, H, W, 3) uint8, rounded and clamped."""
    return to_photos(units.float() * 2 - 1)
