"""Are the graphs the model? The same layouts, looks and photographs through both, over sizes, aspects and classes."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TypeVar

import numpy as np
from PIL import Image

from sceneswap.inference.blend import Blend, blend
from sceneswap.inference.labelling import HeadLabeller, Labeller, SegmenterLabeller
from sceneswap.inference.look import Look
from sceneswap.inference.segmentation import shipped_segmenter
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.onnx.look import OnnxLook
from sceneswap.onnx.runtime import OnnxSynthesizer
from sceneswap.scene import Scene

L = TypeVar("L", Look, OnnxLook)

PICTURE_TOLERANCE = 1.0
"""How far a picture may be off on average, in levels of 255; weights of 16 bits cost a fraction of that."""

LABEL_TOLERANCE = 0.02
"""The share of a photograph's pixels that may be read as another class."""

_SIZES = ((4, 4), (7, 3), (3, 9), (10, 12))
"""Of the scenes that are compared, in strides: (height, width)."""

_PATCH = 8  # pixels of a side


@dataclass(frozen=True)
class Parity:
    """The largest differences found between the graphs and PyTorch.

    picture: of a picture on average, in levels of 255. pixel: of a single level. look: of a look's numbers, relative to the
    largest of their kind. labels: share of a photograph's pixels read as another class. pictures: how many were compared.
    """

    picture: float
    pixel: int
    look: float
    labels: float
    pictures: int

    def fault(self) -> str | None:
        """What is beyond the tolerance, as a clause, or None."""
        if not self.picture <= PICTURE_TOLERANCE:
            return f"a picture is off by {self.picture:.2f} levels of 255 on average, more than {PICTURE_TOLERANCE:g}"
        if not self.labels <= LABEL_TOLERANCE:
            return f"{self.labels:.1%} of a photograph is read as other classes, more than {LABEL_TOLERANCE:.0%}"
        return None

    def to_dict(self) -> dict[str, float]:
        """JSON-able values."""
        return asdict(self)


def compare(ours: Synthesizer, theirs: OnnxSynthesizer) -> Parity:
    """Encode, draw and read the same with the model and with its graphs."""
    random = np.random.default_rng(0)
    step = max(ours.stride, _PATCH)
    scenes = [_scene(ours, (h * step, w * step), random) for h, w in _SIZES]
    known = [ours.encode(scene) for scene in scenes]
    found = [theirs.encode(scene) for scene in scenes]
    labeller = _labeller(ours)
    labels = [np.mean(labeller.label(one.photo) != theirs.estimate_labels(one.photo)) for one in scenes]
    pictures = [
        np.abs(ours.draw(layout, mine).astype(int) - theirs.draw(layout, yours))
        for layout in (scene.label_map[1:, : -_PATCH - 3] for scene in scenes)  # also sides that are no multiples
        for mine, yours in zip(_looks(known), _looks(found), strict=True)
    ]
    return Parity(
        picture=float(max(one.mean() for one in pictures)),
        pixel=int(max(one.max() for one in pictures)),
        look=max(_distance(*pair) for pair in zip(known, found, strict=True)),
        labels=float(max(labels)),
        pictures=len(pictures),
    )


def _looks(looks: Sequence[L]) -> Iterator[L | Blend]:
    """Single looks and all ways of mixing them."""
    yield from looks[:2]
    yield blend(looks[:3], [0.2, 0.5, 0.3])
    yield blend(looks[:2], [1.6, -0.6], extrapolate=True)
    yield blend(looks[:2], maps="left-right")
    yield blend(looks[1:4], maps="radial", classes={looks[0].schema.names[0]: 2}, border=8)


def _scene(synthesizer: Synthesizer, size: tuple[int, int], random: np.random.Generator) -> Scene:
    """Patches of all classes and void, each in a colour of its own that changes slowly."""
    count = synthesizer.schema.void_index + 1
    patches = random.integers(0, count, (size[0] // _PATCH, size[1] // _PATCH)).astype(np.int16)
    label_map = patches.repeat(_PATCH, axis=0).repeat(_PATCH, axis=1)
    colors = random.integers(0, 256, (count, 3))
    light = random.integers(-60, 60, (3, 3)).astype(np.float32)
    shade = Image.fromarray(light).resize((size[1], size[0]), Image.Resampling.BICUBIC)
    photo = colors[label_map] + np.asarray(shade)[:, :, None]
    return Scene(photo.clip(0, 255).astype(np.uint8), label_map, "patches")


def _labeller(synthesizer: Synthesizer) -> Labeller:
    if synthesizer.estimates_labels:
        return HeadLabeller(synthesizer)
    return SegmenterLabeller(shipped_segmenter("cpu"), synthesizer.schema)


def _distance(mine: Look, yours: OnnxLook) -> float:
    tensors = mine.encoded.tensors().items()
    return max(float(np.abs(t.numpy() - yours.tensors[name]).max() / t.abs().max()) for name, t in tensors)
