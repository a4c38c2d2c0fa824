"""`sceneswap interpolate`."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from sceneswap.bounds import Between
from sceneswap.cli.options import DrawingOptions, Weight, must_exist
from sceneswap.errors import UserError
from sceneswap.inference.blend import BORDER
from sceneswap.notes import LOG
from sceneswap.progress import progress

if TYPE_CHECKING:
    from sceneswap.jobs.frames import Plan

Weights = Annotated[tuple[Weight, ...], tyro.conf.arg(help="One weight per exemplar, times maps and classes.")]
Extrapolation = Annotated[float, Between(0, 3)]


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What every kind of interpolation takes."""

    label_map: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="PNG ...")]
    """The layouts to draw, label maps or photographs, a strip each."""
    exemplars: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="PHOTO ...")]
    """Photographs whose looks are mixed, or saved looks (*.look.safetensors), two or more."""
    out: Path
    """Folder for pictures/, animations, strips.png, interpolation.json and index.html; made if missing."""
    exemplar_label_maps: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="PNG ...")] = ()
    """The photographs' label maps, in the same order; estimated when left out."""
    frames: Annotated[int, Between(1, 1000)] = 11
    """Pictures per strip."""
    exemplar_schema: str | None = None
    """What the exemplars' label maps hold, if something else."""
    animation: Literal["webp", "gif", "none"] = "webp"
    """What to write besides the strips."""
    drawing: DrawingOptions = field(default_factory=DrawingOptions)

    def check(self) -> None:
        """Raise `UserError` for a file that is not there."""
        must_exist(*self.label_map, *self.exemplars, *self.exemplar_label_maps)


def interpolate_globally(
    inputs: Inputs,
    weights: tuple[Weight, ...] = (),
    extrapolate: Extrapolation = 0.0,
    spacing: Literal["change", "weights"] = "change",
) -> None:
    """Mix looks over the whole picture: strips from the first exemplar through the others to the last.

    Try:

        sceneswap interpolate global --label-map map.png --exemplars day.jpg dusk.jpg --exemplar-label-maps day.png dusk.png --out strip/

    Args:
        weights: One weight per exemplar: draw this one mixture instead of a strip. Normalised to sum 1.
        extrapolate: Go on beyond both ends by this part of the way, such as 0.5; allows negative weights. Bounded.
        spacing: Frames where the picture changes by equal amounts (change), or at equal steps of the weights.
    """  # noqa: E501 a command to copy
    inputs.check()
    from sceneswap.jobs import frames as plans

    if weights:
        mixed = _normalised(weights, inputs, extrapolate > 0)
        plan = plans.globally([(" : ".join(f"{w:.2g}" for w in mixed), mixed)], extrapolate > 0)
        explanation = "One mixture of all exemplars; the caption gives their weights."
    else:
        plan = plans.along_path(inputs.frames, len(inputs.exemplars), extrapolate, even=spacing == "weights")
        explanation = "Every strip begins with the look of the first exemplar and ends with that of the last (0 to 1)."
        if spacing == "change":
            explanation += " Frames lie where the picture changes by equal amounts, not at equal steps of the weights."
    _draw(inputs, plan, "Looks mixed", explanation, extrapolate, frames=1 if weights else inputs.frames)


def interpolate_by_place(
    inputs: Inputs,
    pattern: tuple[Literal["left-right", "top-bottom", "radial"], ...] = ("left-right", "top-bottom", "radial"),
    weight_maps: tuple[Path, ...] = (),
    weights: Weights = (),
    extrapolate: Extrapolation = 0.0,
) -> None:
    """Mix looks by place: in ready-made patterns or after painted weight maps.

    The strips begin with the first exemplar alone and end with the mixture.

    Try:

        sceneswap interpolate spatial --pattern left-right --label-map map.png --exemplars day.jpg dusk.jpg --exemplar-label-maps day.png dusk.png --out places/

    Args:
        pattern: From the first exemplar to the last across the picture, or from its centre to its corners.
        weight_maps: Instead of patterns: a grey PNG of any size per exemplar, white where its look goes; the last one may be
            left out and gets the rest.
        extrapolate: Let the patterns run beyond both ends by this part of the way, such as 0.5. Bounded.
    """  # noqa: E501 a command to copy
    inputs.check()
    from sceneswap.inference.weights import read_weight_map
    from sceneswap.jobs import frames as plans

    _normalised(weights, inputs)
    if weight_maps and extrapolate:
        raise UserError("--extrapolate is for patterns; a weight map in a file holds no weights beyond 0 and 1")
    painted = {"": [read_weight_map(path) for path in weight_maps]}
    maps: dict[str, Any] = painted if weight_maps else {name: name for name in pattern}
    rows = {name: {"maps": one, "weights": weights or None} for name, one in maps.items()}
    plan = plans.towards(inputs.frames, rows, extrapolate)
    explanation = "Every strip begins with the first exemplar alone (0) and ends with the looks mixed by place (1)."
    _draw(inputs, plan, "Looks mixed by place", explanation, extrapolate, frames=len(rows) * inputs.frames)


def interpolate_by_class(
    inputs: Inputs,
    classes: Annotated[
        tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(name="class", metavar="NAME=EXEMPLAR")
    ],
    rest: str | None = None,
    border: Annotated[float, Between(0, 4096)] = BORDER,
    weight_maps: tuple[Path, ...] = (),
    weights: Weights = (),
) -> None:
    """Mix looks by class: the sky of one photograph, the sea of another.

    The strips begin with the exemplar of the rest alone and end with the mixture.

    Try:

        sceneswap interpolate classes --class sky=dusk.jpg --class sea=beach.jpg --label-map map.png --exemplars beach.jpg dusk.jpg --exemplar-label-maps beach.png dusk.png --out classes/

    Args:
        classes: A class and the exemplar it takes its look from, once per class. The class by its name, or by a word or
            beginning of it that no other has; the exemplar by its file name.
        rest: The exemplar of all other classes: the first, unless weights or weight maps say how to mix them.
        border: Pixels over which one class's look passes into the next; 0 for hard edges.
        weight_maps: A grey PNG of any size per exemplar, multiplied with the choice by class.
    """  # noqa: E501 a command to copy
    inputs.check()
    from sceneswap.inference.weights import read_weight_map
    from sceneswap.jobs import frames as plans

    if not classes:
        raise UserError("name at least one class and its exemplar, such as --class sky=dusk.jpg")
    _normalised(weights, inputs)
    chosen = {}
    for entry in classes:
        name, _, exemplar = entry.partition("=")
        if not (name and exemplar):
            raise UserError(f"--class {entry}: give a class and an exemplar, such as sky=dusk.jpg")
        chosen[name] = _exemplar_number(exemplar, inputs.exemplars)
    other = 0 if rest is None and not (weights or weight_maps) else None
    options: dict[str, Any] = {
        "classes": chosen,
        "rest": other if rest is None else _exemplar_number(rest, inputs.exemplars),
        "border": border,
        "weights": weights or None,
        "maps": [read_weight_map(path) for path in weight_maps] or None,
    }
    explanation = (
        "Every strip begins with the exemplar of the rest alone (0) and ends with the looks mixed by class (1): "
        f"{', '.join(classes)}."
    )
    plan = plans.towards(inputs.frames, {"": options})
    _draw(inputs, plan, "Looks mixed by class", explanation, frames=inputs.frames)


def _draw(inputs: Inputs, plan: "Plan", title: str, explanation: str, extrapolate: float = 0, *, frames: int) -> None:
    """Draw the plan; frames: per layout."""
    from sceneswap.jobs.interpolate import write_strips
    from sceneswap.jobs.sources import pair_up
    from sceneswap.labels.presets import load_schema

    if not inputs.label_map:
        raise UserError("there is no layout to draw; name a label map with --label-map")
    reader = inputs.drawing.reader()
    schema = load_schema(inputs.exemplar_schema) if inputs.exemplar_schema else None
    exemplars = pair_up(inputs.exemplars, inputs.exemplar_label_maps, schema)
    if extrapolate:
        title += " (extrapolated)"
        explanation += f" Extrapolated by {extrapolate:g} beyond both exemplars: no photograph has these looks."
    with progress("drawing", len(inputs.label_map) * frames) as advance:
        page = write_strips(
            reader, inputs.label_map, exemplars, plan, inputs.out,
            title=title, explanation=explanation, animation=inputs.animation, on_drawn=advance,
        )  # fmt: skip
    print(page)


def _exemplar_number(name: str, exemplars: Sequence[Path]) -> int:
    """The number of the exemplar that `name` means: its path as given, its file name, or its stem."""
    from sceneswap.jobs.sources import stem

    for known in ([str(e) for e in exemplars], [e.name for e in exemplars], [stem(e) for e in exemplars]):
        if known.count(name) == 1:
            return known.index(name)
    names = [e.name for e in exemplars]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"they are {', '.join(names)}"
    raise UserError(f"{name!r} is none of the exemplars, or more than one; {hint}")


def _normalised(weights: Sequence[float], inputs: Inputs, extrapolate: bool = False) -> tuple[float, ...]:
    """The weights brought to the sum 1, equal ones for none; says on stderr if they had another."""
    from sceneswap.inference.blend import normalised

    numbers, notes = normalised(weights or None, max(1, len(inputs.exemplars)), extrapolate=extrapolate)
    for note in notes:
        LOG.info("%s", note)
    return numbers


COMMANDS: dict[str, Callable[..., None]] = {
    "global": interpolate_globally,
    "spatial": interpolate_by_place,
    "classes": interpolate_by_class,
}
