"""`sceneswap interpolate`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

if TYPE_CHECKING:
    from sceneswap.jobs.interpolate import Plan


@dataclass(frozen=True)
class Inputs:
    """What every kind of interpolation takes."""

    label_map: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="PNG ...")]
    """The layouts to draw, label maps or photographs, a strip each."""
    exemplars: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="PHOTO ...")]
    """Photographs whose looks are mixed, two or more."""
    out: Path
    """Folder for pictures/, animations, strips.png, interpolation.json and index.html; made if missing."""
    exemplar_label_maps: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="PNG ...")] = ()
    """The exemplars' label maps, in the same order; estimated when left out."""
    frames: int = 11
    """Pictures per strip."""
    schema: str | None = None
    """What all the label maps hold: a preset or schema file; the model's own by default."""
    exemplar_schema: str | None = None
    """What the exemplars' label maps hold, if something else."""
    model: str | None = None
    """A model folder or hub id; the model that comes with the package by default."""
    segmenter: str | None = None
    """A network to estimate label maps with instead of the model; see sceneswap synthesize --help."""
    long_side: int | None = None
    """Longer side of the pictures in pixels, never more than a layout has; 512 for photographs by default."""
    animation: Literal["webp", "gif", "none"] = "webp"
    """What to write besides the strips."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """auto takes a GPU where there is one."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """bf16 is faster on many machines and hardly different."""


def interpolate_globally(
    inputs: Annotated[Inputs, tyro.conf.arg(name="")],
    weights: tuple[float, ...] = (),
    extrapolate: float = 0.0,
) -> None:
    """Mix looks over the whole picture: strips from the first exemplar through the others to the last.

    Try:

        sceneswap interpolate global --label-map map.png --exemplars day.jpg dusk.jpg --exemplar-label-maps day.png dusk.png --out strip/

    Args:
        inputs: What every kind of interpolation takes.
        weights: One weight per exemplar: draw this one mixture instead of a strip. Normalised to sum 1.
        extrapolate: Go on beyond both ends by this part of the way, such as 0.5; allows negative weights. Bounded.
    """  # noqa: E501 a command to copy
    from sceneswap.jobs.interpolate import along_path, fixed

    _check_extrapolation(extrapolate)
    plan = fixed(weights, extrapolate > 0) if weights else along_path(inputs.frames, extrapolate)
    explanation = "Every strip begins with the look of the first exemplar and ends with that of the last (0 to 1)."
    if weights:
        _tell(_notes(weights, len(inputs.exemplars), extrapolate > 0))
        explanation = "One mixture of all exemplars; the caption gives their weights."
    _draw(inputs, plan, "Looks mixed", explanation, extrapolate, strips=1, single=bool(weights))


def interpolate_by_place(
    inputs: Annotated[Inputs, tyro.conf.arg(name="")],
    pattern: tuple[Literal["left-right", "top-bottom", "radial"], ...] = ("left-right", "top-bottom", "radial"),
    weight_maps: tuple[Path, ...] = (),
    weights: tuple[float, ...] = (),
    extrapolate: float = 0.0,
) -> None:
    """Mix looks by place: in ready-made patterns or after painted weight maps.

    The strips begin with the first exemplar alone and end with the mixture.

    Try:

        sceneswap interpolate spatial --pattern left-right --label-map map.png --exemplars day.jpg dusk.jpg --exemplar-label-maps day.png dusk.png --out places/

    Args:
        inputs: What every kind of interpolation takes.
        pattern: From the first exemplar to the last across the picture, or from its centre to its corners.
        weight_maps: Instead of patterns: a grey PNG of any size per exemplar, white where its look goes; the last one may be
            left out and gets the rest.
        weights: One weight per exemplar, multiplied with the maps.
        extrapolate: Let the patterns run beyond both ends by this part of the way, such as 0.5. Bounded.
    """  # noqa: E501 a command to copy
    from sceneswap.errors import UserError
    from sceneswap.inference.blend import read_weight_map
    from sceneswap.jobs.interpolate import by_pattern, by_place_and_class

    _check_extrapolation(extrapolate)
    _tell(_notes(weights, len(inputs.exemplars)))
    if weight_maps:
        if extrapolate:
            raise UserError("--extrapolate is for patterns; a weight map in a file holds no weights beyond 0 and 1")
        maps = [read_weight_map(path) for path in weight_maps]
        plan, strips = by_place_and_class(inputs.frames, weights=weights or None, maps=maps), 1
    else:
        plan, strips = by_pattern(pattern, inputs.frames, extrapolate, weights=weights or None), len(pattern)
    explanation = "Every strip begins with the first exemplar alone (0) and ends with the looks mixed by place (1)."
    _draw(inputs, plan, "Looks mixed by place", explanation, extrapolate, strips=strips)


def interpolate_by_class(
    inputs: Annotated[Inputs, tyro.conf.arg(name="")],
    classes: Annotated[
        tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(name="class", metavar="NAME=EXEMPLAR")
    ],
    rest: str | None = None,
    border: float = 8.0,
    weight_maps: tuple[Path, ...] = (),
    weights: tuple[float, ...] = (),
) -> None:
    """Mix looks by class: the sky of one photograph, the sea of another.

    The strips begin with the exemplar of the rest alone and end with the mixture.

    Try:

        sceneswap interpolate classes --class sky=dusk.jpg --class sea=beach.jpg --label-map map.png --exemplars beach.jpg dusk.jpg --exemplar-label-maps beach.png dusk.png --out classes/

    Args:
        inputs: What every kind of interpolation takes.
        classes: A class and the exemplar it takes its look from, once per class. The class by its name, or by a word or
            beginning of it that no other has; the exemplar by its file name.
        rest: The exemplar of all other classes: the first, unless weights or weight maps say how to mix them.
        border: Pixels over which one class's look passes into the next; 0 for hard edges.
        weight_maps: A grey PNG of any size per exemplar, multiplied with the choice by class.
        weights: One weight per exemplar, multiplied likewise.
    """  # noqa: E501 a command to copy
    from sceneswap.errors import UserError
    from sceneswap.inference.blend import read_weight_map
    from sceneswap.jobs.interpolate import by_place_and_class

    if not classes:
        raise UserError("name at least one class and its exemplar, such as --class sky=dusk.jpg")
    _tell(_notes(weights, len(inputs.exemplars)))
    chosen = {}
    for entry in classes:
        name, equals, exemplar = entry.partition("=")
        if not (name and equals and exemplar):
            raise UserError(f"--class {entry}: give a class and an exemplar, such as sky=dusk.jpg")
        chosen[name] = _exemplar_number(exemplar, inputs.exemplars)
    other = 0 if rest is None and not (weights or weight_maps) else None
    options = {
        "classes": chosen,
        "rest": other if rest is None else _exemplar_number(rest, inputs.exemplars),
        "border": border,
        "weights": weights or None,
        "maps": [read_weight_map(path) for path in weight_maps] or None,
    }
    explanation = (
        "Every strip begins with the exemplar of the rest alone (0) and ends with the looks mixed by class (1): "
    )
    _draw(
        inputs, by_place_and_class(inputs.frames, **options), "Looks mixed by class",
        explanation + ", ".join(classes) + ".", 0, strips=1,
    )  # fmt: skip


def _draw(
    inputs: Inputs, plan: "Plan", title: str, explanation: str, extrapolate: float, *, strips: int, single: bool = False
) -> None:
    from sceneswap.cli.progress import progress
    from sceneswap.errors import UserError
    from sceneswap.inference.synthesizer import Synthesizer
    from sceneswap.jobs.interpolate import pair_up, write_strips
    from sceneswap.jobs.reader import SceneReader
    from sceneswap.labels.presets import load_schema

    if inputs.frames < 1:
        raise UserError("--frames must be at least 1")
    if not inputs.label_map:
        raise UserError("there is no layout to draw; name a label map with --label-map")
    synthesizer = Synthesizer.from_pretrained(inputs.model, device=inputs.device, precision=inputs.precision)
    schema = load_schema(inputs.schema) if inputs.schema else synthesizer.schema
    exemplar_schema = load_schema(inputs.exemplar_schema) if inputs.exemplar_schema else schema
    exemplars = pair_up(inputs.exemplars, inputs.exemplar_label_maps, exemplar_schema)
    if extrapolate:
        explanation += f" Extrapolated by {extrapolate:g} beyond both exemplars: no photograph has these looks."
    total = len(inputs.label_map) * strips * (1 if single else inputs.frames)
    with progress("drawing", total) as advance:
        page = write_strips(
            synthesizer, [(path, schema) for path in inputs.label_map], exemplars, plan, inputs.out,
            reader=SceneReader(synthesizer, inputs.segmenter, long_side=inputs.long_side),
            title=title + (" (extrapolated)" if extrapolate else ""), explanation=explanation,
            animation=inputs.animation, on_drawn=advance,
        )  # fmt: skip
    print(page)


def _exemplar_number(name: str, exemplars: Sequence[Path]) -> int:
    """The number of the exemplar that `name` means: its path as given, its file name, or its stem."""
    import difflib

    from sceneswap.errors import UserError

    for known in ([str(e) for e in exemplars], [e.name for e in exemplars], [e.stem for e in exemplars]):
        if known.count(name) == 1:
            return known.index(name)
    names = [e.name for e in exemplars]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"they are {', '.join(names)}"
    raise UserError(f"{name!r} is none of the exemplars, or more than one; {hint}")


def _check_extrapolation(extrapolate: float) -> None:
    from sceneswap.errors import UserError

    if not 0 <= extrapolate <= 3:
        raise UserError(f"--extrapolate is a part of the way from 0 to 3, not {extrapolate:g}")


def _notes(weights: Sequence[float], count: int, extrapolate: bool = False) -> tuple[str, ...]:
    from sceneswap.inference.blend import normalised

    return normalised(weights or None, count, extrapolate=extrapolate)[1] if count else ()


def _tell(notes: Sequence[str]) -> None:
    import sys

    for note in notes:
        print(f"sceneswap: note: {note}", file=sys.stderr)


COMMANDS: dict[str, Callable[..., None]] = {
    "global": interpolate_globally,
    "spatial": interpolate_by_place,
    "classes": interpolate_by_class,
}
