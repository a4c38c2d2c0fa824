"""The small picture in the file of a look, by which people tell looks apart; nothing is drawn from it."""

import io
from functools import partial

import numpy as np
from PIL import Image, UnidentifiedImageError

from sceneswap.pictures import inside, placeholder
from sceneswap.scene import Photo

SIDE, MOST_BYTES = 160, 4096
_QUALITIES = (75, 60, 45, 30, 15, 5)
_LARGEST = 512  # pixels a side of one that is opened: a file from elsewhere may hold anything


def thumbnail(photo: Photo) -> bytes:
    """A photo (H, W, 3) uint8 as WebP, its longer side 160 pixels, in at most 4 KB; empty where it needs more than that."""
    height, width = inside(photo.shape, SIDE)
    small = Image.fromarray(np.ascontiguousarray(photo)).resize(
        (width, height), Image.Resampling.BICUBIC, reducing_gap=3.0
    )
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        small.save(buffer, "WEBP", quality=quality, method=4)
        if buffer.tell() <= MOST_BYTES:
            return buffer.getvalue()
    return b""


def opened(data: bytes) -> Photo:
    """What `thumbnail` made, as (H, W, 3) uint8. Raises ValueError for anything else."""
    wrong = partial(ValueError, "its thumbnail is no small WebP picture")
    if len(data) > MOST_BYTES:
        raise wrong()
    try:
        with Image.open(io.BytesIO(data), formats=("WEBP",)) as image:
            if max(image.size) > _LARGEST:
                raise wrong()
            return np.asarray(image.convert("RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise wrong() from error


def shown_look(data: bytes, name: str) -> Photo:
    """A look's thumbnail to show on a page; of one without, a grey square with its name."""
    return opened(data) if data else placeholder(f"saved look\n{name}")
