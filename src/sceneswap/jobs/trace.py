"""Where does this pixel's look come from: the effective affinity βᵀ diag(s) α laid over the exemplar, scale by scale."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sceneswap.errors import UserError
from sceneswap.files import slug, write_json
from sceneswap.guard import keep_files
from sceneswap.images import resize_photo, write_png
from sceneswap.inference.attention import Attention, attend, point_region, region_affinity, region_at
from sceneswap.inference.blend import find_class
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.jobs.note import made, picture_note
from sceneswap.jobs.reader import SceneReader
from sceneswap.jobs.sources import Source, unique_names
from sceneswap.labels.io import colorize, resize_label_map
from sceneswap.labels.schema import LabelSchema
from sceneswap.pictures import captioned_grid, fit, inside, stacked
from sceneswap.report import write_page
from sceneswap.scene import LabelMap, Photo, Scene

_CELL = 144  # pixels, a map on the contact sheet
_SHOWN_SIDE = 384  # pixels, an overlay
_CLASSES_SHOWN = 5


@dataclass(frozen=True)
class Region:
    """A part of the label map. mask: (H, W) float32, 0 … 1. name: for headings. file: for file names."""

    name: str
    file: str
    mask: NDArray[np.float32]


@dataclass(frozen=True)
class Trace:
    """Where a region's look comes from, per scale, finest first.

    affinity: (H2, W2) weights of the exemplar's positions; their sum is what the mask let through, at most 1.
    classes: class name → its part of that sum, largest first.
    """

    affinity: tuple[NDArray[np.float32], ...]
    classes: tuple[dict[str, float], ...]


def point(label_map: LabelMap, x: int, y: int) -> Region:
    """The region of one pixel. Raises `UserError` when it is outside the label map."""
    return Region(f"the point {x},{y}", f"at-{x}-{y}", point_region((label_map.shape[0], label_map.shape[1]), x, y))


def class_region(label_map: LabelMap, schema: LabelSchema, name: str) -> Region:
    """All pixels of a class (its name may be shortened, see `blend.find_class`). Raises `UserError` when there are none."""
    full = find_class(schema, name)
    mask = (label_map == schema.index_of(full)).astype(np.float32)
    if not mask.any():
        there = ", ".join(schema.names[i] for i in np.unique(label_map) if i != schema.void_index)
        raise UserError(f"the label map has no pixel of the class {full}; it has {there}")
    return Region(f"the class {full}", f"class-{slug(full.replace(' ', '-'))}", mask)


def trace(attention: Sequence[Attention], region: Region, exemplar_map: LabelMap, names: Sequence[str]) -> Trace:
    """Follow a region's look back to the exemplar, exactly and without the dense affinity.

    attention: of every scale, see `attention.attend`. exemplar_map: (H, W) of the exemplar at any size. names: of its
    indices, void last.
    """
    affinities, classes = [], []
    height, width = attention[0].channel.shape[1:]
    mask = torch.zeros(height, width)
    mask[: region.mask.shape[0], : region.mask.shape[1]] = torch.from_numpy(region.mask)
    for scale in attention:
        affinity = region_affinity(scale, region_at(mask, (scale.channel.shape[1], scale.channel.shape[2]))).numpy()
        small = resize_label_map(exemplar_map, (affinity.shape[0], affinity.shape[1]))
        parts = np.bincount(small.ravel(), affinity.ravel().astype(np.float64), minlength=len(names))
        order = np.argsort(-parts, kind="stable")
        affinities.append(affinity)
        classes.append({names[i]: float(parts[i]) for i in order if parts[i] > 0})
    return Trace(tuple(affinities), tuple(classes))


@dataclass(frozen=True)
class Traced:
    """All that was traced."""

    regions: list["Shown"]
    scales: list["Maps"]


@dataclass(frozen=True)
class Shown:
    """A region, its trace, and the pictures that show it: caption → picture."""

    name: str
    found: Trace
    pictures: dict[str, Photo]

    @property
    def rows(self) -> list[list[str]]:
        """Of the page's table: scale, what the mask let through, the area of half of it, the classes it comes from."""
        return [
            [f"{scale} ({a.shape[1]}×{a.shape[0]})", f"{a.sum():.0%}", f"{_half_area(a):.1%}", _listed(parts)]
            for scale, (a, parts) in enumerate(zip(self.found.affinity, self.found.classes, strict=True))
        ]


@dataclass(frozen=True)
class Maps:
    """The K spatial maps of a scale over the exemplar, with their masking scores, and its K channel maps over the layout."""

    spatial: list[Photo]
    scores: list[float]
    channel: list[Photo]


def write_trace(
    reader: SceneReader,
    layout: Path,
    exemplar: Source,
    points: Sequence[tuple[int, int]],
    classes: Sequence[str],
    out: Path,
) -> Path:
    """Trace points (x, y) and classes of a layout; return the page `out/index.html`.

    Writes trace-REGION.png (the exemplar under the affinity, per scale), maps.png (the contact sheet of all maps),
    trace.json and index.html. Raises `UserError`.
    """
    synthesizer = reader.synthesizer
    label_map = reader.layout(layout)
    scene = reader.scene(exemplar.photo, exemplar.label_map, exemplar.schema)
    regions = [point(label_map, x, y) for x, y in points]
    regions += [class_region(label_map, synthesizer.schema, name) for name in classes]
    if not regions:
        raise UserError("there is nothing to trace; name a point with --at x,y or a class with --class")
    files = [f"trace-{name}.png" for name in unique_names(region.file for region in regions)]
    outputs = [out / name for name in (*files, "maps.png", "trace.json", "index.html")]
    keep_files(outputs, [layout, *exemplar.files])
    traced = _trace_all(synthesizer, label_map, scene, regions)
    layout_note = reader.layout_note(layout)
    notes = reader.exemplar_notes(exemplar.photo, exemplar.label_map, exemplar.schema)
    note = picture_note(synthesizer, label_map=layout_note, **notes)
    for file, shown in zip(files, traced.regions, strict=True):
        write_png(out / file, _sheet(shown.pictures), note)
    write_png(out / "maps.png", contact_sheet(traced.scales), note)
    record = [{"region": shown.name, "scales": _described(shown.found)} for shown in traced.regions]
    write_json(out / "trace.json", {"model": synthesizer.describe(), "regions": record})
    write_page(
        out / "index.html",
        "trace.html",
        traced=traced,
        layout=layout.name,
        exemplar=exemplar.photo.name,
        model=synthesizer.name,
        made=made(
            synthesizer,
            f"{', '.join(files)}, maps.png; trace.json: the numbers",
            [layout_note, notes["exemplar_label_map"]],
        ),
    )
    return out / "index.html"


def _trace_all(synthesizer: Synthesizer, label_map: LabelMap, scene: Scene, regions: Sequence[Region]) -> Traced:
    look = synthesizer.encode(scene)
    drawn = synthesizer.draw(label_map, look)
    attention = attend(synthesizer, label_map, scene)
    names = (*synthesizer.schema.names, "void")
    photo, colors = resize_photo(scene.photo, look.size), colorize(label_map, synthesizer.schema)
    found = [(region, trace(attention, region, scene.label_map, names)) for region in regions]
    shown = [Shown(region.name, one, _pictures(drawn, colors, photo, region, one)) for region, one in found]
    return Traced(shown, maps_of(attention, photo))


def _described(found: Trace) -> list[dict[str, Any]]:
    return [
        {"size": list(a.shape), "passed": float(a.sum()), "half_area": _half_area(a), "classes": parts}
        for a, parts in zip(found.affinity, found.classes, strict=True)
    ]


def maps_of(attention: Sequence[Attention], photo: Photo) -> list[Maps]:
    """The maps of every scale as pictures, the spatial ones over the exemplar's photo."""
    over = fit(photo, inside(photo.shape, _CELL, enlarge=True))
    size = inside(attention[0].channel.shape[1:], _CELL, enlarge=True)
    return [
        Maps(
            [overlay(over, alpha.numpy()) for alpha in scale.spatial],
            scale.score.tolist(),
            [_heat(_resized(beta.numpy(), size)) for beta in scale.channel],
        )
        for scale in attention
    ]


def contact_sheet(scales: Sequence[Maps]) -> Photo:
    """All maps in one picture, a pair of rows per scale."""
    rows: list[list[Photo | None]] = []
    names = []
    for number, scale in enumerate(scales):
        rows.append([_marked(o, f"s {s:.2f}") for o, s in zip(scale.spatial, scale.scores, strict=True)])
        rows.append([*scale.channel])
        names += [f"scale {number}: spatial", "channel"]
    shapes = [photo.shape for scale in scales for photo in (*scale.spatial, *scale.channel)]
    cell = max(shape[0] for shape in shapes), max(shape[1] for shape in shapes)
    return captioned_grid(rows, cell, [f"k = {k}" for k in range(max(map(len, rows)))], names)


def overlay(photo: Photo, weights: NDArray[np.float32]) -> Photo:
    """A photo (H, W, 3), greyed, under weights (h, w) of any size in colour: the square root of their part of the strongest."""
    strongest = max(float(np.quantile(weights, 0.995)), 1e-30)
    part = _resized(np.sqrt((weights / strongest).clip(0, 1)), (photo.shape[0], photo.shape[1]))[..., None]
    grey = photo.mean(axis=2, keepdims=True) * 0.55 + 20
    return np.asarray(grey * (1 - 0.85 * part) + _heat(part[..., 0]) * (0.85 * part)).clip(0, 255).astype(np.uint8)


def _pictures(drawn: Photo, colors: Photo, photo: Photo, region: Region, found: Trace) -> dict[str, Photo]:
    """The layout and the picture with the region marked, the exemplar, and the exemplar under the affinity of each scale."""
    size, layout_size = (inside(one.shape, _SHOWN_SIDE, enlarge=True) for one in (photo, drawn))
    layout, picture = (fit(_outlined(one, region), layout_size) for one in (colors, drawn))
    over = {f"scale {i}": overlay(fit(photo, size), a) for i, a in enumerate(found.affinity)}
    return {"layout": layout, "drawn": picture, "exemplar": fit(photo, size), **over}


def _sheet(pictures: dict[str, Photo]) -> Photo:
    """Captioned pictures in two rows."""
    cell = max(one.shape[0] for one in pictures.values()), max(one.shape[1] for one in pictures.values())
    captions, half = list(pictures), (len(pictures) + 1) // 2
    rows = captions[:half], captions[half:]
    return stacked(
        *(captioned_grid([[*(pictures[c] for c in row), *[None] * (half - len(row))]], cell, row) for row in rows)
    )


def _outlined(photo: Photo, region: Region) -> Photo:
    """Mark a region: a cross hair around a single pixel, else everything outside of it is dimmed."""
    ys, xs = np.nonzero(region.mask)
    if len(ys) > 1:
        return (photo * (0.25 + 0.75 * region.mask[..., None])).astype(np.uint8)
    image = Image.fromarray(photo)
    arm, x, y = max(4, max(image.size) // 24), int(xs[0]), int(ys[0])
    for width, color in ((3, (0, 0, 0)), (1, (255, 255, 255))):  # white on black, to be seen on any ground
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            near, far = arm // 3 + 1, arm
            line = (x + dx * near, y + dy * near, x + dx * far, y + dy * far)
            ImageDraw.Draw(image).line(line, color, width)
    return np.asarray(image)


def _heat(part: NDArray[np.float32]) -> Photo:
    """0 … 1 as colours from dark to bright."""
    from matplotlib import colormaps

    colored: Any = colormaps["inferno"](np.clip(part, 0, 1), bytes=True)
    return np.ascontiguousarray(colored[..., :3])


def _resized(values: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    image = Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BILINEAR))


def _marked(photo: Photo, words: str) -> Photo:
    image = Image.fromarray(photo)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(11)
    pen.text((4, 2), words, (255, 255, 255), font, stroke_width=1, stroke_fill=(0, 0, 0))
    return np.asarray(image)


def _half_area(affinity: NDArray[np.float32]) -> float:
    """The smallest part of the exemplar's area that holds half of the affinity."""
    ordered = np.sort(affinity.ravel().astype(np.float64))[::-1].cumsum()
    return float(np.searchsorted(ordered, ordered[-1] / 2) + 1) / ordered.size


def _listed(parts: dict[str, float]) -> str:
    total = sum(parts.values()) or 1.0
    return ", ".join(f"{name} {value / total:.0%}" for name, value in list(parts.items())[:_CLASSES_SHOWN])
