"""Blends of encoded exemplars: over the whole picture, by place, by class, or all three at once.

    swap(layout, blend(beach, dusk, weights=[1 - t, t]))                               # everywhere alike
    swap(layout, blend(beach, dusk, maps="left-right"))                                # by place
    swap(layout, blend(beach, dusk, classes={"sky": dusk}, rest=beach, border=12))     # by class, softly

A blend is a frozen value: encode once, blend and draw as often as you like. At a location the weight of exemplar j is

    w_j(h, w) = weight_j · map_j(h, w) · choice_j(h, w), divided by the sum over j,

where a part that is not given is 1. choice_j is 1 where the class of the label map is given to exemplar j (or to none, without
`rest`) and 0 where it is given to another, softened over `border` pixels. With weights alone the exemplars are mixed
by the α form (supplement §1, global), with maps or classes by the β form (spatial); see `inference.mixing`.
"""

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from sceneswap.errors import UserError
from sceneswap.files import is_look
from sceneswap.inference.look_record import Encoded
from sceneswap.inference.weights import Pattern, WeightMap, bands, class_choice, pattern, stretched
from sceneswap.labels.schema import LabelSchema
from sceneswap.scene import LabelMap

BORDER = 8.0
"""Pixels over which the look of a class passes into the next, unless another width is asked for; the studio's too."""

_SUM_TOLERANCE = 1e-6  # rounding of sums such as t + (1 - t)
_LEAST_SUM = 1e-6  # of the largest weight: negative ones may not cancel the others down to nothing


@dataclass(frozen=True, eq=False)
class Blend:
    """Encoded exemplars and how much of each goes where; made by `blend`.

    weights: one per exemplar, sum 1. maps: one weight map per exemplar, a pattern, or None. classes: class name → number
    of the exemplar. rest: number of the exemplar for all other classes, or None for all of them. border: pixels.
    notes: what `blend` changed in what it was given, in words.
    """

    looks: tuple[Encoded, ...]
    weights: tuple[float, ...]
    maps: tuple[WeightMap, ...] | Pattern | None = None
    classes: Mapping[str, int] = field(default_factory=dict)
    rest: int | None = None
    border: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def schema(self) -> LabelSchema:
        """The label schema of the model that encoded the exemplars."""
        return self.looks[0].schema

    def weights_on(self, label_map: LabelMap) -> tuple[float, ...] | NDArray[np.float32]:
        """The weights for a label map (H, W): one per exemplar, or (J, H, W) with maps or classes; they sum to 1.

        Raises `UserError` when no exemplar has a positive weight at some place.
        """
        if self.maps is None and not self.classes:
            return self.weights
        height, width = label_map.shape
        found = np.empty((len(self.looks), height, width), np.float32)
        empty = np.empty((height, width), bool)
        for rows in bands(height, width):  # of a large map there is no room for steps in float64
            total = self._products(label_map, rows)
            sums = total.sum(axis=0)
            empty[rows] = sums <= _LEAST_SUM * np.abs(total).max(axis=0)
            with np.errstate(divide="ignore", invalid="ignore"):
                found[:, rows] = total / sums
        if empty.any():
            row, column = np.unravel_index(int(empty.argmax()), empty.shape)
            raise UserError(
                f"the weights of the blend leave no exemplar with a positive weight at {np.count_nonzero(empty):,} pixels "
                f"(the first at x {column}, y {row}); give at least one exemplar a weight there"
            )
        return found

    def _products(self, label_map: LabelMap, rows: slice) -> NDArray[np.float64]:
        """Weight times map times choice by class (J, h, W) in some rows of a label map, not yet of sum 1."""
        size, count = (label_map.shape[0], label_map.shape[1]), len(self.looks)
        total = np.broadcast_to(np.asarray(self.weights)[:, None, None], (count, *label_map[rows].shape))
        if isinstance(self.maps, str):
            total = total * pattern(self.maps, count, size, rows=rows)
        elif self.maps is not None:
            total = total * np.stack([stretched(one, size, rows) for one in self.maps])
        if self.classes:
            chosen = {self.schema.index_of(name): exemplar for name, exemplar in self.classes.items()}
            total = total * class_choice(label_map, chosen, self.rest, count, self.border, rows)
        return total


def blend(
    *exemplars: Encoded | Path | str | Sequence[Any],
    weights: Sequence[float] | None = None,
    maps: Sequence[NDArray[Any]] | Pattern | None = None,
    classes: Mapping[str, int | Encoded] | None = None,
    rest: int | Encoded | None = None,
    border: float = BORDER,
    extrapolate: bool = False,
) -> Blend:
    """Blend looks, or the files of saved ones; draw with the result as with a look.

    >>> beach, dusk = swap.look("beach.jpg"), swap.look("dusk.jpg")
    >>> swap("beach.jpg", blend(beach, dusk), long_side=64).size                      # half and half
    (64, 48)
    >>> blend([beach, dusk], [0.3, 0.7]).weights                                      # a list, and weights
    (0.3, 0.7)
    >>> by_class = blend(beach, dusk, classes={"sky-other": dusk}, rest=beach)        # the sky of one, all else of the other

    exemplars: one after the other, or one list of them, which may be followed by the weights.
    weights: one per exemplar, equal by default; normalised to sum 1, with a note in `Blend.notes`.
    maps: a pattern, or one weight map (h, w) per exemplar, of any size, stretched bilinearly and normalised per pixel; with
    one map less than exemplars the last exemplar gets what is left to 1.
    classes: class name → exemplar (itself or its number); a name may be shortened, see `find_class`. rest: the exemplar of
    all other classes; without it they take all exemplars by weight and map.
    border: width in pixels over which the choice by class passes from one exemplar into another (the transition of a
    Gaussian with a quarter of it as its standard deviation); 0 for hard edges.
    extrapolate: allow negative weights, and maps below 0. They go through the closed forms, bounded; see
    `inference.mixing`.

    Raises `UserError` for no exemplar, exemplars of different schemas, weights that are negative (unless extrapolating),
    not finite, all zero or not one per exemplar, unknown classes, a negative border.
    """
    looks, weights = _listed(exemplars, weights)
    schema = looks[0].schema
    if other := next((e for e in looks if e.schema != schema), None):
        raise UserError(
            f"the exemplars {looks[0].name} and {other.name} were encoded under different label schemas "
            f"({schema.name} and {other.schema.name}); encode all with one model"
        )
    if other := next((e for e in looks if e.model != looks[0].model), None):
        raise UserError(
            f"the exemplars {looks[0].name} and {other.name} were encoded by different models; encode all with one"
        )
    numbers, notes = normalised(weights, len(looks), extrapolate=extrapolate)
    if rest is not None and not classes:
        raise UserError("a rest without classes takes everything; give classes too, or draw that exemplar alone")
    if not (0 <= border < math.inf):
        raise UserError(f"the border is a number of pixels from 0 upwards, not {border}")
    return Blend(
        looks,
        numbers,
        _checked_maps(maps, len(looks), extrapolate),
        {find_class(schema, name): _number(which, looks) for name, which in (classes or {}).items()},
        None if rest is None else _number(rest, looks),
        float(border),
        notes,
    )


def _listed(
    given: Sequence[Any], weights: Sequence[float] | None
) -> tuple[tuple[Encoded, ...], Sequence[float] | None]:
    """The looks and weights of `blend(a, b, …)` and of `blend([a, b, …], weights)`; saved looks are opened."""
    if given and isinstance(given[0], list | tuple):
        if len(given) > 2 or (len(given) == 2 and weights is not None):
            raise UserError("a list of exemplars is followed by the weights alone; name all else, such as maps=…")
        given, weights = given[0], given[1] if len(given) == 2 else weights
    if not given:
        raise UserError("a blend needs at least one exemplar")
    for one in given:
        if isinstance(one, list | tuple):
            raise UserError("exemplars come one after the other, or in one list; give weights as weights=[…]")
        if not isinstance(one, Encoded) and not (isinstance(one, str | Path) and is_look(one)):
            shown = str(one) if isinstance(one, str | Path) else f"a {type(one).__name__}"
            raise UserError(f"{shown} is no look; make one of a photograph with Synthesizer.look")
    return tuple(_opened(one) if isinstance(one, str | Path) else one for one in given), weights


def normalised(
    weights: Sequence[float] | None, count: int, *, extrapolate: bool = False
) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Weights that sum to 1, and a note in words if they did not; None: equal ones. Raises `UserError`, see `blend`."""
    if weights is None:
        return (1 / count,) * count, ()
    numbers = [float(w) for w in weights]
    listed = ", ".join(f"{w:g}" for w in numbers)
    if len(numbers) != count:
        raise UserError(f"there are {count} exemplars but {len(numbers)} weights ({listed}); give one per exemplar")
    if not all(map(math.isfinite, numbers)):
        raise UserError(f"the weights {listed} are not all finite numbers; give numbers such as 0.3")
    if min(numbers) < 0 and not extrapolate:
        raise UserError(f"the weights {listed} hold a negative one, which extrapolates; allow that, or use 0 to 1")
    total = math.fsum(numbers)
    if total <= _LEAST_SUM * max(map(abs, numbers)):
        what = "are all zero" if not any(numbers) else "do not add up to a positive number"
        raise UserError(f"the weights {listed} {what}; give at least one exemplar a positive weight")
    if abs(total - 1) <= _SUM_TOLERANCE:
        return tuple(numbers), ()
    parts = tuple(w / total for w in numbers)
    return parts, (f"the weights {listed} do not sum to 1; taken as {', '.join(f'{w:.4g}' for w in parts)}",)


def find_class(schema: LabelSchema, name: str) -> str:
    """The class that `name` means: the one so called, else the only one with that word, else with that beginning.

    "sky" means "sky-other" where no class is called "sky", and "play" means "playingfield". Raises `UserError` naming the
    nearest when none or several fit.
    """
    if name in schema.names:
        return name
    words = {n: n.replace(" ", "-").split("-") for n in schema.names}
    fits = [n for n in words if name in words[n]] or [n for n in words if name and n.startswith(name)]
    if len(fits) > 1:
        raise UserError(f"{name!r} may mean {', '.join(fits[:5])} in schema {schema.name}; give the full name")
    if not fits and (near := difflib.get_close_matches(name, {w for ws in words.values() for w in ws}, n=1)):
        likely = " or ".join([n for n in words if near[0] in words[n]][:3])
        raise UserError(f"there is no class {name!r} in schema {schema.name}; did you mean {likely}?")
    return fits[0] if fits else schema.names[schema.index_of(name)]


def _checked_maps(
    maps: Sequence[NDArray[Any]] | Pattern | None, count: int, extrapolate: bool
) -> tuple[WeightMap, ...] | Pattern | None:
    if maps is None:
        return None
    if isinstance(maps, str):
        if maps not in get_args(Pattern):
            raise UserError(f"there is no pattern {maps!r}; choose {', '.join(get_args(Pattern))}")
        return maps
    arrays = [np.asarray(one, dtype=np.float32) for one in maps]
    if len(arrays) not in (count, max(count - 1, 1)):
        raise UserError(f"there are {count} exemplars but {len(arrays)} weight maps; give one per exemplar")
    for one in arrays:
        if one.ndim != 2 or not one.size or not np.isfinite(one).all():
            raise UserError(f"a weight map is (height, width) finite numbers, not {one.shape}")
        if one.min() < 0 and not extrapolate:
            raise UserError("a weight map holds negative weights, which extrapolate; allow it by name, or use 0 to 1")
    if len(arrays) < count:
        size = max((one.shape for one in arrays), key=lambda shape: shape[0] * shape[1])
        left: WeightMap = 1 - np.stack([stretched(one, size) for one in arrays]).sum(axis=0)
        arrays.append(left if extrapolate else np.maximum(left, 0))
    if not any(one.any() for one in arrays):
        raise UserError("the weight maps are zero everywhere; paint at least one of them")
    return tuple(arrays)


def _opened(path: Path | str) -> Encoded:
    """A saved look. Raises `UserError`."""
    from sceneswap.inference.look import Look  # PyTorch, which blends themselves do without

    return Look.load(path)


def _number(which: int | Encoded, exemplars: tuple[Encoded, ...]) -> int:
    """The number of an exemplar given as such or as itself."""
    if isinstance(which, int):
        if 0 <= which < len(exemplars):
            return which
        raise UserError(f"there is no exemplar number {which}; the blend has {len(exemplars)}, counted from 0")
    for number, one in enumerate(exemplars):
        if one is which:
            return number
    raise UserError(f"the exemplar {which.name} is given a class but is not among the exemplars of the blend")
