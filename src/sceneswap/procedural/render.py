"""A renderer of outdoor scenes with layout and mood as independent inputs, so that style swaps have a known answer.

`render(sample_layout(a), Mood.sample(b))` draws layout a under mood b: the exact answer to "the layout of scene a, the
mood of scene b". The label map depends on the layout alone. Everything is numpy; the same seeds give the same picture
(labels exactly; photographs up to the last digit of another machine's arithmetic) at any size.

Seeds below `TEST_SEEDS` are for training, seeds from `TEST_SEEDS` upwards for evaluation, so that the two never meet.
"""

import numpy as np

from sceneswap.procedural.buildings import paint_building
from sceneswap.procedural.canvas import MATERIALS, Canvas
from sceneswap.procedural.ground import paint_ground, paint_ridge, paint_sky
from sceneswap.procedural.kinds import sample_layout
from sceneswap.procedural.layout import Building, Layout, Thing
from sceneswap.procedural.mood import Mood
from sceneswap.procedural.shade import shade
from sceneswap.procedural.things import paint_thing
from sceneswap.scene import LabelMap, Photo, Scene

TEST_SEEDS = 1_000_000

CLASSES: tuple[str, ...] = (
    "sky-other", "clouds", "tree", "bush", "grass", "plant-other", "flower", "mountain", "hill", "rock", "snow", "sand",
    "dirt", "road", "pavement", "sea", "river", "water-other", "building-other", "house", "skyscraper", "bridge",
    "fence", "person", "animal", "vehicle", "boat",
)  # fmt: skip
"""The classes of the `procedural` schema, in order: a label map holds indices into this tuple."""

_CLASS_OF_MATERIAL = np.array([CLASSES.index(name) for name in MATERIALS.values()], np.int16)


def paint(layout: Layout, size: tuple[int, int] = (256, 256)) -> Canvas:
    """Draw a layout's geometry at size (H, W), from back to front. Raises ValueError for a size below 1."""
    if size[0] < 1 or size[1] < 1:
        raise ValueError(f"a picture of {size[0]}x{size[1]} pixels cannot be drawn; both sides must be at least 1")
    canvas = Canvas(layout, size)
    paint_sky(canvas)
    for ridge in layout.ridges:
        paint_ridge(canvas, ridge)
    paint_ground(canvas)
    standing: list[tuple[float, Building | Thing]] = [(building.near, building) for building in layout.buildings]
    standing += [(layout.camera / (thing.y - layout.horizon), thing) for thing in layout.things]
    for _, one in sorted(standing, key=lambda pair: -pair[0]):
        if isinstance(one, Building):
            paint_building(canvas, one)
        else:
            paint_thing(canvas, one)
    return canvas


def label_map_of(canvas: Canvas) -> LabelMap:
    """The label map (H, W) int16 of a painted layout: indices into `CLASSES`, never void."""
    return _CLASS_OF_MATERIAL[canvas.material]


def render(layout: Layout, mood: Mood, size: tuple[int, int] = (256, 256)) -> Scene:
    """Draw `layout` under `mood` at size (H, W); the label map holds indices into `CLASSES`."""
    canvas = paint(layout, size)
    return Scene(shade(canvas, mood), label_map_of(canvas), f"procedural-{layout.seed}-{mood.seed}")


def scene(seed: int, size: tuple[int, int] = (256, 256)) -> Scene:
    """The scene number `seed`: its layout and its mood are drawn from independent streams of that seed."""
    return render(sample_layout(seed), Mood.sample(seed), size)


def swap_pair(seed: int, size: tuple[int, int] = (256, 256)) -> tuple[Scene, Scene, Photo]:
    """A style swap with its answer: scene A, the exemplar scene B, and the photograph of layout A under mood B.

    A is scene number 2·seed, B number 2·seed + 1, so that pairs of different seeds share nothing.
    """
    first, second = 2 * seed, 2 * seed + 1
    canvas, mood = paint(sample_layout(first), size), Mood.sample(second)
    target = Scene(shade(canvas, Mood.sample(first)), label_map_of(canvas), f"procedural-{first}-{first}")
    return target, scene(second, size), shade(canvas, mood)
