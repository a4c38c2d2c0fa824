"""How good are label maps estimated from photographs? Pixel accuracy and mean IoU against true maps.

Everything is counted in the `outdoor` classes, and in eight groups of them. True maps of few, coarse classes (those of
Stanford Background know one kind of building) can only be answered in groups: there, `house` for `building-other` is
counted as wrong among the 36 though nobody could know better.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneswap import charts
from sceneswap.data.folder import FolderDataset
from sceneswap.evaluation.protocol import folder_hash, schema_hash, versions
from sceneswap.files import write_json
from sceneswap.guard import keep_files
from sceneswap.inference.labelling import Labeller
from sceneswap.labels.io import colorize
from sceneswap.labels.presets import load_schema
from sceneswap.labels.schema import LabelSchema
from sceneswap.pictures import evenly_spread, shrink
from sceneswap.report import write_page
from sceneswap.scene import LabelMap, Photo

FORMAT = "sceneswap-labels-1"
"""Of labels.json."""

COARSE: dict[str, tuple[str, ...]] = {
    "sky": ("sky-other", "clouds", "fog"),
    "vegetation": ("tree", "bush", "plant-other", "flower"),
    "grass": ("grass", "playingfield"),
    "ground": ("snow", "sand", "dirt", "ground-other", "gravel", "road", "pavement", "railroad"),
    "water": ("sea", "river", "water-other"),
    "building": ("building-other", "house", "skyscraper", "bridge", "wall-other", "fence", "stairs"),
    "mountain": ("mountain", "hill", "rock"),
    "foreground": ("structural-other", "person", "animal", "vehicle", "boat", "solid-other"),
}
"""The `outdoor` classes in the eight groups of Stanford Background."""

DEFINITIONS = {
    "pixel accuracy": "labels-accuracy-1: pixels named rightly / pixels counted, of all pictures together",
    "mean IoU": "labels-miou-1: TP / (TP + FP + FN) over all counted pixels, mean of the classes that true maps have",
    "counted": "pixels whose true class is not void; an answer of void is wrong",
}
_EXAMPLES, _EXAMPLE_SIDE = 4, 224  # per folder; pixels

Counts = NDArray[np.int64]
"""(C, C + 1): pixels by true class (rows) and estimated class (columns, void last)."""


@dataclass(frozen=True)
class Example:
    """A photograph with its true and its estimated map, shrunk; accuracy: in groups."""

    name: str
    pictures: tuple[Photo, Photo, Photo]
    accuracy: float


def group_mapping(schema: LabelSchema) -> NDArray[np.int16]:
    """(C + 1,): the group of every class of the `outdoor` preset, `len(COARSE)` for void."""
    mapping = np.full(schema.num_classes + 1, len(COARSE), np.int16)
    for number, names in enumerate(COARSE.values()):
        mapping[[schema.index_of(name) for name in names]] = number
    return mapping


def count(true: LabelMap, estimated: LabelMap, classes: int) -> Counts:
    """Count the pixels of a map by true and estimated class; void is `classes`, and not counted where it is true."""
    known = np.asarray(true) < classes
    pairs = np.asarray(true)[known].astype(np.int64) * (classes + 1) + np.asarray(estimated)[known]
    return np.bincount(pairs, minlength=classes * (classes + 1)).reshape(classes, classes + 1)


def grouped(counts: Counts, mapping: NDArray[np.int16]) -> Counts:
    """Merge classes: `counts` in the groups that `mapping` names, void last."""
    groups = int(mapping.max())
    merged = np.zeros((groups, groups + 1), np.int64)
    np.add.at(merged, (mapping[:-1, None], mapping[None, :]), counts)
    return merged


def scores(counts: Counts) -> dict[str, float]:
    """Pixel accuracy and mean IoU, 0 … 1; see `DEFINITIONS`. 0 where no pixel counts."""
    ious = class_ious(counts)
    total = counts.sum()
    return {
        "pixel accuracy": float(np.trace(counts) / total) if total else 0.0,
        "mean IoU": float(np.nanmean(ious)) if total else 0.0,
    }


def class_ious(counts: Counts) -> NDArray[np.float64]:
    """(C,) intersection over union of each class, NaN for those that no true map has."""
    right, true = np.diag(counts), counts.sum(axis=1)
    union = true + counts[:, :-1].sum(axis=0) - right
    return np.where(true > 0, right / np.maximum(union, 1), np.nan)


def evaluate_labels(
    roots: Sequence[Path],
    labeller: Labeller,
    schema: LabelSchema,
    out: Path,
    *,
    about: Mapping[str, Any],
    limit: int | None = None,
    on_done: Callable[[int], None] = lambda done: None,
) -> Path:
    """Compare estimated with true label maps of data folders; return the page `out/index.html`.

    schema: of what `labeller` answers. about: what the labeller is, for the record. limit: the most scenes of a folder,
    evenly spread. Writes labels.json and index.html. on_done: called with the number of scenes just done. Raises `UserError`.
    """
    outdoor = load_schema("outdoor")
    datasets = [FolderDataset([root], outdoor) for root in roots]
    keep_files([out / "labels.json", out / "index.html"], [file for one in datasets for file in one.files])
    answer, groups = schema.mapping_to(outdoor), group_mapping(outdoor)
    names = _names(roots)
    found: dict[str, tuple[int, Counts]] = {}
    examples: list[Example] = []
    for name, dataset in zip(names, datasets, strict=True):
        counts = np.zeros((outdoor.num_classes, outdoor.num_classes + 1), np.int64)
        chosen = evenly_spread(range(len(dataset)), limit)
        shown = set(evenly_spread(chosen, _EXAMPLES))
        for index in chosen:
            scene = dataset[index]
            estimated = answer[labeller.label(scene.photo)]
            one = count(scene.label_map, estimated, outdoor.num_classes)
            counts += one
            if index in shown:
                maps = (colorize(scene.label_map, outdoor), colorize(estimated, outdoor))
                small = tuple(shrink(m, _EXAMPLE_SIDE, exact=True) for m in maps)
                accuracy = scores(grouped(one, groups))["pixel accuracy"]
                photo = shrink(scene.photo, _EXAMPLE_SIDE)
                examples.append(Example(f"{name}/{Path(scene.name).stem}", (photo, *small), accuracy))  # type: ignore[arg-type]
            on_done(1)
        found[name] = len(chosen), counts
    both = sum((c for _, c in found.values()), start=np.zeros_like(counts))
    total = sum(n for n, _ in found.values()), both
    record = {
        "format": FORMAT,
        "labeller": dict(about),
        "protocol": {
            "data": {"names": names, "sha256": [folder_hash([root]) for root in roots], "limit": limit},
            "schema": {"name": outdoor.name, "sha256": schema_hash(outdoor)},
            "groups": {name: list(members) for name, members in COARSE.items()},
            "metrics": DEFINITIONS,
        },
        "scores": {name: _scored(*one, groups) for name, one in {**found, "all": total}.items()},
        "classes": _by_class(both, outdoor.names),
        "confusion of groups": grouped(both, groups).tolist(),
        "versions": versions(),
    }
    write_json(out / "labels.json", record)
    _write_page(out / "index.html", record, grouped(both, groups), examples, outdoor)
    return out / "index.html"


def score_rows(record: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the table of scores, as text."""
    parts = [(part, metric) for part in ("outdoor", "groups") for metric in ("pixel accuracy", "mean IoU")]
    sizes = {"outdoor": sum(len(m) for m in COARSE.values()), "groups": len(COARSE)}
    header = ["data", "scenes", *(f"{part} {sizes[part]}: {metric}" for part, metric in parts)]
    rows = [
        [name, f"{one['scenes']:,}", *(f"{one[part][metric]:.1%}" for part, metric in parts)]
        for name, one in record["scores"].items()
    ]
    return header, rows


def _scored(scenes: int, counts: Counts, groups: NDArray[np.int16]) -> dict[str, Any]:
    merged = grouped(counts, groups)
    return {
        "scenes": scenes, "pixels": int(counts.sum()), "outdoor": scores(counts), "groups": scores(merged),
        "by group": _by_class(merged, list(COARSE)),
    }  # fmt: skip


def _by_class(counts: Counts, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """The classes that true maps have, the commonest first: share of the pixels, recall, IoU."""
    true, right, ious = counts.sum(axis=1), np.diag(counts), class_ious(counts)
    return {
        names[i]: {"share": float(true[i] / true.sum()), "recall": float(right[i] / true[i]), "IoU": float(ious[i])}
        for i in sorted(np.flatnonzero(true).tolist(), key=lambda i: -true[i])
    }


def _names(roots: Sequence[Path]) -> list[str]:
    """The folders' names, with their parent's where they repeat."""
    short = [root.resolve().name for root in roots]
    if len(set(short)) == len(short):
        return short
    return [f"{root.resolve().parent.name}/{root.resolve().name}" for root in roots]


def _write_page(
    path: Path, record: Mapping[str, Any], confusion: Counts, examples: Sequence[Example], schema: LabelSchema
) -> None:
    classes = [[n, *(f"{v[k]:.1%}" for k in ("share", "recall", "IoU"))] for n, v in record["classes"].items()]
    recalls = [
        [name, *(f"{one['by group'][group]['recall']:.1%}" if group in one["by group"] else "–" for group in COARSE)]
        for name, one in record["scores"].items()
    ]
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    protocol = record["protocol"]
    data = zip(protocol["data"]["names"], protocol["data"]["sha256"], strict=True)
    write_page(
        path,
        "labels.html",
        record=record,
        scores=score_rows(record),
        confusion=charts.heat_map(shares, list(COARSE), [*COARSE, "void"], "true", "estimated", 0.005).svg,
        examples=[(f"{one.name}: {one.accuracy:.0%}", one.pictures) for one in examples],
        colors={name: schema.colors[i] for i, name in enumerate(schema.names) if name in record["classes"]},
        classes=(["class", "share of pixels", "recall", "IoU"], classes),
        recalls=(["recall", *COARSE], recalls),
        groups={name: ", ".join(members) for name, members in COARSE.items()},
        measured={
            **record["labeller"],
            **protocol["metrics"],
            "data": ", ".join(f"{n} ({h})" for n, h in data),
            "schema": f"{protocol['schema']['name']} ({protocol['schema']['sha256']})",
            **record["versions"],
        },
    )
