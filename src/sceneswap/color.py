"""Colour profiles: what the numbers of a photograph mean, made one thing for all. In memory every photograph is sRGB."""

from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

from sceneswap.notes import LOG

_MODES = {"RGB": "RGB", "GRAY": "L"}  # colour space of a profile -> mode of the pictures it is for
_ROUNDING = 1  # grey levels: a profile that changes colours by no more is sRGB


class _Unusable(Exception):  # noqa: N818
    """Why a profile cannot be used, as a clause."""


def to_srgb(image: Image.Image, source: str) -> Image.Image:
    """Return a grey, palette or RGB picture, opaque, as mode RGB with sRGB values, as its embedded ICC profile says.

    Rendering intent: perceptual. Without a profile the picture is sRGB already; with one that cannot be used it is taken
    as sRGB, and a note names the `source`.
    """
    profile = image.info.get("icc_profile")
    if not profile:
        return image.convert("RGB")
    try:
        mode, transform = _transform(bytes(profile))
        if mode == "L" and image.mode not in ("L", "LA", "1"):
            raise _Unusable("is for grey pictures")
    except _Unusable as fault:
        LOG.warning("the colour profile of %s %s; its colours are taken as sRGB", source, fault)
        return image.convert("RGB")
    if transform is None:
        return image.convert("RGB")
    converted = ImageCms.applyTransform(image.convert(mode), transform)
    assert converted is not None  # it is None only when asked to work in place
    return converted


@lru_cache(maxsize=16)
def _transform(profile: bytes) -> tuple[str, ImageCms.ImageCmsTransform | None]:
    """Return the mode of pictures that an ICC profile is for, and what turns them into sRGB; None: they are sRGB.

    Raises `_Unusable`.
    """
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        if space not in _MODES:
            raise _Unusable(f"is for {space} pictures")
        mode = _MODES[space]
        transform = ImageCms.buildTransform(
            source, ImageCms.createProfile("sRGB"), mode, "RGB", ImageCms.Intent.PERCEPTUAL, ImageCms.Flags.NOCACHE
        )
        probe = _probe(mode)
        change = np.asarray(ImageCms.applyTransform(probe, transform)).astype(int) - np.asarray(probe.convert("RGB"))
    except (OSError, TypeError, ValueError, ImportError, ImageCms.PyCMSError) as error:
        raise _Unusable("cannot be read") from error
    return mode, (transform if np.abs(change).max() > _ROUNDING else None)


def _probe(mode: str) -> Image.Image:
    """RGB values on a lattice of 18 a side, or every grey."""
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    lattice = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1)
    return Image.fromarray(lattice.reshape(len(steps), -1, 3))
