"""Interpolation as pictures: strips of frames per label map, a sheet, animations, a page.

What is drawn is a plan: for every label map the rows of frames, each a caption and a blend. Every exemplar is encoded
once, whatever the number of frames.
"""

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sceneswap.files import write_bytes, write_json
from sceneswap.guard import keep_files
from sceneswap.images import sealed_exif, write_png
from sceneswap.inference.look import Look
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.inference.thumbnail import shown_look
from sceneswap.jobs.frames import Frame, Plan
from sceneswap.jobs.note import class_colors, made, picture_note
from sceneswap.jobs.reader import SceneReader
from sceneswap.jobs.sources import Source, unique_names
from sceneswap.labels.io import colorize
from sceneswap.pictures import captioned_grid, page_side, shrink, stacked
from sceneswap.report import write_page
from sceneswap.scene import LabelMap, Photo
from sceneswap.seal import UNSEALED, sealed

Animation = Literal["webp", "gif", "none"]
_IN_SHEET = 160  # pixels, the longer side
_MILLISECONDS = 120  # per frame


@dataclass(frozen=True)
class Strip:
    """A row of frames, drawn. name: of its files. layout and photos: shrunk for the page. frames: their captions, files
    and the exemplars' weights where these are numbers. weights: the last frame's weight maps (J, H, W), if it has any.
    """

    name: str
    layout: Photo
    photos: list[Photo]
    frames: list[dict[str, Any]]
    weights: NDArray[np.float32] | None
    animation: tuple[str, bytes] | None  # file and content

    @property
    def captions(self) -> list[str]:
        """Of the frames."""
        return [frame["caption"] for frame in self.frames]


@dataclass(frozen=True)
class Strips:
    """All that was drawn. exemplars: name → photo, shrunk. files: exemplar_1 … → its note. labels: indices that occur."""

    title: str
    explanation: str
    exemplars: dict[str, Photo]
    files: dict[str, dict[str, Any]]
    layouts: list[dict[str, Any]]
    labels: set[int]
    strips: list[Strip]


def write_strips(
    reader: SceneReader,
    layouts: Sequence[Path],
    exemplars: Sequence[Source],
    plan: Plan,
    out: Path,
    *,
    title: str,
    explanation: str,
    animation: Animation = "webp",
    on_drawn: Callable[[int], None] = lambda count: None,
) -> Path:
    """Draw the plan for every layout; return the page `out/index.html`.

    Writes pictures/ROW-NN.png at the size of the label maps, ROW.webp (or .gif), strips.png, interpolation.json and
    index.html, which hold no date and no absolute path. on_drawn: called with the number of pictures just drawn.
    Raises `UserError`.
    """
    synthesizer = reader.synthesizer
    inputs = [*layouts, *(file for e in exemplars for file in e.files)]
    stems = unique_names(path.stem for path in layouts)
    moving = [f for f in inputs if f is not None and f.suffix == f".{animation}" and f.stem.startswith(tuple(stems))]
    outputs = [out / name for name in ("strips.png", "interpolation.json", "index.html", *(f.name for f in moving))]
    keep_files(outputs, inputs, filled=[out / "pictures"])
    found = [reader.exemplar(e.photo, e.label_map, e.schema) for e in exemplars]
    looks = [one if isinstance(one, Look) else synthesizer.encode(one) for one in found]
    files: dict[str, dict[str, Any]] = {}
    for number, e in enumerate(exemplars, 1):
        notes = reader.exemplar_notes(e.photo, e.label_map, e.schema)
        files |= {f"{what}_{number}": note for what, note in notes.items()}
    label_maps = [reader.layout(path) for path in layouts]
    planned = plan(label_maps, looks, synthesizer.draw)
    strips = [(_name(stem, row), one) for stem, rows in zip(stems, planned, strict=True) for row, one in rows.items()]
    keep_files([out / file for name, frames in strips for file in _files_of(name, len(frames), animation)])
    side = page_side(len(exemplars) + sum(1 + len(frames) for rows in planned for frames in rows.values()))
    photos = {
        e.name: shown_look(one.thumbnail, e.name) if isinstance(one, Look) else shrink(one.photo, side)
        for e, one in zip(exemplars, found, strict=True)
    }
    drawn = Strips(title, explanation, photos, files, [reader.layout_note(path) for path in layouts], set(), [])
    for stem, label_map, layout_note, rows in zip(stems, label_maps, drawn.layouts, planned, strict=True):
        drawn.labels.update(np.unique(label_map).tolist())
        note = picture_note(synthesizer, label_map=layout_note, **files)
        for row, frames in rows.items():
            name = _name(stem, row)
            drawn.strips.append(_draw(synthesizer, label_map, name, frames, out, side, note, animation, on_drawn))
    _write_files(synthesizer, drawn, out)
    _write_page(out / "index.html", synthesizer, drawn)
    return out / "index.html"


def _name(stem: str, row: str) -> str:
    return f"{stem}-{row}" if row else stem


def _files_of(strip: str, frames: int, animation: Animation) -> list[str]:
    """The files of a strip: its frames, then what moves, if anything does."""
    moving = [f"{strip}.{animation}"] if animation != "none" and frames > 1 else []
    return [*(f"pictures/{strip}-{number:02d}.png" for number in range(frames)), *moving]


def _draw(
    synthesizer: Synthesizer,
    label_map: LabelMap,
    name: str,
    frames: Sequence[Frame],
    out: Path,
    side: int,
    note: dict[str, str],
    animation: Animation,
    on_drawn: Callable[[int], None],
) -> Strip:
    """Draw a strip and write its frames."""
    photos, listed = [], []
    files = _files_of(name, len(frames), animation)
    for file, frame in zip(files, frames, strict=False):
        photos.append(synthesizer.draw(label_map, frame.blend))
        weights = frame.blend.weights if frame.weights is None else None
        listed.append({"caption": frame.caption, "file": file, "weights": weights})
        step = {"frame": frame.caption, "weights": weights, "row": name}
        write_png(out / file, photos[-1], {**note, "interpolation": json.dumps(step)})
        on_drawn(1)
    moving = (files[-1], _animated(photos, animation)) if len(files) > len(frames) else None
    layout = shrink(colorize(label_map, synthesizer.schema), side, exact=True)
    return Strip(name, layout, [shrink(photo, side) for photo in photos], listed, frames[-1].weights, moving)


def _animated(photos: Sequence[Photo], kind: Animation) -> bytes:
    """There and back again, without end."""
    images = [Image.fromarray(photo) for photo in [*photos, *photos[-2:0:-1]]]
    buffer = io.BytesIO()
    webp = {"quality": 85, "exif": sealed_exif()}
    options: dict[str, Any] = webp if kind == "webp" else {"comment": UNSEALED.encode()}
    images[0].save(
        buffer, kind.upper(), save_all=True, append_images=images[1:], duration=_MILLISECONDS, loop=0, **options
    )
    return sealed(buffer.getvalue())


def _write_files(synthesizer: Synthesizer, drawn: Strips, out: Path) -> None:
    for strip in drawn.strips:
        if strip.animation:
            write_bytes(out / strip.animation[0], strip.animation[1])
    write_png(out / "strips.png", _sheet(drawn))
    record = {
        "title": drawn.title,
        "model": synthesizer.describe(),
        "label_maps": drawn.layouts,
        "exemplars": drawn.files,
    }
    rows = [{"name": strip.name, "frames": strip.frames} for strip in drawn.strips]
    write_json(out / "interpolation.json", {**record, "rows": rows})


def _sheet(drawn: Strips) -> Photo:
    """First line the exemplars (above the frames where they stand alone, if they do), then every strip behind its layout."""
    exemplars, strips = drawn.exemplars, drawn.strips
    captions = max((strip.captions for strip in strips), key=len)
    weights = [list(frame["weights"] or ()) for frame in strips[0].frames]
    alone = [[float(i == j) for j in range(len(exemplars))] for i in range(len(exemplars))]
    places = [weights.index(one) for one in alone] if all(one in weights for one in alone) else range(len(exemplars))
    top: list[Photo | None] = [None] * (1 + max(len(captions), len(exemplars)))
    above = [""] * len(top)
    for place, (name, photo) in zip(places, exemplars.items(), strict=True):
        top[1 + place], above[1 + place] = photo, name
    shown = [shrink(p, _IN_SHEET) for p in [*exemplars.values(), *(p for strip in strips for p in strip.photos)]]
    cell = max(p.shape[0] for p in shown), max(p.shape[1] for p in shown)
    rows = [[strip.layout, *strip.photos] for strip in strips]
    return stacked(
        captioned_grid([top], cell, above),
        captioned_grid(rows, cell, ["layout", *captions], [strip.name for strip in strips]),
    )


def _write_page(path: Path, synthesizer: Synthesizer, drawn: Strips) -> None:
    weights = {
        f"{strip.name}: weight of {name}": shrink((np.clip(one, 0, 1) * 255).round().astype(np.uint8), _IN_SHEET)
        for strip in drawn.strips
        if strip.weights is not None
        for name, one in zip(drawn.exemplars, strip.weights, strict=True)
    }
    map_notes = [*drawn.layouts, *(note for what, note in drawn.files.items() if "label_map" in what)]
    write_page(
        path,
        "strips.html",
        drawn=drawn,
        weights=weights,
        model=synthesizer.name,
        colors=class_colors(synthesizer.schema, drawn.labels),
        made=made(synthesizer, "pictures/ holds every frame in full size, interpolation.json the list", map_notes),
    )
