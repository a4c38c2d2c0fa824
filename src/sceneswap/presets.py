"""Settings of training as TOML: the presets of the package and files of one's own, on top of another or not, with changes."""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from sceneswap.errors import UserError
from sceneswap.files import parse_toml, read_text

PRESETS = ("paper", "outdoor-small", "indoor-small", "small", "tiny")


def preset_text(name: str) -> str:
    """The TOML text of a preset of the package. Raises `UserError` when there is none of that name."""
    if name not in PRESETS:
        raise UserError(f"{name} is no preset; they are {', '.join(PRESETS)}")
    return (resources.files("sceneswap") / "presets" / f"{name}.toml").read_text(encoding="utf-8")


def read_settings(name_or_path: str, changes: Sequence[str] = ()) -> dict[str, Any]:
    """Read a preset by name, or a TOML file by path, as plain values.

    A file that says `base = "small"` holds only what differs: tables are merged with those of the base, everything else
    replaces it. The base is a preset, or a file beside this one. changes: `loss.style=2`, one setting each; a phase is
    named by its name, `phases.patch.steps=100`. Raises `UserError`.
    """
    values = _on_its_base(name_or_path, ())
    for change in changes:
        _set(values, change)
    return values


def _on_its_base(name_or_path: str, above: tuple[str, ...]) -> dict[str, Any]:
    if name_or_path in above:
        raise UserError(f"the preset {name_or_path} is its own base, through {' and '.join(above)}; break the circle")
    values = _read(name_or_path)
    base = values.pop("base", None)
    if base is None:
        return values
    if not isinstance(base, str):
        raise UserError(f"{name_or_path}: base must be the name of a preset or of a .toml file, not {base!r}")
    if base not in PRESETS:
        base = str(Path(name_or_path).parent / base)
    return _merged(_on_its_base(base, (*above, name_or_path)), values)


def _read(name_or_path: str) -> dict[str, Any]:
    if name_or_path in PRESETS:
        text = preset_text(name_or_path)
    else:
        path = Path(name_or_path)
        if path.suffix != ".toml":
            raise UserError(f"{name_or_path} is no preset ({', '.join(PRESETS)}) and no .toml file")
        text = read_text(path, "the configuration")
    try:
        return parse_toml(text)
    except ValueError as error:
        raise UserError(f"the configuration {name_or_path} is not valid TOML: {error}") from error


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    both = {key: _merged(base[key], over[key]) for key in over if _tables(base.get(key), over[key])}
    return base | over | both


def _tables(*values: Any) -> bool:
    return all(isinstance(value, dict) for value in values)


def _set(values: dict[str, Any], change: str) -> None:
    """Change one setting, in place."""
    name, equals, text = change.partition("=")
    *tables, key = name.split(".")
    if not equals or not all((*tables, key)):
        raise UserError(f"--set {change}: give a setting and its value, such as loss.style=2")
    place: Any = values
    for table in tables:
        place = _inside(place, table, change)
    if not isinstance(place, dict):
        raise UserError(f"--set {change}: {tables[-1]} holds no settings")
    try:
        place[key] = parse_toml(f"value = {text}")["value"]
    except ValueError:  # a word without quotes
        place[key] = text


def _inside(place: Any, name: str, change: str) -> Any:
    if isinstance(place, list):
        rows = {row["name"]: row for row in place if isinstance(row, dict) and "name" in row}
        if name not in rows:
            raise UserError(f"--set {change}: there is no {name!r}; there are {', '.join(map(str, rows))}")
        return rows[name]
    if not isinstance(place, dict):
        raise UserError(f"--set {change}: {name!r} is no table of settings")
    return place.setdefault(name, {})
