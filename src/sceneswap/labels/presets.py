"""Label schemas by name or from a file: plain values (of TOML, JSON or a checkpoint) with a sentence for every mistake."""

import difflib
from functools import cache
from importlib import resources
from typing import Any

from sceneswap.config import from_dict
from sceneswap.errors import UserError
from sceneswap.files import parse_json, parse_toml, read_text
from sceneswap.labels.labelmap import parse_labelmap
from sceneswap.labels.schema import LabelSchema
from sceneswap.remote import place

PRESETS: tuple[str, ...] = (
    "coco-stuff", "coco-stuffthingmaps", "ade20k-150", "ade20k-150-1based", "cityscapes", "cityscapes-trainids",
    "mapillary", "voc", "nyu40", "labelmefacade", "stanford-background", "camvid", "outdoor", "procedural", "indoor",
)  # fmt: skip
"""Names of the schemas that come with the package."""


def load_schema(name_or_path: str) -> LabelSchema:
    """Return the preset of that name, or the schema in a .toml or .json file (the fields of `schema_from_dict`).

    Or in a labelmap.txt, as CVAT writes it; its classes become what the classes of that name in the presets become.

    Raises `UserError` when there is no such preset or file, or the file is no valid schema.
    """
    if name_or_path in PRESETS:
        return _preset(name_or_path)
    path = place(name_or_path)
    cvat = path.name.lower().endswith("labelmap.txt")
    if path.suffix.lower() not in (".toml", ".json") and not cvat:
        near = difflib.get_close_matches(name_or_path, PRESETS, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]}, or another of" if near else "give one of"
        raise UserError(
            f"there is no label schema {name_or_path!r}; {hint} {', '.join(PRESETS)}, or a .toml, .json or labelmap.txt file"
        )
    text = read_text(path, "the label schema", hint=f"give a file or one of {', '.join(PRESETS)}")
    if cvat:
        d = {"name": path.stem, **parse_labelmap(text, f"the label schema {path}")}
        for c in d["classes"]:
            c["outdoor"] = _counterparts().get(c["name"].lower())
        return schema_from_dict(d, source=str(path))
    try:
        d = parse_toml(text) if path.suffix.lower() == ".toml" else parse_json(text)
    except ValueError as error:
        raise UserError(f"the label schema {path} is not valid {path.suffix[1:].upper()}: {error}") from error
    if isinstance(d, dict):
        d.setdefault("name", path.stem)
    return schema_from_dict(d, source=str(path))


@cache
def _counterparts() -> dict[str, str]:
    """What a class of that name becomes in `outdoor`, by the first preset that has one."""
    outdoor, found = load_schema("outdoor"), dict[str, str]()
    for preset in map(load_schema, PRESETS):
        for name, index in zip(preset.names, preset.mapping_to(outdoor).tolist(), strict=False):
            if index < outdoor.void_index:
                found.setdefault(name, outdoor.names[index])
    return found


@cache
def _preset(name: str) -> LabelSchema:
    text = resources.files("sceneswap.labels").joinpath("presets", f"{name}.toml").read_text(encoding="utf-8")
    return schema_from_dict({"name": name} | parse_toml(text), source=f"preset {name}")


def schema_from_dict(d: Any, source: str = "the label schema") -> LabelSchema:
    """Build a schema from plain values, such as those of `LabelSchema.to_dict`; `source` (a file) is named in errors.

    A schema may name a preset as `base` and give only what differs: `name`, `offset`, `void_ids`, `void_color`,
    `classes`, or `only`, the names of the classes to keep. Of a class only `id` and `name` must be given.
    Raises `UserError` on anything missing, unknown or contradictory.
    """
    where = f"{source} is not a valid label schema"
    fields = dict(d) if isinstance(d, dict) else {}
    base, only = fields.pop("base", None), fields.pop("only", [])
    if base is not None:
        if base not in PRESETS:
            raise UserError(f"{where}: its base {base!r} is no preset; give one of {', '.join(PRESETS)}")
        fields = load_schema(base).to_dict() | fields
    elif "classes" not in fields and isinstance(d, dict):
        raise UserError(f"{where}: it has neither classes nor a base; list the classes or name a preset as base")
    if isinstance(fields.get("classes"), list):
        spread = [{"color": list(spread_color(i))} for i in range(len(fields["classes"]))]
        classes = [c | one if isinstance(one, dict) else one for c, one in zip(spread, fields["classes"], strict=True)]
        fields["classes"] = _kept(classes, only, where) if only else classes
    return from_dict(LabelSchema, fields if isinstance(d, dict) else d, where)


def _kept(classes: list[Any], only: Any, where: str) -> list[Any]:
    """The classes that are named in `only`."""
    names = [c.get("name") for c in classes if isinstance(c, dict)]
    for name in only if isinstance(only, list) else [only]:
        if name not in names:
            near = difflib.get_close_matches(str(name), map(str, names), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UserError(f"{where}: only names {name!r}, which is no class{hint}")
    return [c for c in classes if isinstance(c, dict) and c.get("name") in only]


def spread_color(index: int) -> tuple[int, int, int]:
    """Return a deterministic, never black colour for the class at `index`; neighbours differ strongly.

    The index's bits are dealt in turn to red, green and blue, highest first.
    """
    parts, number = [0, 0, 0], index + 1
    for bit in range(24):
        parts[bit % 3] |= (number >> bit & 1) << (7 - bit // 3)
    return parts[0], parts[1], parts[2]
