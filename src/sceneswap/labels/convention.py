"""Which convention do these numbers follow? Ids shifted by one are the commonest mistake with label maps."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneswap.errors import UserError
from sceneswap.labels.colors import MEND
from sceneswap.labels.presets import PRESETS, load_schema
from sceneswap.labels.schema import LabelSchema
from sceneswap.notes import LOG
from sceneswap.scene import LabelMap

_SHOWN = 4  # foreign ids named in a message
_INSTANCES = 1000


def encode(values: NDArray[Any], schema: LabelSchema, source: str) -> LabelMap:
    """Turn the `values` of a file (integers of any shape, (H, W) for a map) into int16 indices of `schema`, void = C.

    Raises `UserError` naming the file `source`, the foreign values, their pixel counts and what they look like.
    """
    if values.dtype.kind not in "iu":
        raise UserError(f"{source}: a label map holds whole numbers, not {values.dtype}; save it as integers")
    indices = schema.indices_of(values)
    if not indices.size or indices.min() >= 0:
        return indices
    found, counts = np.unique(values[indices < 0], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_SHOWN]
    parts = [f"{found[i]} ({counts[i]:,} pixel{'s' if counts[i] > 1 else ''})" for i in order]
    if len(found) > _SHOWN:
        parts.append(f"{len(found) - _SHOWN} more")
    ids, are = ("id", "is") if len(found) == 1 else ("ids", "are")
    hint = likely_convention(schema, np.unique(values).tolist())
    raise UserError(
        f"{source}: {ids} {_listed(parts)} {are} not in schema {schema.name} ({schema.describe_values()}); "
        + (hint or "no preset fits all ids of this file either: write a schema file for it, or correct the file")
    )


def note_mask(values: NDArray[Any], schema: LabelSchema, source: str) -> None:
    """Note that the file `source` looks like a yes/no mask when 0 and 255 alone are in it, though both are legal."""
    high = values == 255
    both = high.any() and not high.all() and bool(((values == 0) | high).all())
    if both and {0, 255} <= schema.index_of_value.keys():
        LOG.warning("%s holds 0 and 255 alone: it looks like a yes/no mask, not like a map of classes", source)


def classes_of_instances(values: NDArray[Any], schema: LabelSchema) -> NDArray[Any] | None:
    """The class ids in instance ids, id · 1000 + number as Cityscapes numbers objects; None when they are none."""
    wide = values.astype(np.int64)
    classes = np.where(wide >= _INSTANCES, wide // _INSTANCES, wide)
    legal = (wide >= _INSTANCES).any() and (schema.indices_of(classes) >= 0).all()
    return classes if legal else None


def likely_convention(schema: LabelSchema, values: Iterable[int]) -> str:
    """Return what the file `values` look like, other than `schema`, and what to do, as a clause; "" when unknown."""
    present = set(values)
    if present == {0, 255}:
        return "0 and 255 alone look like a yes/no mask, not like a map of classes: give every class its id"
    fitting = [s for s in map(load_schema, PRESETS) if s != schema and present <= s.index_of_value.keys()]
    fitting.sort(key=lambda s: s.num_classes)
    for related in fitting:
        if related.names == schema.names:
            others = [s.name for s in fitting if s is not related][:3]
            also = f" (the ids are also legal in {_listed(others)})" if others else ""
            return f"this looks like {related.name} ({related.describe_values()}): pass --schema {related.name}{also}"
    for shift in (1, -1):
        classes = {value + shift for value, index in schema.index_of_value.items() if index < schema.num_classes}
        if present <= classes | (set(schema.void_ids) - {0}) | {255}:
            return (
                f"this looks like {schema.name} with every id {'raised' if shift > 0 else 'lowered'} by one: "
                f"use a schema file with offset = {schema.offset + shift} and void_ids to match"
            )
    if classes_of_instances(np.array(sorted(present)), schema) is not None:
        return f"these look like instance ids (class id · 1000 + number): {MEND}"
    if fitting:
        return f"the ids are legal in {_listed([s.name for s in fitting[:3]])}: pass the right one as --schema"
    return ""


def shift_suspicion(schema: LabelSchema, values: Iterable[int], files: int) -> str:
    """Return a clause when the legal `values` of `files` maps hint at ids shifted by one; else "".

    When all values are legal in two numberings of the same classes, nothing in a single map tells them apart. Two
    hints: what is void here, beside another void id, is a class there; or, in ten files or more, the lowest class
    never occurs.
    """
    present = set(values)
    for other in map(load_schema, PRESETS):
        if other == schema or other.names != schema.names or not present <= other.index_of_value.keys():
            continue
        lowest, other_lowest = int(schema.file_values[:-1].min()), int(other.file_values[:-1].min())
        voids = present & set(schema.void_ids)
        if other_lowest in voids and len(voids) > 1:
            reason = f"{' and '.join(str(v) for v in sorted(voids))} both occur, though both are void"
        elif lowest < other_lowest and lowest not in present and files >= 10:
            reason = f"id {lowest} ({schema.names[schema.index_of_value[lowest]]!r}) never occurs"
        else:
            continue
        return (
            f"every id is also legal in {other.name} ({other.describe_values()}), and {reason}: "
            f"look at the maps with `sceneswap labels colorize` before trusting --schema {schema.name}"
        )
    return ""


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
