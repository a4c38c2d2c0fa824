"""Interpolation as pictures: strips of frames per label map, a sheet, animations, a page.

What is drawn is a plan: for every label map the rows of frames, each a caption and a blend. Every exemplar is encoded
once, whatever the number of frames.
"""

import base64
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneswap.errors import UserError
from sceneswap.files import write_bytes, write_json
from sceneswap.images import write_png
from sceneswap.inference.blend import Blend, Pattern, blend, path_weights, pattern
from sceneswap.inference.exemplar import EncodedExemplar
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.jobs.note import file_note, picture_note
from sceneswap.jobs.reader import SceneReader
from sceneswap.jobs.swap import Source, labels_by
from sceneswap.labels.io import colorize
from sceneswap.labels.schema import LabelSchema
from sceneswap.pictures import captioned_grid, shrink, stacked
from sceneswap.report import Html, facts, figure, gallery, legend, picture, picture_grid, section, text, write_page
from sceneswap.scene import LabelMap, Photo

Animation = Literal["webp", "gif", "none"]
_ON_PAGE, _IN_SHEET = 256, 160  # pixels, the longer side
_MILLISECONDS = 120  # per frame


@dataclass(frozen=True)
class Frame:
    """A picture to draw. weights: the blend's (J, H, W) weight maps to show on the page, None when they are numbers."""

    caption: str
    blend: Blend
    weights: NDArray[np.float32] | None = None


Looks = Sequence[EncodedExemplar]
Plan = Callable[[LabelMap, Looks], dict[str, list[Frame]]]
"""Label map and encoded exemplars → name of the row → its frames."""


# --- Plans ------------------------------------------------------------------------------------------------------------


def along_path(frames: int, overshoot: float = 0.0) -> Plan:
    """Global interpolation from the first exemplar through all others to the last.

    overshoot: how far to go beyond either end, as a part of the way (extrapolation).
    """

    def plan(label_map: LabelMap, looks: Looks) -> dict[str, list[Frame]]:
        steps = np.linspace(-overshoot, 1 + overshoot, frames) if frames > 1 else [0.5]
        weights = [path_weights(t, len(looks)).tolist() for t in steps]
        return {
            "": [
                Frame(f"{t:.2f}", blend(looks, w, extrapolate=overshoot > 0))
                for t, w in zip(steps, weights, strict=True)
            ]
        }

    return plan


def fixed(weights: Sequence[float], extrapolate: bool = False) -> Plan:
    """Global interpolation with given weights: one frame."""

    def plan(label_map: LabelMap, looks: Looks) -> dict[str, list[Frame]]:
        mixed = blend(looks, weights, extrapolate=extrapolate)
        return {"": [Frame(" : ".join(f"{w:.2g}" for w in mixed.weights), mixed)]}

    return plan


def by_pattern(patterns: Sequence[Pattern], frames: int, overshoot: float = 0.0, **options: Any) -> Plan:
    """Spatial interpolation in ready-made patterns, a row each. options: of `blend`, to compose with."""

    def plan(label_map: LabelMap, looks: Looks) -> dict[str, list[Frame]]:
        size = (label_map.shape[0], label_map.shape[1])
        maps = {name: pattern(name, len(looks), size, overshoot) for name in patterns}
        blends = {n: blend(looks, maps=list(m), extrapolate=overshoot > 0, **options) for n, m in maps.items()}
        return {name: _towards(one, label_map, frames) for name, one in blends.items()}

    return plan


def by_place_and_class(frames: int, **options: Any) -> Plan:
    """Spatial and per-class interpolation: one row towards the blend with these `options` of `blend`.

    classes and rest name exemplars by their number.
    """

    def plan(label_map: LabelMap, looks: Looks) -> dict[str, list[Frame]]:
        return {"": _towards(blend(looks, **options), label_map, frames)}

    return plan


def _towards(final: Blend, label_map: LabelMap, frames: int) -> list[Frame]:
    """Frames from the exemplar of the rest (the first by default) alone to `final`, whose weights are of place or class."""
    goal = np.asarray(final.weights_on(label_map), np.float32)
    start = np.zeros_like(goal)
    start[final.rest or 0] = 1
    shown = []
    for s in np.linspace(0, 1, frames) if frames > 1 else [1.0]:
        weights = (1 - s) * start + s * goal
        mixed = blend(final.exemplars, maps=list(weights), extrapolate=True)
        shown.append(Frame(f"{s:.2f}", mixed, weights))
    return shown


# --- Drawing ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Row:
    """A strip as the page and the sheet show it; pictures shrunk."""

    name: str
    layout: Photo
    captions: list[str]
    photos: list[Photo]
    files: list[str]
    weights: NDArray[np.float32] | None  # of the last frame
    numbers: list[tuple[float, ...] | None]


def write_strips(
    synthesizer: Synthesizer,
    layouts: Sequence[tuple[Path, LabelSchema]],
    exemplars: Sequence[Source],
    plan: Plan,
    out: Path,
    *,
    title: str,
    explanation: str,
    reader: SceneReader | None = None,
    animation: Animation = "webp",
    on_drawn: Callable[[int], None] = lambda count: None,
) -> Path:
    """Draw the plan for every layout; return the page `out/index.html`.

    Writes pictures/ROW-NN.png at the size of the label maps, ROW.webp (or .gif), strips.png, interpolation.json and
    index.html, which hold no date and no absolute path. reader: of the files, where label maps are estimated or layouts are
    photographs. on_drawn: called with the number of pictures just drawn. Raises `UserError`.
    """
    reader = reader or SceneReader(synthesizer)
    scenes = [reader.scene(e.photo, e.label_map, e.schema) for e in exemplars]
    looks = [synthesizer.encode(scene) for scene in scenes]
    photos = [shrink(scene.photo, _ON_PAGE) for scene in scenes]
    files: dict[str, dict[str, Any]] = {}
    for number, e in enumerate(exemplars, 1):
        files[f"exemplar_{number}"] = file_note(synthesizer, e.photo)
        files[f"exemplar_label_map_{number}"] = reader.map_note(e.photo, e.label_map, e.schema)
    layout_notes = [reader.layout_note(*layout) for layout in layouts]
    rows: list[_Row] = []
    labels: set[int] = set()
    animations: dict[str, bytes] = {}
    for number, (path, schema) in enumerate(layouts):
        label_map = reader.layout(path, schema)
        labels |= set(np.unique(label_map).tolist())
        stem = path.stem if [p.stem for p, _ in layouts].count(path.stem) == 1 else f"{path.stem}-{number + 1}"
        layout = shrink(colorize(label_map, synthesizer.schema), _ON_PAGE, exact=True)
        for suffix, frames in plan(label_map, looks).items():
            name = f"{stem}-{suffix}" if suffix else stem
            drawn = []
            for i, frame in enumerate(frames):
                drawn.append(synthesizer.draw(label_map, frame.blend))
                note = picture_note(synthesizer, label_map=layout_notes[number], **files)
                step = {"frame": frame.caption, "weights": _numbers(frame), "row": name}
                write_png(out / _file(name, i), drawn[-1], {**note, "interpolation": json.dumps(step)})
                on_drawn(1)
            if animation != "none" and len(frames) > 1:
                animations[f"{name}.{animation}"] = _animated(drawn, animation)
            rows.append(
                _Row(
                    name,
                    layout,
                    [frame.caption for frame in frames],
                    [shrink(photo, _ON_PAGE) for photo in drawn],
                    [_file(name, i) for i in range(len(frames))],
                    frames[-1].weights,
                    [_numbers(frame) for frame in frames],
                )
            )
    for file, data in animations.items():
        write_bytes(out / file, data)
    write_png(out / "strips.png", _sheet(rows, photos, [e.name for e in exemplars]))
    record = {"title": title, "model": synthesizer.describe(), "label_maps": layout_notes, "exemplars": files}
    write_json(out / "interpolation.json", {**record, "rows": [_described(row) for row in rows]})
    names = (*synthesizer.schema.names, "void")
    model = synthesizer.describe()
    page = out / "index.html"
    write_page(
        page,
        title,
        [
            section("Exemplars", gallery(figure(p, e.name) for p, e in zip(photos, exemplars, strict=True))),
            section("Strips", explanation, _grid(rows)),
            *_weights_section(rows, [e.name for e in exemplars]),
            *([section("Moving", gallery(_moving(*one) for one in animations.items()))] if animations else []),
            section("Classes", legend({names[i]: synthesizer.schema.colors[i] for i in sorted(labels)})),
            section(
                "How it was made",
                facts(
                    {
                        "model": model["name"],
                        "weights (SHA-256)": model["weights_sha256"],
                        "label schema": model["schema"],
                        **labels_by([*layout_notes, *(n for name, n in files.items() if "label_map" in name)]),
                        "sceneswap": model["sceneswap"],
                        "files": "pictures/ holds every frame in full size, interpolation.json the list",
                    }
                ),
            ),
        ],
        lead=f"{len(exemplars)} exemplars, {len(rows)} strips, drawn by {model['name']}",
    )
    return page


def _file(row: str, frame: int) -> str:
    return f"pictures/{row}-{frame:02d}.png"


def _numbers(frame: Frame) -> tuple[float, ...] | None:
    return frame.blend.weights if frame.weights is None else None


def _animated(photos: Sequence[Photo], kind: Animation) -> bytes:
    """There and back again, without end."""
    images = [Image.fromarray(photo) for photo in [*photos, *photos[-2:0:-1]]]
    buffer = io.BytesIO()
    options: dict[str, Any] = {"quality": 85} if kind == "webp" else {}
    images[0].save(
        buffer, kind.upper(), save_all=True, append_images=images[1:], duration=_MILLISECONDS, loop=0, **options
    )
    return buffer.getvalue()


def _sheet(rows: Sequence[_Row], exemplars: Sequence[Photo], names: Sequence[str]) -> Photo:
    """First line the exemplars (above the frames where they stand alone, if they do), then every strip behind its layout."""
    captions = max((row.captions for row in rows), key=len)
    along = rows[0].weights is None and len(captions) >= len(exemplars) > 1
    places = np.linspace(0, len(captions) - 1, len(exemplars)).round() if along else range(len(exemplars))
    top: list[Photo | None] = [None] * (1 + max(len(captions), len(exemplars)))
    above = [""] * len(top)
    for place, photo, name in zip(places, exemplars, names, strict=True):
        top[1 + int(place)], above[1 + int(place)] = photo, name
    shown = [shrink(p, _IN_SHEET) for p in [*exemplars, *(p for row in rows for p in row.photos)]]
    cell = max(p.shape[0] for p in shown), max(p.shape[1] for p in shown)
    strips = [[row.layout, *row.photos] for row in rows]
    return stacked(
        captioned_grid([top], cell, above),
        captioned_grid(strips, cell, ["layout", *captions], [row.name for row in rows]),
    )


def _grid(rows: Sequence[_Row]) -> Html:
    columns = max((row.captions for row in rows), key=len)
    cells = [[picture(p, f"{row.name}, {c}") for p, c in zip(row.photos, row.captions, strict=True)] for row in rows]
    return picture_grid(
        "layout ↓ step →",
        [text(caption) for caption in columns],
        [(figure(row.layout, row.name), line) for row, line in zip(rows, cells, strict=True)],
    )


def _weights_section(rows: Sequence[_Row], names: Sequence[str]) -> list[Html]:
    shown = []
    for row in rows:
        for name, weights in zip(names, row.weights if row.weights is not None else (), strict=False):
            grey = (np.clip(weights, 0, 1) * 255).round().astype(np.uint8)
            shown.append(figure(shrink(np.repeat(grey[..., None], 3, axis=2), 160), f"{row.name}: weight of {name}"))
    return [section("Weights of the last frame", "White is 1, black is 0.", gallery(shown))] if shown else []


def _moving(file: str, data: bytes) -> Html:
    """An animation inside the page."""
    kind = file.rpartition(".")[2]
    source = base64.b64encode(data).decode("ascii")
    name = text(file)
    return Html(
        f'<figure><img alt="{name}" src="data:image/{kind};base64,{source}"><figcaption>{name}</figcaption></figure>'
    )


def _described(row: _Row) -> dict[str, Any]:
    frames = zip(row.captions, row.files, row.numbers, strict=True)
    return {"name": row.name, "frames": [{"caption": c, "file": f, "weights": w} for c, f, w in frames]}


def pair_up(photos: Sequence[Path], label_maps: Sequence[Path], schema: LabelSchema, least: int = 2) -> list[Source]:
    """Exemplars from photographs and their label maps in the same order, or without any, to estimate them.

    Raises `UserError` when they do not pair up.
    """
    if label_maps and len(photos) != len(label_maps):
        raise UserError(
            f"there are {len(photos)} exemplars but {len(label_maps)} label maps of exemplars; give one for each, in order"
        )
    if len(photos) < least:
        raise UserError(f"this takes at least {least} exemplars, not {len(photos)}; name more with --exemplars")
    stems = [photo.stem for photo in photos]
    names = [s if stems.count(s) == 1 else f"{s}-{i}" for i, s in enumerate(stems, 1)]
    maps: Sequence[Path | None] = label_maps or [None] * len(photos)
    return [Source(n, p, m, schema) for n, p, m in zip(names, photos, maps, strict=True)]
