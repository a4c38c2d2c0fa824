"""A label schema: which number in a file means which class.

Numbers of files (*file values*) and class indices are kept apart: a file value is `class id + offset` or one of
`void_ids`; in memory a label map holds indices 0 … C-1 in the order of `classes`, and C for void. `indices_of` goes from
file values to indices (`convention.encode` refuses what the schema does not know), `decode` goes back.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneswap.errors import UserError
from sceneswap.scene import LabelMap

SETTINGS = ("indoor", "outdoor", "both")
VOID_COLOR = (0, 0, 0)
_COARSE = ("outdoor", "procedural")  # the schemas whose class names the field `LabelClass.outdoor` uses
_MAX_CLASSES = 32_766  # indices and void fit in int16
_MAX_VALUE = 65_535  # what a 16-bit grey PNG can hold


@dataclass(frozen=True)
class LabelClass:
    """One class: its id, name, display colour (RGB, 0 … 255) and where it occurs.

    setting: "indoor", "outdoor" or "both". outdoor: name of the class of the `outdoor` preset that it becomes when a
    map is converted to that preset; None: the class of the same name, or void. takes: names of the classes of other schemas
    that become this one, beside those of its own name.
    """

    id: int
    name: str
    color: tuple[int, int, int]
    setting: str = "both"
    outdoor: str | None = None
    takes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LabelSchema:
    """The classes of a kind of label map and the numbers they have in files.

    classes: in index order. void_ids: file values that mean "no class"; the first is the one written.
    offset: a file holds class id + offset. void_color: of void in colour pictures, RGB; a class may then be black.
    Raises `ValueError` when the parts contradict one another.
    """

    name: str
    classes: tuple[LabelClass, ...]
    void_ids: tuple[int, ...]
    offset: int = 0
    void_color: tuple[int, int, int] = VOID_COLOR

    def __post_init__(self) -> None:
        fault = _fault(self)
        if fault:
            raise ValueError(fault)

    @property
    def num_classes(self) -> int:
        """C, the number of classes without void."""
        return len(self.classes)

    @property
    def void_index(self) -> int:
        """The index of void in memory, C."""
        return len(self.classes)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The C class names in index order."""
        return tuple(c.name for c in self.classes)

    @cached_property
    def settings(self) -> NDArray[np.str_]:
        """(C,) where each class occurs: outdoor, indoor, both, or nothing where that is not said."""
        return np.array([c.setting or "" for c in self.classes])

    @cached_property
    def colors(self) -> NDArray[np.uint8]:
        """(C+1, 3) uint8 display colours, void last."""
        return np.array([*(c.color for c in self.classes), self.void_color], dtype=np.uint8)

    @cached_property
    def file_values(self) -> NDArray[np.int64]:
        """(C+1,) the value that each index has in a file, the first void id last."""
        return np.array([*(c.id + self.offset for c in self.classes), self.void_ids[0]], dtype=np.int64)

    @cached_property
    def index_of_value(self) -> dict[int, int]:
        """File value -> index, all void ids included."""
        table = dict.fromkeys(self.void_ids, self.void_index)
        return table | {c.id + self.offset: index for index, c in enumerate(self.classes)}

    @cached_property
    def _lookup(self) -> tuple[int, NDArray[np.int16]]:
        """(lowest value - 1, table): the index of every value of the range and one beyond each end; -1: foreign."""
        low, high = min(self.index_of_value) - 1, max(self.index_of_value) + 1
        table = np.full(high - low + 1, -1, dtype=np.int16)
        for value, index in self.index_of_value.items():
            table[value - low] = index
        return low, table

    def index_of(self, name: str) -> int:
        """Return the index of the class `name`. Raises `UserError` naming the nearest class names."""
        try:
            return self.names.index(name)
        except ValueError:
            near = difflib.get_close_matches(name, self.names, n=3, cutoff=0.5)
            near += [other for other in self.names if name and name in other and other not in near][:3]
            hint = f"did you mean {' or '.join(near)}?" if near else f"it has {self.num_classes} others"
            raise UserError(f"there is no class {name!r} in schema {self.name}; {hint}") from None

    def indices_of(self, values: NDArray[Any]) -> LabelMap:
        """Turn file values, integers of any shape, into int16 indices of that shape: void C, foreign values -1.

        Files go through `convention.encode`, which refuses foreign values.
        """
        low, table = self._lookup
        if values.dtype == np.uint8:
            return table[np.clip(np.arange(256), low, low + len(table) - 1) - low][values]
        bounded = np.minimum(values, _MAX_VALUE + 1) if values.dtype == np.uint64 else values  # int64 would wrap
        return table[np.clip(bounded.astype(np.int64), low, low + len(table) - 1) - low]

    def decode(self, label_map: LabelMap) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """Turn indices into file values (void becomes `void_ids[0]`): uint8, or uint16 when the schema needs it."""
        if label_map.size and (label_map.min() < 0 or label_map.max() > self.void_index):
            raise ValueError(f"a label map of {self.name} holds indices 0 … {self.void_index}")
        values = self.file_values
        return values.astype(np.uint8)[label_map] if values.max() <= 255 else values.astype(np.uint16)[label_map]

    def mapping_to(self, target: "LabelSchema") -> NDArray[np.int16]:
        """Return (C+1,) int16: for every index of this schema the index of `target`, its void where there is none.

        A class goes to the class of the same name; failing that, and if the target is the `outdoor` (or `procedural`)
        preset, to the one its `outdoor` field names; failing that, to the one whose field `takes` names it.
        """
        index = {name: i for i, c in enumerate(target.classes) for name in c.takes}
        index |= {name: i for i, name in enumerate(target.names)}

        def counterpart(c: LabelClass) -> int:
            coarse = index.get(c.outdoor, target.void_index) if c.outdoor and target.name in _COARSE else None
            return index.get(c.name, target.void_index if coarse is None else coarse)

        return np.array([*map(counterpart, self.classes), target.void_index], dtype=np.int16)

    def convert(self, label_map: LabelMap, target: "LabelSchema") -> LabelMap:
        """Return `label_map` (of this schema) as a label map of `target`; see `mapping_to`."""
        return self.mapping_to(target)[label_map]

    def describe_values(self) -> str:
        """Return the legal file values in words: "ids 1–182, void 0"."""
        values = (c.id + self.offset for c in self.classes)
        return f"ids {_ranges(values)}, void {' and '.join(str(v) for v in self.void_ids)}"

    def to_dict(self) -> dict[str, Any]:
        """Return the schema as JSON-able values; `presets.schema_from_dict` reads it back."""
        classes = [
            {"id": c.id, "name": c.name, "color": list(c.color), "setting": c.setting, "outdoor": c.outdoor}
            | ({"takes": list(c.takes)} if c.takes else {})
            for c in self.classes
        ]
        void: dict[str, Any] = {"void_ids": list(self.void_ids)}
        if self.void_color != VOID_COLOR:  # releases are read by earlier versions too
            void["void_color"] = list(self.void_color)
        return {"name": self.name, "offset": self.offset, **void, "classes": classes}


def _fault(schema: LabelSchema) -> str | None:
    """Return what is wrong with `schema` as a clause, or None."""
    if not 1 <= schema.num_classes <= _MAX_CLASSES:
        return f"it has {schema.num_classes} classes; give 1 to {_MAX_CLASSES}"
    if not schema.void_ids:
        return "it has no void_ids; give the file value that means 'no class', for example void_ids = [255]"
    for name in (schema.name, *schema.names):
        if not name.strip() or not name.isprintable():
            return f"a name must be one line of text, not {name!r}"
    for what, items in (("the id", [c.id for c in schema.classes]), ("the name", schema.names)):
        if (twice := _first_repeated(items)) is not None:
            return f"{what} {twice!r} is given to two classes; make them differ"
    for c, value in ((c, c.id + schema.offset) for c in schema.classes):  # of any size yet
        if not 0 <= value <= _MAX_VALUE:
            return f"class {c.name!r} would be {value} in a file (id + offset); files hold 0 to {_MAX_VALUE}"
        if value in schema.void_ids:
            return f"{value} is both class {c.name!r} and void; take another void id"
        if c.setting not in SETTINGS:
            return f"class {c.name!r} has the setting {c.setting!r}; give one of {', '.join(SETTINGS)}"
        if len(c.color) != 3 or not all(0 <= part <= 255 for part in c.color):
            return f"class {c.name!r} has the color {list(c.color)}; give red, green and blue from 0 to 255"
    if len(schema.void_color) != 3 or not all(0 <= part <= 255 for part in schema.void_color):
        return f"void_color is {list(schema.void_color)}; give red, green and blue from 0 to 255"
    if (twice := _first_repeated([name for c in schema.classes for name in c.takes])) is not None:
        return f"two classes take {twice!r}; leave it to one"
    listed = list(schema.void_ids)
    if _first_repeated(listed) is not None:
        return f"void_ids {listed} repeats a number; name each once"
    if listed[0] < 0 or any(abs(v) > _MAX_VALUE for v in listed):
        return f"void_ids {listed} must lie within ±{_MAX_VALUE} and start with one from 0 to {_MAX_VALUE}"
    return None


def _first_repeated(items: Iterable[Any]) -> Any:
    seen = set()
    return next((item for item in items if item in seen or seen.add(item)), None)  # type: ignore[func-returns-value]


def _ranges(values: Iterable[int]) -> str:
    """Return "0–9, 12" for the values; the outer bounds alone when there are more than four ranges."""
    ordered = sorted(values)
    starts = [v for i, v in enumerate(ordered) if i == 0 or ordered[i - 1] != v - 1]
    ends = [v for i, v in enumerate(ordered) if i == len(ordered) - 1 or ordered[i + 1] != v + 1]
    if len(starts) > 4:
        return f"{ordered[0]}–{ordered[-1]} with gaps"
    return ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in zip(starts, ends, strict=True))
