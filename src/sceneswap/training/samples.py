"""The fixed sample grid of a run: the same few scenes, every layout in every look."""

from pathlib import Path

import torch

from sceneswap.alarms import Alarms, measure
from sceneswap.config import TrainConfig
from sceneswap.data.loader import make_batch
from sceneswap.data.transforms import resize
from sceneswap.images import write_png
from sceneswap.labels.io import colorize
from sceneswap.labels.schema import LabelSchema
from sceneswap.models.build import Network
from sceneswap.pictures import swap_grid
from sceneswap.scene import SceneSource
from sceneswap.tensors import to_photos
from sceneswap.training.phases import sampling_of

SCENES = 5


class SampleGrid:
    """Scenes evenly spread over the data set, resized to the patch size of the last phase, drawn n every step."""

    def __init__(self, dataset: SceneSource, settings: TrainConfig, schema: LabelSchema, device: torch.device) -> None:
        count = min(SCENES, len(dataset))
        size = sampling_of(settings.phases[-1], settings).entry_size
        chosen = [dataset[i * len(dataset) // count] for i in range(count)]
        self.scenes = [resize(scene, (size, size)) for scene in chosen]
        self.layouts = [colorize(scene.label_map, schema) for scene in self.scenes]
        self.batch = make_batch(self.scenes, range(count)).to(device)

    @torch.no_grad()
    def draw(self, network: Network, path: Path) -> Alarms | None:
        """Draw every layout in every look, write the grid to `path`, return the two failure scores.

        None of a single scene, which says nothing of how drawings change with the exemplar.
        """
        batch = self.batch
        encoded = network.encode_exemplar(batch.image, batch.label_map)
        count = len(self.scenes)
        rows = []
        for layout in range(count):
            label_map = batch.label_map[layout].expand(count, -1, -1)
            rows.append(network.draw(label_map, encoded).float())  # type: ignore[arg-type]
        drawn = torch.stack(rows)
        names = [Path(scene.name).name for scene in self.scenes]
        photos, size = [scene.photo for scene in self.scenes], self.scenes[0].size
        write_png(path, swap_grid(self.layouts, photos, list(to_photos(drawn)), size, (names, names)))
        return measure(drawn.cpu(), batch.image.cpu()) if count > 1 else None
