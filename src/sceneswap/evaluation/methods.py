"""What is judged: models, and trivial methods that say what a number is worth."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol

import numpy as np

from sceneswap.config import TrainConfig, from_dict
from sceneswap.errors import UserError
from sceneswap.evaluation.fill import mean_colors
from sceneswap.evaluation.pairs import Pairs, Sample
from sceneswap.inference.look import Look
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.scene import LabelMap, Photo, Scene


class Method(Protocol):
    """Draws samples as photos (H, W, 3) uint8 of their targets' sizes.

    grid: every layout (rows) in every look (columns). describe: what identifies it in a record. losses: what was compared in
    its training -> the layers of VGG-19 in which; None where that is not recorded.
    """

    name: str
    trivial: bool

    def draw(self, samples: Sequence[Sample]) -> list[Photo]: ...
    def grid(self, layouts: Sequence[Scene], exemplars: Sequence[Scene]) -> list[list[Photo]]: ...
    def describe(self) -> dict[str, Any]: ...
    def losses(self) -> dict[str, tuple[str, ...]] | None: ...


class ModelMethod:
    """A model. Label maps are converted from the evaluation's schema; exemplars that follow one another are encoded once.

    Its exemplars are read at the model's working size, see `Synthesizer.encode`.
    """

    trivial = False

    def __init__(self, name: str, synthesizer: Synthesizer, pairs: Pairs, batch_size: int) -> None:
        self.name, self.synthesizer, self.batch_size = name, synthesizer, batch_size
        self._pairs = pairs
        self._looks: OrderedDict[Hashable, Look] = OrderedDict()

    def draw(self, samples: Sequence[Sample]) -> list[Photo]:
        looks = [self._look(sample) for sample in samples]
        label_maps = [self._converted(sample.target.label_map) for sample in samples]
        return self.synthesizer.draw_batch(label_maps, looks, batch_size=self.batch_size)

    def grid(self, layouts: Sequence[Scene], exemplars: Sequence[Scene]) -> list[list[Photo]]:
        looks = [self._encode(scene) for scene in exemplars]
        return [
            self.synthesizer.draw_batch([self._converted(s.label_map)] * len(looks), looks, batch_size=self.batch_size)
            for s in layouts
        ]

    def describe(self) -> dict[str, Any]:
        return {"kind": "model", **self.synthesizer.describe(), "exemplar_size": self.synthesizer.working_size}

    def losses(self) -> dict[str, tuple[str, ...]] | None:
        try:
            config = from_dict(TrainConfig, self.synthesizer.release.record["config"], "the training record")
        except (KeyError, UserError):  # of no training run, or of a version that had other settings
            return None
        return {
            "Gram matrices": config.loss.style_layers if config.loss.style or config.loss.energy else (),
            "activations": config.loss.perceptual_layers if config.loss.perceptual else (),
            "the discriminator": config.discriminator.vgg_layers,
        }

    def _look(self, sample: Sample) -> Look:
        key = self._pairs.exemplar_key(sample.index)
        if key not in self._looks:
            self._looks[key] = self._encode(sample.exemplar)
            if len(self._looks) > self.batch_size:
                self._looks.popitem(last=False)
        return self._looks[key]

    def _encode(self, scene: Scene) -> Look:
        return self.synthesizer.encode(Scene(scene.photo, self._converted(scene.label_map), scene.name))

    def _converted(self, label_map: LabelMap) -> LabelMap:
        return self._pairs.schema.convert(label_map, self.synthesizer.schema)


class TrivialMethod:
    """A method without a model: `draw_one` makes the picture of a sample."""

    trivial = True

    def __init__(self, name: str, draw_one: Callable[[Sample], Photo]) -> None:
        self.name, self._draw_one = name, draw_one

    def draw(self, samples: Sequence[Sample]) -> list[Photo]:
        return [self._draw_one(sample) for sample in samples]

    def grid(self, layouts: Sequence[Scene], exemplars: Sequence[Scene]) -> list[list[Photo]]:
        return [[self._draw_one(Sample(0, row, column, None, 0.0)) for column in exemplars] for row in layouts]

    def describe(self) -> dict[str, Any]:
        return {"kind": "trivial", "name": self.name, "version": 1}

    def losses(self) -> dict[str, tuple[str, ...]]:
        return {}


COPY = TrivialMethod("copy of the exemplar", lambda sample: sample.exemplar.photo)
GREY = TrivialMethod("grey", lambda sample: np.full_like(sample.target.photo, 128))
CLASS_MEAN = TrivialMethod(
    "mean colour per class", lambda sample: mean_colors(sample.target.label_map, sample.exemplar)
)
PHOTOGRAPH = TrivialMethod("target's own photograph", lambda sample: sample.target.photo)
