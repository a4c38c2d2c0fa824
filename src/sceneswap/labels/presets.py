"""Label schemas by name or from a file: plain values (of TOML, JSON or a checkpoint) with a sentence for every mistake."""

import difflib
import json
import tomllib
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, NoReturn

from sceneswap.errors import UserError
from sceneswap.files import read_text
from sceneswap.labels.schema import LabelClass, LabelSchema

PRESETS: tuple[str, ...] = (
    "coco-stuff",
    "coco-stuffthingmaps",
    "ade20k-150",
    "ade20k-150-1based",
    "stanford-background",
    "camvid",
    "outdoor",
    "procedural",
)
"""Names of the schemas that come with the package."""

_SCHEMA_KEYS = ("name", "base", "offset", "void_ids", "only", "classes")
_CLASS_KEYS = ("id", "name", "color", "setting", "outdoor")


def load_schema(name_or_path: str) -> LabelSchema:
    """Return the preset of that name, or the schema in a .toml or .json file (the fields of `schema_from_dict`).

    Raises `UserError` when there is no such preset or file, or the file is no valid schema.
    """
    if name_or_path in PRESETS:
        return _preset(name_or_path)
    path = Path(name_or_path)
    if path.suffix.lower() not in (".toml", ".json"):
        near = difflib.get_close_matches(name_or_path, PRESETS, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]}, or another of" if near else "give one of"
        raise UserError(
            f"there is no label schema {name_or_path!r}; {hint} {', '.join(PRESETS)}, or a .toml or .json file"
        )
    text = read_text(path, "the label schema", hint=f"give a file or one of {', '.join(PRESETS)}")
    try:
        d = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"the label schema {path} is not valid {path.suffix[1:].upper()}: {error}") from error
    if isinstance(d, dict):
        d.setdefault("name", path.stem)
    return schema_from_dict(d, source=str(path))


@cache
def _preset(name: str) -> LabelSchema:
    text = resources.files("sceneswap.labels").joinpath("presets", f"{name}.toml").read_text(encoding="utf-8")
    return schema_from_dict({"name": name} | tomllib.loads(text), source=f"preset {name}")


def schema_from_dict(d: Any, source: str = "the label schema") -> LabelSchema:
    """Build a schema from plain values, such as those of `LabelSchema.to_dict`; `source` (a file) is named in errors.

    A schema may name a preset as `base` and give only what differs: `name`, `offset`, `void_ids`, `classes`, or
    `only`, the names of the classes to keep. Of a class only `id` and `name` must be given.
    Raises `UserError` on anything missing, unknown or contradictory.
    """
    fields = _table(d, "the schema", _SCHEMA_KEYS, source)
    base = _base(fields, source)
    if "classes" in fields:
        classes = tuple(_label_class(c, i, source) for i, c in enumerate(_list(fields["classes"], "classes", source)))
    elif base:
        classes = base.classes
    else:
        _fail(source, "it has neither classes nor a base; list the classes or name a preset as base")
    if "only" in fields:
        classes = _keep(classes, _list(fields["only"], "only", source), source)
    void_ids = base.void_ids if base else ()
    if "void_ids" in fields:
        void_ids = tuple(_whole(v, "void_ids", source) for v in _list(fields["void_ids"], "void_ids", source))
    try:
        return LabelSchema(
            name=_line(fields.get("name"), "name", source),
            classes=classes,
            void_ids=void_ids,
            offset=_whole(fields.get("offset", base.offset if base else 0), "offset", source),
        )
    except ValueError as error:
        _fail(source, str(error))


def _base(fields: dict[str, Any], source: str) -> LabelSchema | None:
    if "base" not in fields:
        return None
    if fields["base"] not in PRESETS:
        _fail(source, f"its base {fields['base']!r} is no preset; give one of {', '.join(PRESETS)}")
    return load_schema(fields["base"])


def _keep(classes: tuple[LabelClass, ...], names: list[Any], source: str) -> tuple[LabelClass, ...]:
    known = {c.name for c in classes}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            _fail(source, f"only names {name!r}, which is no class{f'; did you mean {near[0]!r}?' if near else ''}")
    return tuple(c for c in classes if c.name in names)


def _label_class(d: Any, index: int, source: str) -> LabelClass:
    what = f"class number {index + 1}"
    fields = _table(d, what, _CLASS_KEYS, source)
    color = _list(fields.get("color", list(spread_color(index))), f"the color of {what}", source)
    if len(color) != 3:
        _fail(source, f"the color of {what} has {len(color)} numbers; give red, green and blue")
    red, green, blue = (_whole(part, f"the color of {what}", source) for part in color)
    label_class = LabelClass(
        id=_whole(fields.get("id"), f"the id of {what}", source),
        name=_line(fields.get("name"), f"the name of {what}", source),
        color=(red, green, blue),
        setting=_line(fields.get("setting", "both"), f"the setting of {what}", source),
    )
    if fields.get("outdoor") is None:
        return label_class
    return replace(label_class, outdoor=_line(fields["outdoor"], f"the outdoor class of {what}", source))


def spread_color(index: int) -> tuple[int, int, int]:
    """Return a deterministic, never black colour for the class at `index`; neighbours differ strongly.

    The index's bits are dealt in turn to red, green and blue, highest first.
    """
    parts, number = [0, 0, 0], index + 1
    for bit in range(24):
        parts[bit % 3] |= (number >> bit & 1) << (7 - bit // 3)
    return parts[0], parts[1], parts[2]


def _table(value: Any, what: str, keys: tuple[str, ...], source: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        _fail(source, f"{what} must be a table of fields, not {type(value).__name__}")
    unknown = [key for key in value if key not in keys]
    if unknown:
        _fail(source, f"{what} has an unknown field {unknown[0]!r}; the fields are {', '.join(keys)}")
    return value


def _list(value: Any, what: str, source: str) -> list[Any]:
    if not isinstance(value, list):
        _fail(source, f"{what} must be a list, not {type(value).__name__}")
    return value


def _whole(value: Any, what: str, source: str) -> int:
    if value is None:
        _fail(source, f"{what} is missing; give a whole number")
    if isinstance(value, bool) or not isinstance(value, int):
        _fail(source, f"{what} must be a whole number, not {value!r}")
    return value


def _line(value: Any, what: str, source: str) -> str:
    if value is None:
        _fail(source, f"{what} is missing; give a short text")
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        _fail(source, f"{what} must be one line of text, not {value!r}")
    return value


def _fail(source: str, fault: str) -> NoReturn:
    raise UserError(f"{source} is not a valid label schema: {fault}")
