"""Photographs and pictures: read strictly, as upright sRGB; written as PNG, JPEG or WebP with a note inside.

Every file is checked from its header, before a pixel is decoded; whatever is wrong with it is one `UserError`.
"""

import io
import json
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, PngImagePlugin, UnidentifiedImageError

from sceneswap.color import to_srgb
from sceneswap.errors import UserError, encoded, first_line
from sceneswap.files import parse_json, write_bytes
from sceneswap.filetype import OPTIONAL, but_found, is_heif
from sceneswap.member import File, as_file, check_file, openable
from sceneswap.remote import place
from sceneswap.scene import Photo
from sceneswap.seal import UNSEALED, sealed

MAX_PIXELS = 64_000_000
"""The largest picture that is decoded, in pixels, unless the caller allows more."""

LOSSY = ("JPEG", "MPO", "WEBP", "AVIF", "HEIF")
"""Pillow's names of the formats that cannot hold exact numbers (MPO: a camera's JPEG with a preview behind it)."""

PHOTO_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF", "HEIF")
PHOTO_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff",
    *(suffix for suffix, (module, _) in OPTIONAL.items() if find_spec(module)),
)  # fmt: skip
"""The file names that folders of photographs are searched for."""

_EIGHT_BIT_MODES = ("RGB", "RGBA", "RGBX", "L", "LA", "P", "PA", "1")
WRITTEN_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
"""The kinds of file that pictures are written as."""

_ORIENTATION, _SOFTWARE_TAG = 0x0112, 0x0131  # EXIF tags
_WHOLE = "whole"  # what `info` of a picture that is decoded small calls its own (width, height)
_DESCRIPTION = 0x010E  # the EXIF tag that JPEG and WebP files keep their texts in
_MAX_TEXT = 64 * 2**20  # bytes of texts and of the colour profile in a PNG; Pillow's own 1 MB refuses honest files
_filters = threading.Lock()  # warning filters belong to the whole process

PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = _MAX_TEXT


@contextmanager
def open_checked(
    path: File, formats: tuple[str, ...], what: str, max_pixels: int, at_least: int | None = None
) -> Iterator[Image.Image]:
    """Open the picture `path`, check it and yield it decoded, without any change of mode, size or orientation.

    formats: Pillow's names of the formats allowed. what: "photograph" or "label map", for the messages. at_least: see
    `read_photo`.
    Raises `UserError` when the file is missing, a folder, no picture, of another format, animated, larger than
    `max_pixels` or damaged. The size is checked before the pixels are decoded.
    """
    check_file(path, f"the {what}")
    with _as_user_error(path, what), _quietly():
        image = _open(path)
        kind = "JPEG" if image.format == "MPO" else image.format  # MPO: a camera's JPEG with a preview behind it
        frames = 1 if image.format in ("MPO", "HEIF") else getattr(image, "n_frames", 1)  # previews, depth
    with image:
        if kind not in formats:
            lossy = ", which loses exact ids" if what == "label map" and kind in LOSSY else ""
            raise UserError(f"the {what} {path} is in the format {kind}{lossy}; save it as {' or '.join(formats)}")
        check_pixels(path, what, *(whole := image.size), max_pixels)
        if frames > 1:
            raise UserError(f"the {what} {path} holds {frames} frames; save the one you want as a single picture")
        packing = str(image.tile[0][3]) if image.tile else ""
        if ";16" in packing and not image.mode.startswith("I"):
            raise UserError(f"the {what} {path} has 16 bits per channel; convert it to 8 bits per channel first")
        if what == "label map" and packing in ("L;2", "L;4"):  # Pillow would stretch the values
            raise UserError(f"the {what} {path} has fewer than 8 bits per pixel; save it as an 8-bit grey PNG")
        with _as_user_error(path, what):
            if at_least is not None and image.draft(None, (at_least, at_least)):
                image.info[_WHOLE] = whole
            image.load()
            if image.mode in ("P", "PA") and image.palette is None:
                raise ValueError("it has no palette")
        yield image


def picture_kind(path: File, what: str) -> tuple[str, str]:
    """Return Pillow's names of the format and mode of the picture `path`, from its header alone. Raises `UserError`."""
    check_file(path, f"the {what}")
    with _as_user_error(path, what), _quietly(), _open(path) as image:
        return str(image.format), image.mode


def _open(path: File) -> ImageFile.ImageFile:
    """Open a picture with whatever is installed to read it."""
    if is_heif(path):
        _register_heif()
    return Image.open(openable(path))


@cache
def _register_heif() -> None:
    if find_spec("pillow_heif"):
        import pillow_heif

        pillow_heif.register_heif_opener()


def check_pixels(path: File, what: str, width: int, height: int, max_pixels: int) -> None:
    """Raise `UserError` when a picture of `width` × `height` is empty or has more than `max_pixels` pixels."""
    if width < 1 or height < 1:
        raise UserError(f"the {what} {path} is empty ({width}×{height} pixels); export it again")
    if width * height > max_pixels:
        raise UserError(
            f"the {what} {path} has {width}×{height} pixels, more than the {max_pixels / 1e6:g} million allowed; "
            "make it smaller first"
        )


def read_photo(path: File, max_pixels: int = MAX_PIXELS, *, at_least: int | None = None) -> Photo:
    """Return the photograph `path` as (H, W, 3) uint8 sRGB, turned upright as its EXIF orientation says.

    at_least: pixels of the shorter side that are enough. A larger JPEG is then decoded at a half, a quarter or an eighth
    of its size, which takes a fraction of the time and memory; other formats are always decoded whole.
    Grey and palette pictures become RGB, colours are converted as the file's profile says (`color.to_srgb`). Transparent
    pixels, CMYK and more than 8 bits per channel are refused, since there is no one right way to turn them into RGB.
    Raises `UserError`; see `open_checked`.
    """
    return read_turned(path, max_pixels, at_least=at_least)[0]


def read_turned(path: File, max_pixels: int = MAX_PIXELS, *, at_least: int | None = None) -> tuple[Photo, int]:
    """Return what `read_photo` does and the EXIF orientation, 1 … 8, that the photograph was turned upright from."""
    path = as_file(path)
    with open_checked(path, PHOTO_FORMATS, "photograph", max_pixels, at_least) as image:
        photo = to_photo(image, f"the photograph {path}")
        return photo, image.info.get("original_orientation") or orientation_of(image)  # HEIC is turned as it is decoded


def check_photo(path: Path, max_pixels: int = MAX_PIXELS) -> tuple[tuple[int, int], int]:
    """Return (height, width) of what `read_turned` returns, and the orientation. Checks the same, but decodes a JPEG small."""
    with open_checked(path, PHOTO_FORMATS, "photograph", max_pixels, at_least=1) as image:
        to_photo(image, f"the photograph {path}")
        orientation = orientation_of(image)
        width, height = image.info.get(_WHOLE, image.size)[:: -1 if orientation >= 5 else 1]
        return (height, width), image.info.get("original_orientation") or orientation


def to_photo(image: Image.Image, source: str) -> Photo:
    """Return an opened picture as a photograph, as `read_photo` does; `source` for messages. Raises `UserError`."""
    if image.mode not in _EIGHT_BIT_MODES:
        kind = "CMYK (for printing)" if image.mode == "CMYK" else f"not 8-bit RGB or grey (Pillow's mode {image.mode})"
        raise UserError(f"{source} is {kind}; convert it to 8-bit RGB first")
    alpha = np.asarray(image.convert("RGBA"))[..., 3] if image.has_transparency_data else np.uint8(255)
    if transparent := np.count_nonzero(alpha < 255):
        raise UserError(
            f"{source} has {transparent:,} transparent pixels; put it on a background and save it without transparency"
        )
    writable = np.array(to_srgb(image, source))  # Pillow's own is not
    return np.ascontiguousarray(_upright(writable, orientation_of(image)))


def resize_photo(photo: Photo, size: tuple[int, int]) -> Photo:
    """Return `photo` (H, W, 3) uint8 at `size` = (height, width): Lanczos, antialiased when it shrinks."""
    if photo.shape[:2] == tuple(size):
        return photo.copy()
    return np.array(Image.fromarray(photo).resize((size[1], size[0]), Image.Resampling.LANCZOS))


def write_png(path: Path, array: NDArray[Any], text: Mapping[str, str] | None = None) -> None:
    """Write `array` as a PNG, atomically, with `text` (keyword -> UTF-8 text) in it.

    array: (H, W, 3) uint8 RGB, (H, W) uint8 grey or (H, W) uint16 grey. `read_png_text` returns the text.
    Raises `UserError` when the file cannot be written.
    """
    rgb = array.ndim == 3 and array.shape[2] == 3 and array.dtype == np.uint8
    grey = array.ndim == 2 and array.dtype in (np.uint8, np.uint16)
    if not (rgb or grey) or not array.size:
        raise ValueError(f"a PNG holds (H, W, 3) uint8 or (H, W) uint8 or uint16, not {array.shape} {array.dtype}")
    info = PngImagePlugin.PngInfo()
    info.add_text("Software", UNSEALED)
    for key, value in (text or {}).items():
        info.add_itxt(key, encoded(value).decode())  # a file name may be no Unicode
    _write_sealed(place(path), array, format="PNG", pnginfo=info)


def read_png_text(path: Path, max_pixels: int = MAX_PIXELS) -> dict[str, str]:
    """Return the texts inside the PNG `path`, keyword -> text. Raises `UserError`; see `open_checked`."""
    with open_checked(place(path), ("PNG",), "picture", max_pixels) as image:
        texts = getattr(image, "text", {})
        return {str(key): str(value) for key, value in texts.items() if key != "Software"}


def write_picture(path: Path, photo: Photo, text: Mapping[str, str] | None = None, *, quality: int = 92) -> None:
    """Write a photo (H, W, 3) uint8 as the kind that its name says, atomically, with `text` (keyword -> text) in it.

    .png is exact; .jpg or .jpeg (whole colour resolution) and .webp lose detail by `quality`, 1 … 100. JPEG and WebP keep the
    text as JSON in the EXIF field ImageDescription; `read_picture_text` returns it. The same photo gives the same bytes.
    Raises `UserError` for another suffix and when the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in WRITTEN_SUFFIXES:
        raise UserError(f"cannot write the picture {path}: name it {', '.join(WRITTEN_SUFFIXES)}")
    if suffix == ".png":
        write_png(path, photo, text)
        return
    exif = sealed_exif()
    if text:
        exif[_DESCRIPTION] = json.dumps(dict(text))  # in ASCII, as EXIF wants it
    how: dict[str, Any] = {"format": "JPEG", "subsampling": 0} if suffix != ".webp" else {"format": "WEBP", "method": 4}
    _write_sealed(path, photo, quality=quality, exif=exif, **how)


def sealed_exif() -> Image.Exif:
    """The EXIF block of a picture to be sealed."""
    exif = Image.Exif()
    exif[_SOFTWARE_TAG] = UNSEALED
    return exif


def _write_sealed(path: Path, array: NDArray[Any], **how: Any) -> None:
    """Write a picture as Pillow saves it with the options `how`, atomically and sealed. Raises `UserError`."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(array)).save(buffer, **how)
    write_bytes(path, sealed(buffer.getvalue()))


def read_picture_text(path: Path, max_pixels: int = MAX_PIXELS) -> dict[str, str]:
    """Return the texts inside a picture that `write_picture` wrote, keyword -> text; none of any other picture.

    Raises `UserError`; see `open_checked`.
    """
    if path.suffix.lower() == ".png":
        return read_png_text(path, max_pixels)
    with open_checked(path, PHOTO_FORMATS, "picture", max_pixels) as image, _quietly():
        try:
            found = parse_json(str(image.getexif().get(_DESCRIPTION, "")))
        except Exception:  # Pillow raises almost anything on a damaged block
            return {}
        return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation 1 … 8; 1 (upright) when there is none or the EXIF block is damaged."""
    with _quietly():
        try:
            value = image.getexif().get(_ORIENTATION, 1)
        except Exception:  # Pillow raises almost anything on a damaged block, and the picture itself is fine
            return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _upright(photo: Photo, orientation: int) -> Photo:
    """Undo an EXIF `orientation`: 5 … 8 swap the axes, then rows or columns are reversed."""
    if orientation >= 5:
        photo = photo.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        photo = photo[::-1]
    if orientation in (2, 3, 6, 7):
        photo = photo[:, ::-1]
    return photo


@contextmanager
def _quietly() -> Iterator[None]:
    """Silence Pillow's warnings of size and odd metadata: what matters is checked here."""
    with _filters, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _as_user_error(path: File, what: str) -> Iterator[None]:
    """Turn whatever Pillow raises on a bad file into one sentence."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"the {what} {path} does not exist; check the path") from None
    except IsADirectoryError:
        raise UserError(f"the {what} {path} is a folder; name one file in it") from None
    except PermissionError:
        raise UserError(f"the {what} {path} may not be read; change its permissions") from None
    except UnidentifiedImageError:
        suited = "PNG or JPEG" if what == "photograph" else "PNG"
        raise UserError(f"the {what} {path} is not a picture that can be read{but_found(path, suited)}") from None
    except Image.DecompressionBombError:
        raise UserError(f"the {what} {path} has far too many pixels; make it smaller first") from None
    except Exception as error:  # decoders raise almost anything on damaged data: OSError, SyntaxError, struct.error …
        if isinstance(error, ValueError) and "MAX_TEXT" in str(error):
            raise UserError(
                f"the {what} {path} carries more than {_MAX_TEXT >> 20} MB of text or colour profile; save it without"
            ) from error
        detail = first_line(error)
        raise UserError(f"the {what} {path} is damaged ({detail}); download or export it again") from error
