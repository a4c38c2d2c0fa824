"""Whether a label map was read in the right schema: what a model sees in the photograph tells.

Ids 0 to 10 are legal in many schemas, so a map of CamVid read as `outdoor` raises no error and turns roads into trees.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sceneswap.inference.labelling import Labeller
from sceneswap.labels.io import read_values, resize_label_map
from sceneswap.labels.presets import PRESETS, load_schema
from sceneswap.labels.schema import LabelSchema
from sceneswap.pictures import shrink
from sceneswap.scene import LabelMap, Scene

_SIDE = 320  # pixels at which map and photograph are compared
_BETTER = 0.25  # another schema must agree with the photograph on so much more of the pixels, and twice as well,
_WELL = 0.4  # and on so much of them
_HARDLY = 0.03  # a map that agrees no better than that is doubted without a better schema
_ENOUGH = 0.2  # of the pixels must have a class in both
_NAMED = 3  # classes of each list


def doubt(scene: Scene, file: Path, schema: LabelSchema, model: LabelSchema, labeller: Labeller) -> str:
    """Return a sentence when the label map `file` of a scene, read in `schema`, is hardly what the photograph shows; else "".

    scene: as it was read, label map in the classes of `model`; labeller: estimates in these classes. The sentence names the
    classes of map and photograph, and the preset in which map and photograph agree, if there is one.
    """
    photo = shrink(scene.photo, _SIDE)
    seen = labeller.label(photo)
    read = resize_label_map(scene.label_map, (photo.shape[0], photo.shape[1]))
    agreed = _agreement(read, seen, model)
    others = {name: _agreement(other, seen, model) for name, other in _readings(file, schema, model, seen.shape)}
    best = max(others, key=lambda name: others[name], default=None)
    better = best is not None and others[best] > max(2 * agreed, agreed + _BETTER, _WELL)
    both = float(np.mean((read != model.void_index) & (seen != model.void_index)))
    if not better and (agreed > _HARDLY or both < _ENOUGH):
        return ""
    hint = f"; read as {best} it would be {others[best]:.0%}: pass --schema {best}" if better and best else ""
    return (
        f"{file} read as {schema.name} shows {_commonest(read, model)}, but in {scene.name} the model sees "
        f"{_commonest(seen, model)}; {agreed:.0%} of the pixels agree{hint or '; check that the schema is the right one'}"
    )


def _readings(
    file: Path, schema: LabelSchema, model: LabelSchema, size: tuple[int, ...]
) -> Iterator[tuple[str, LabelMap]]:
    """The label map in the classes of the model by every other preset that knows all its numbers."""
    values = resize_label_map(read_values(file, schema), (size[0], size[1]))
    for other in map(load_schema, PRESETS):
        indices = other.indices_of(values)
        if other != schema and indices.min() >= 0:
            yield other.name, other.convert(indices, model)


def _agreement(first: LabelMap, second: LabelMap, schema: LabelSchema) -> float:
    """The share of the pixels that have one class in both, void not counted."""
    return float(np.mean((first == second) & (first != schema.void_index)))


def _commonest(label_map: NDArray[np.int16], schema: LabelSchema) -> str:
    counts = np.bincount(label_map.ravel(), minlength=schema.num_classes + 1)[: schema.num_classes]
    order = [int(i) for i in np.argsort(-counts, kind="stable")[:_NAMED] if counts[i]]
    return ", ".join(schema.names[i] for i in order) or "no class"
