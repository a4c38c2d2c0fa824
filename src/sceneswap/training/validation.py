"""The validation curve of a run: the terms of its loss on scenes that it does not learn from."""

from dataclasses import replace

import torch

from sceneswap import together
from sceneswap.config import LossConfig, TrainConfig
from sceneswap.data.loader import Batch, make_batch
from sceneswap.data.transforms import resize
from sceneswap.errors import UserError
from sceneswap.losses import Terms
from sceneswap.models.build import Network
from sceneswap.pictures import evenly_spread
from sceneswap.scene import SceneSource
from sceneswap.training.phases import sampling_of
from sceneswap.training.terms import LossNetworks, Views, drawing_terms

SCENES = 16


class Validation:
    """At most 16 scenes, evenly spread, at the patch size of the last phase; drawn in their own look and in the next one's.

    Raises `UserError` for fewer than two scenes.
    """

    def __init__(self, scenes: SceneSource, settings: TrainConfig, device: torch.device) -> None:
        if len(scenes) < 2:
            raise UserError(
                "the validation data hold a single scene; two are needed, each to be drawn in the other's look"
            )
        size = sampling_of(settings.phases[-1], settings).entry_size
        shown = [resize(scene, (size, size)) for scene in evenly_spread(scenes, SCENES)]
        self._batches = [
            _pair(make_batch([a, b] * 2, (0, 1, 3, 2)), device)
            for a, b in zip(shown, shown[1:] + shown[:1], strict=True)
        ]
        self._weights: LossConfig = replace(
            settings.loss, adversarial=0.0, feature_matching=0.0
        )  # these ask the critic

    @torch.no_grad()
    def measure(self, network: Network, networks: LossNetworks) -> dict[str, float]:
        """The unweighted terms that need no discriminator, the mean over the scenes; `network` is the moving average."""
        sums: dict[str, float] = {}
        with together.alone():  # the first process measures, the others do not
            for batch in self._batches:
                for name, value in self._terms(batch, network, networks).items():
                    sums[name] = sums.get(name, 0.0) + float(value) / len(self._batches)
        return sums

    def _terms(self, batch: Batch, network: Network, networks: LossNetworks) -> Terms:
        drawing = network(batch.label_map, batch.image, batch.label_map, batch.exemplar)
        drawn = drawing.image.float()
        seen, wanted = networks.see(drawn), networks.see(batch.image)
        views = Views(batch, drawn, drawn, batch.label_map, seen, wanted, batch.label_map, [], [])
        return drawing_terms(views, networks, self._weights)


def _pair(batch: Batch, device: torch.device) -> Batch:
    """Two scenes twice: first in their own look, whose true picture is known, then each in the other's."""
    return replace(batch, known=2).to(device)
