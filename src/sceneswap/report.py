"""Self-contained HTML pages: one file, readable without a network, the same bytes for the same content.

    write_page(path, "results.html", title="Evaluation", scores=(["method", "PSNR"], [["ours", 21.3]]), …)

The pages are Jinja templates in `templates/`: each extends base.html and is made of what parts.html offers. Every value is
text and escaped wherever it appears (names of files and classes are strangers' words); markup comes from templates only.
Photographs are embedded as WebP, plots as SVG, and the page forbids itself every request and every other script.
"""

import base64
import hashlib
import io
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from sceneswap.errors import encoded
from sceneswap.files import write_bytes
from sceneswap.scene import Photo
from sceneswap.seal import UNSEALED, sealed

_QUALITY = 82  # of WebP: differences are not seen at twice the size


def write_page(path: Path, template: str, **values: Any) -> None:
    """Write `page(…)` to `path`, atomically. Raises `UserError` when it cannot be written."""
    write_bytes(path, sealed(encoded(page(template, **values))))


def page(template: str, **values: Any) -> str:
    """The whole page as text. template: the name of a file in `templates/`, which says what `values` it takes."""
    return _templates().get_template(template).render(values)


def webp(photo: Photo, exact: bool = False) -> str:
    """A picture, (H, W, 3) or (H, W) uint8, as a `data:` address. exact: pixel by pixel, as label maps are to be seen."""
    buffer = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(photo)).convert("RGB")
    image.save(buffer, "WEBP", quality=_QUALITY, lossless=exact, method=4)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def svg(drawing: str) -> str:
    """An SVG document as a `data:` address; as the source of an image it runs no script and loads nothing."""
    return f"data:image/svg+xml;base64,{base64.b64encode(drawing.encode()).decode('ascii')}"


def cell(value: Any) -> Any:
    """A value of a table: a float with four significant digits, None as a dash, all else as it is."""
    return "–" if value is None else f"{value:.4g}" if isinstance(value, float) else value


@cache
def _templates() -> Environment:
    folder = Path(__file__).parent / "templates"
    templates = Environment(
        loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )  # fmt: skip
    style, script = ((folder / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    templates.filters |= {"webp": webp, "svg": svg, "cell": cell}
    templates.tests["a_number"] = lambda one: isinstance(one, int | float | np.number) and not isinstance(one, bool)
    words = {"script_digest": digest, "unsealed": UNSEALED}
    templates.globals |= {"style": Markup(style), "script": Markup(script), **words}
    templates.globals["parts"] = templates.get_template("parts.html").module
    return templates
