"""Label maps drawn from the polygons of labelme's JSON files.

    {"imageHeight": 480, "imageWidth": 640, "shapes": [{"label": "sky", "shape_type": "polygon", "points": [[0, 0], …]}]}

Shapes are drawn in their order, so that later ones lie on top, as labelme's own conversion does; outlines belong to them.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from sceneswap.errors import UserError
from sceneswap.files import read_json
from sceneswap.images import MAX_PIXELS, check_pixels
from sceneswap.labels.labelmap import VOID_NAMES
from sceneswap.labels.schema import LabelSchema
from sceneswap.notes import LOG
from sceneswap.scene import LabelMap

_WITHOUT_AREA = ("point", "line", "linestrip", "points")
_FURTHEST = 1_000_000  # pixels: coordinates are cut off there


def is_labelme(path: Path) -> bool:
    """Whether the JSON file `path` holds shapes as labelme writes them. Raises `UserError` when it cannot be read."""
    content = read_json(path, "the shapes of labelme")
    return isinstance(content, dict) and isinstance(content.get("shapes"), list) and "imageHeight" in content


def read_polygons(path: Path, schema: LabelSchema, max_pixels: int = MAX_PIXELS) -> tuple[LabelMap, int]:
    """Return the label map (H, W) that the shapes of a labelme file draw, void where there is none, and their number.

    Raises `UserError` for labels that are no class of `schema`, and for what is not as labelme writes it.
    """
    content = read_json(path, "the shapes of labelme")
    try:
        height, width, shapes = content["imageHeight"], content["imageWidth"], content["shapes"]
        if type(height) is not int or type(width) is not int or not isinstance(shapes, list):
            raise TypeError
    except (KeyError, TypeError):
        raise UserError(
            f"{path} is no file of labelme: it lacks shapes, imageHeight or imageWidth; name label maps or labelme's files"
        ) from None
    check_pixels(path, "label map", width, height, max_pixels)
    picture = Image.new("I", (width, height), schema.void_index)
    pen, drawn = ImageDraw.Draw(picture), 0
    for number, shape in enumerate(shapes):
        try:
            drawn += _draw(pen, shape, schema)
        except UserError as error:
            raise UserError(f"{path}: shape {number + 1}: {error}") from error
        except (KeyError, TypeError, ValueError, AttributeError):
            raise UserError(
                f"{path}: shape {number + 1} is not as labelme writes it; it needs a label and points of two numbers each"
            ) from None
    if drawn < len(shapes):
        LOG.warning("%s: points and lines have no area and are left out", path)
    return np.asarray(picture).astype(np.int16), drawn


def _draw(pen: ImageDraw.ImageDraw, shape: dict[str, Any], schema: LabelSchema) -> bool:
    """Draw one shape; False for one without an area."""
    kind = shape.get("shape_type") or "polygon"
    points = [(_number(x), _number(y)) for x, y in shape["points"]]
    name = str(shape["label"])
    index = schema.void_index if name.strip("_").lower() in VOID_NAMES else schema.index_of(name)
    if kind in _WITHOUT_AREA:
        return False
    if kind == "polygon" and len(points) >= 3:
        pen.polygon(points, fill=index, outline=index)
    elif kind == "rectangle" and len(points) == 2:
        (x, y), (right, bottom) = points
        pen.rectangle([min(x, right), min(y, bottom), max(x, right), max(y, bottom)], fill=index, outline=index)
    elif kind == "circle" and len(points) == 2:
        (x, y), radius = points[0], math.dist(*points)
        pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=index, outline=index)
    else:
        raise UserError(f"a {kind} of {len(points)} points cannot be drawn; make it a polygon of three or more")
    return True


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError
    return float(min(max(value, -_FURTHEST), _FURTHEST))
