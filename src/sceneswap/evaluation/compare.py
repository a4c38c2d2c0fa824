"""Results side by side, if and only if they were measured alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sceneswap.config import from_dict
from sceneswap.errors import UserError
from sceneswap.evaluation.protocol import FORMAT, first_difference, shorten
from sceneswap.files import read_json

_PARTS = ("protocol", "methods", "better", "scores", "overall", "binned", "versions")


def compare(paths: Sequence[Path]) -> tuple[dict[str, Any], list[str]]:
    """Join the results of several results.json into one record; also return notes to be shown with it.

    A method of the same name and the same weights that gave the same scores appears once; another of the same name gets
    its file's folder in brackets. Raises `UserError` naming the field in which two protocols differ. Versions of packages
    may differ, a note says so.
    """
    records = [_read(path) for path in paths]
    if len(records) < 2:
        raise UserError("there is nothing to compare: name at least two results.json")
    first, *rest = records
    joined = {part: dict(first[part]) for part in _PARTS}
    notes = []
    for path, record in zip(paths[1:], rest, strict=True):
        differs = first_difference(first["protocol"], record["protocol"])
        if differs:
            field, one, other = differs
            raise UserError(
                f"{paths[0]} and {path} were not measured alike and cannot be compared: {field} is {shorten(one)} in the "
                f"first and {shorten(other)} in the second; measure both with the same settings"
            )
        differs = first_difference(first["versions"], record["versions"])
        if differs:
            notes.append(
                f"{path}: {differs[0]} is {differs[2]}, in {paths[0]} {differs[1]}; the last digits may differ for that"
            )
        if [*next(iter(first["scores"].values()))] != [*next(iter(record["scores"].values()))]:
            raise UserError(f"{paths[0]} and {path} hold different metrics and cannot be compared; measure both alike")
        for name in record["methods"]:
            own = {part: record[part].get(name) for part in ("methods", "scores", "overall", "binned")}
            if all(joined[part].get(name) == value for part, value in own.items()):
                continue
            title = name if name not in joined["methods"] else f"{name} ({path.resolve().parent.name})"
            number = 2
            while title in joined["methods"]:
                title, number = f"{name} ({path.resolve().parent.name} {number})", number + 1
            for part, value in own.items():
                joined[part][title] = value
    return joined, notes


@dataclass(frozen=True)
class _Interval:
    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class _Results:
    """What a results.json must hold to be set beside another."""

    protocol: dict[str, Any]
    methods: dict[str, dict[str, Any]]
    better: dict[str, str]
    scores: dict[str, dict[str, _Interval]]
    overall: dict[str, dict[str, float | bool]]
    binned: dict[str, Any]
    versions: dict[str, str]

    def __post_init__(self) -> None:
        match self.protocol:
            case {"task": str(), "pairs": {"count": int()}}:
                pass
            case _:
                raise ValueError("protocol: the task or the number of pairs is missing")
        if not self.scores or {*self.methods} != {*self.scores} or {*self.methods} != {*self.overall}:
            raise ValueError("methods, scores and overall name different methods, or none")
        if len({tuple(by_metric) for by_metric in self.scores.values()}) > 1:
            raise ValueError("scores: the methods have different metrics")


def _read(path: Path) -> dict[str, Any]:
    record = read_json(path / "results.json" if path.is_dir() else path, "the results of an evaluation")
    if not isinstance(record, dict) or record.get("format") != FORMAT or any(part not in record for part in _PARTS):
        raise UserError(f"{path} holds no results of sceneswap evaluate in the format {FORMAT}; name a results.json")
    from_dict(_Results, {part: record[part] for part in _PARTS}, str(path))
    return record
