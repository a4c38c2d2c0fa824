"""What the colours of a picture are: those of a schema, those of a schema changed alike, or something else."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sceneswap.labels.presets import PRESETS, load_schema
from sceneswap.labels.schema import LabelSchema
from sceneswap.scene import LabelMap

_ROUNDING = 1  # grey levels by which a colour may miss what a curve makes of it
_CURVES = {
    "its colours are in linear light": lambda v: np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4),
    "its colours were brightened from linear light": lambda v: np.where(
        v <= 0.0031308, 12.92 * v, 1.055 * v ** (1 / 2.4) - 0.055
    ),
    "its colours have a gamma of 2.2": lambda v: v**2.2,
    "its colours have a gamma of 1/2.2": lambda v: v ** (1 / 2.2),
}
_ADE_CLASSES = 3688  # of ADE20K's full annotation
MEND = "`sceneswap labels convert --repair` mends that"


@dataclass(frozen=True)
class Recognised:
    """What was done to all colours alike, and the class index of each of them, (U,) int16."""

    words: str
    indices: LabelMap


def pack(colors: NDArray[np.uint8]) -> NDArray[np.int32]:
    """(…, 3) uint8 -> (…) int32, red highest."""
    wide = colors.astype(np.int32)
    return (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]


def unpack(packed: NDArray[np.int32]) -> NDArray[np.uint8]:
    """The inverse of `pack`."""
    return np.stack([packed >> 16 & 255, packed >> 8 & 255, packed & 255], axis=-1).astype(np.uint8)


def exact_indices(packed: NDArray[np.int32], schema: LabelSchema) -> LabelMap:
    """The int16 index of each packed colour of `schema` (of a shared colour one of its classes), -1 for foreign ones."""
    table = pack(schema.colors)
    order = np.argsort(table, kind="stable")
    indices = order[np.minimum(np.searchsorted(table[order], packed), len(order) - 1)].astype(np.int16)
    return np.where(table[indices] == packed, indices, np.int16(-1))


def recognise(colors: NDArray[np.uint8], schema: LabelSchema) -> Recognised | None:
    """Tell what was done to all `colors` (U, 3) of a label map of `schema` alike; None for anything else."""
    if (colors == colors[:, :1]).all():
        grey = schema.indices_of(colors[:, 0])
        if (grey >= 0).all():
            return Recognised("its red, green and blue are the class id", grey)
    turned = exact_indices(pack(colors[:, ::-1]), schema)
    if (turned >= 0).all():
        return Recognised("its red and blue are exchanged", turned)
    for words, curve in _CURVES.items():
        made = np.rint(curve(schema.colors / 255) * 255)
        near = (np.abs(colors[:, None].astype(int) - made[None]) <= _ROUNDING).all(axis=2)
        if (near.sum(axis=1) == 1).all():
            return Recognised(words, near.argmax(axis=1).astype(np.int16))
    return None


def likely_colors(colors: NDArray[np.uint8], counts: NDArray[np.int64], schema: LabelSchema) -> str:
    """Return what the colours (U, 3) of a picture, of so many pixels each, look like and what to do, as a clause; else "".

    Some of them are foreign to `schema`.
    """
    packed = pack(colors)
    exact = exact_indices(packed, schema) >= 0
    if found := _recognised(colors, schema):
        return f"{found.words}: {MEND}"
    presets = [load_schema(name) for name in PRESETS if name != schema.name]
    known = [preset.name for preset in presets if (exact_indices(packed, preset) >= 0).all()]
    if known:
        return f"these are the colours of {' or '.join(known[:2])}: read it in that schema"
    if counts[exact].sum() > counts.sum() / 2:
        return f"its borders are blended, perhaps by smoothing: {MEND}"
    codes = colors[:, 0].astype(int) // 10 * 256 + colors[:, 1]
    if (colors[:, 0] % 10 == 0).all() and codes.max() <= _ADE_CLASSES and len(colors) > 1:
        return (
            "this looks like a full annotation of ADE20K (classes in red / 10 · 256 + green, objects in blue): take the "
            "annotations of SceneParse150 instead"
        )
    if len(colors) <= 1024 and not exact.any():
        return (
            "its few colours may be the numbers of objects (red + 256 green + 65536 blue), as in COCO's panoptic maps whose "
            "classes stand in a JSON file, or the colours of a schema that you have to write"
        )
    return ""


def _recognised(colors: NDArray[np.uint8], schema: LabelSchema) -> Recognised | None:
    return recognise(colors, schema) if len(colors) <= 65_536 else None
