"""What a model does once it is open: scenes are encoded, label maps drawn, photographs read. It knows no files."""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cached_property
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sceneswap import __version__
from sceneswap.errors import UserError
from sceneswap.images import resize_photo
from sceneswap.inference.blend import Blend
from sceneswap.inference.device import Precision
from sceneswap.inference.look import Look, joined
from sceneswap.inference.look_record import Encoded
from sceneswap.inference.mixing import draw_mixed
from sceneswap.inference.reading import LABEL_SIDE, Reading, class_shares, picture_sha256
from sceneswap.inference.segmentation import classes_at
from sceneswap.inference.thumbnail import thumbnail
from sceneswap.inference.tiled import OnTile, draw_tiled, estimate
from sceneswap.labels.io import resize_label_map
from sceneswap.models.generator import Exemplar, Generator
from sceneswap.models.spade_vae import Latent
from sceneswap.notes import LOG
from sceneswap.pictures import inside
from sceneswap.progress import time_in_words
from sceneswap.scene import LabelMap, Photo, Scene
from sceneswap.tensors import to_images, to_photos

DRAWN_AT_ONCE = {"cpu": 1_000_000, "mps": 1_000_000, "cuda": 4_000_000}
"""The largest pictures that are drawn at once, in pixels; a pixel takes some 1.3 kB of memory."""


class Drawing(Reading):
    """A model that encodes and draws. name: for notes. weights_sha256: of the file model.safetensors."""

    name: str
    weights_sha256: str
    device: torch.device
    precision: Precision
    _network: Any  # a Network; which of the two kinds draws which kind of look, `check_look` sees to

    @property
    def estimates_labels(self) -> bool:
        """Whether the model has a label head; see `estimate_labels`."""
        return getattr(self._network, "label_head", None) is not None

    def check_label_head(self) -> None:
        """Raise `UserError` when the model has no label head."""
        if not self.estimates_labels:
            raise UserError(
                f"the model {self.name} has no label head to read photographs with; give a label map for every "
                "photograph, or name a segmentation network with --segmenter"
            )

    def estimate_labels(self, photo: Photo) -> LabelMap:
        """Estimate the label map of a photograph (H, W, 3) uint8 with the model's label head: (H, W) indices.

        The photograph is read at `working_size` as `encode` reads it; borders are placed on a grid of at most
        `LABEL_SIDE` pixels. Raises `UserError` when the model has no label head.
        """
        self.check_label_head()
        size = (photo.shape[0], photo.shape[1])
        shape = self.working_shape(size)
        with self._inference("the photograph", shape):
            logits = cast(Generator, self._network).estimate_labels(self._to_image(photo, shape))
            return resize_label_map(classes_at(logits, inside(size, LABEL_SIDE))[0], size)

    def encode(self, exemplar: Scene, *, size: int | None = None) -> Look:
        """Encode an exemplar, once for any number of drawings.

        >>> swap.encode(swap.scene("dusk.jpg")).size
        (224, 288)

        The whole picture is resized, nothing is cropped: to the pixel area of a square of side `size`, its aspect kept
        up to rounding to the stride (to that very square, where training resized photographs to squares). By default
        `size` is `working_size`, the size at which the model saw whole photographs in training: textures have the scale
        that its features know, and what is encoded does not depend on the label map to be drawn. A larger `size` keeps
        finer detail, at the cost of memory.
        """
        if not isinstance(exemplar, Scene):
            raise UserError(
                f"what is encoded is a Scene, a photograph with its label map, not {type(exemplar).__name__}; "
                "Synthesizer.look takes photographs in any form"
            )
        shape = self.working_shape(exemplar.size, size)
        with self._inference(f"the exemplar {exemplar.name}", shape):
            encoded = self._network.encode_exemplar(*self.exemplar_input(exemplar, size=size))
            plain = encoded.of({name: tensor.float().cpu() for name, tensor in encoded.tensors().items()})
        picture = picture_sha256(exemplar.photo)
        shares = class_shares(exemplar.label_map, self.schema)
        small = thumbnail(exemplar.photo)
        return Look(plain, exemplar.name, shape, self.schema, self.weights_sha256, picture, shares, small)

    def draw(
        self, label_map: NDArray[Any] | Tensor, look: Look | Blend, *, on_tile: OnTile = lambda done, total: None
    ) -> Photo:
        """Draw a label map (H, W) of any size, indices of the model's schema, as a photo (H, W, 3) uint8 of that size.

        >>> swap.draw(np.zeros((20, 30), np.int64), swap.look("dusk.jpg")).shape
        (20, 30, 3)

        Label maps of more than `DRAWN_AT_ONCE` pixels are drawn in tiles, which gives the same picture (±1) in bounded
        memory (`inference.tiled`); the logger "sceneswap" tells beforehand what it takes. on_tile: called after every tile
        with the number of tiles done and of all.
        look: one, or several blended (`inference.blend.blend`). Raises `UserError` for foreign indices, looks of another
        model or schema, and when the device has too little memory.
        """
        return self.draw_batch([label_map], [look], on_tile=on_tile)[0]

    def draw_batch(
        self,
        label_maps: Sequence[NDArray[Any] | Tensor],
        looks: Sequence[Look | Blend],
        *,
        batch_size: int = 1,
        on_tile: OnTile = lambda done, total: None,
    ) -> list[Photo]:
        """Draw label_maps[i] in looks[i]; photos (H, W, 3) uint8 in the order given.

        >>> look = swap.look("dusk.jpg")
        >>> [photo.shape for photo in swap.draw_batch([np.zeros((20, 30), int), np.ones((16, 16), int)], [look, look])]
        [(20, 30, 3), (16, 16, 3)]

        batch_size: how many pictures of one size are drawn at once; blends and large ones are drawn alone. One at a time
        is fastest on a processor, and takes the least memory. A batch that is not full is filled up with copies, so that
        every picture is computed in one shape whatever its company: a picture may depend on the batch size (±1), but never
        on what is drawn with it. on_tile: see `draw`.
        """
        if len(label_maps) != len(looks):
            raise ValueError(f"{len(label_maps)} label maps, but {len(looks)} looks")
        if batch_size < 1:
            raise UserError(f"a batch size of {batch_size}: give 1 or more")
        maps = [self._check(label_map) for label_map in label_maps]
        groups: dict[tuple[int, ...], list[int]] = {}
        photos: dict[int, Photo] = {}
        for i, (label_map, look) in enumerate(zip(maps, looks, strict=True)):
            for one in look.looks if isinstance(look, Blend) else (look,):
                self.check_look(one)
            if isinstance(look, Look) and not self._needs_tiles(label_map):
                groups.setdefault(label_map.shape, []).append(i)
        for members in groups.values():
            for chosen in _chunks(members, batch_size):
                filled = chosen + chosen[-1:] * (batch_size - len(chosen))
                plain = [look for i in filled if isinstance(look := looks[i], Look)]
                photos.update(zip(chosen, self._draw_equal([maps[i] for i in filled], plain), strict=False))
        for i, (label_map, look) in enumerate(zip(maps, looks, strict=True)):
            if self._needs_tiles(label_map):
                photos[i] = self._draw_large(label_map, look, on_tile)
            elif isinstance(look, Blend):
                photos[i] = self._draw_blend(label_map, look)
        return [photos[i] for i in range(len(maps))]

    @property
    def stride(self) -> int:
        """Height and width of what the network takes are multiples of this."""
        return self._network.stride

    def network_input(self, label_map: NDArray[Any]) -> Tensor:
        """A label map (H, W) as the network takes it: (1, H', W') int64 on the device, the sides extended to the stride."""
        return self._to_tensor([self._padded(self._check(label_map))])

    def exemplar_input(self, exemplar: Scene, *, size: int | None = None) -> tuple[Tensor, Tensor]:
        """An exemplar as the network takes it: image (1, 3, H2, W2) in [-1, 1] and label map (1, H2, W2); see `encode`."""
        label_map = self._check(exemplar.label_map)
        shape = self.working_shape(exemplar.size, size)
        return self._to_image(exemplar.photo, shape), self._to_tensor([resize_label_map(label_map, shape)])

    def describe(self) -> dict[str, Any]:
        """What pictures and pages say about the model: name, weights_sha256, schema, precision, sceneswap (version)."""
        return {
            "name": self.name,
            "weights_sha256": self.weights_sha256,
            "schema": self.schema.name,
            "precision": self.precision,
            "sceneswap": __version__,
        }

    def check_look(self, look: Encoded) -> None:
        """Raise `UserError` for what is no look, or one that is not of this model."""
        if isinstance(look, Encoded) and not isinstance(look, Look):
            raise UserError(f"the look {look.name} was opened for an exported model; open its file with Look.load")
        if not isinstance(look, Look):
            raise UserError(
                f"a look is made by Synthesizer.look, or several are mixed by blend; {type(look).__name__} is none"
            )
        if look.schema != self.schema:
            raise UserError(
                f"the look {look.name} was encoded by a model with the label schema {look.schema.name}, but this model has "
                f"{self.schema.name}; encode it with this one"
            )
        if look.model != self.weights_sha256:
            raise UserError(
                f"the look {look.name} was encoded by another model than {self.name} (the SHA-256 of its weights differs); "
                "encode it with this one"
            )
        if {name: tensor.shape for name, tensor in look.encoded.tensors().items()} != self._look_shapes:
            raise UserError(f"the look {look.name} does not fit its own model; its file is damaged, make it again")

    @cached_property
    def _look_shapes(self) -> dict[str, torch.Size]:
        """The shapes of every look of this model, by name."""
        side = 2 * self._network.stride
        image = torch.zeros(1, 3, side, side, device=self.device)
        with torch.inference_mode():
            encoded = self._network.encode_exemplar(image, image[:, 0].long())
        return {name: tensor.shape for name, tensor in encoded.tensors().items()}

    def _draw_equal(self, label_maps: list[LabelMap], looks: list[Look]) -> NDArray[np.uint8]:
        """Draw (H, W) label maps of one size: (B, H, W, 3) uint8."""
        height, width = label_maps[0].shape
        padded = self._to_tensor([self._padded(m) for m in label_maps])
        with self._inference("the label map", (height, width)):
            image = self._network.draw(padded, joined(looks, self.device))
            return to_photos(image[:, :, :height, :width])

    def _draw_blend(self, label_map: LabelMap, blend: Blend) -> Photo:
        height, width = label_map.shape
        exemplars, weights = self._mixture(label_map, blend)
        with self._inference("the label map and the weights of the blend", (height, width)):
            image = draw_mixed(self._network, self.network_input(label_map), exemplars, weights.to(self.device))
            return to_photos(image[0, :, :height, :width])

    def _needs_tiles(self, label_map: LabelMap) -> bool:
        return label_map.size > DRAWN_AT_ONCE[self.device.type]

    def _draw_large(self, label_map: LabelMap, look: Look | Blend, on_tile: OnTile) -> Photo:
        """Draw in tiles."""
        height, width = label_map.shape
        exemplars, weights = self._mixture(label_map, look)
        padded = torch.from_numpy(self._padded(label_map))
        with self._inference("a tile of the label map", (height, width)):
            if LOG.isEnabledFor(logging.INFO):
                effort = estimate(self._network, padded, exemplars, weights)
                LOG.info(
                    "drawing %s×%s pixels in tiles: about %s, and up to %.1f GB in %s",
                    width, height, time_in_words(effort.seconds), effort.bytes / 1e9, tempfile.gettempdir(),
                )  # fmt: skip
            return np.ascontiguousarray(draw_tiled(self._network, padded, exemplars, weights, on_tile)[:height, :width])

    def _mixture(self, label_map: LabelMap, look: Look | Blend) -> tuple[Exemplar | Latent, Tensor]:
        """Looks on the device, and on the CPU how much of each goes where: (J,) or (J, H', W'), sides as the network's."""
        if isinstance(look, Look):
            return joined([look], self.device), torch.ones(1)
        weights = look.weights_on(label_map)
        numbers = self._padded(weights) if isinstance(weights, np.ndarray) else np.asarray(weights, np.float32)
        return joined(cast(tuple[Look, ...], look.looks), self.device), torch.from_numpy(numbers)

    def _to_image(self, photo: Photo, size: tuple[int, int]) -> Tensor:
        """A photo resized to `size` as the network takes it, (1, 3, H, W) in [-1, 1]."""
        return to_images([resize_photo(photo, size)], self.device)

    def _to_tensor(self, label_maps: list[LabelMap]) -> Tensor:
        return torch.from_numpy(np.stack(label_maps).astype(np.int64)).to(self.device)

    @contextmanager
    def _inference(self, what: str, size: tuple[int, int]) -> Iterator[None]:
        """Run without gradients, in the precision asked for; too little memory becomes a `UserError`."""
        cast = torch.autocast(self.device.type, torch.bfloat16) if self.precision == "bf16" else nullcontext()
        try:
            with torch.inference_mode(), cast:
                yield
        except RuntimeError as error:
            if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
                raise
            raise UserError(
                f"{self.device} has too little memory for {what} at {size[1]}×{size[0]} pixels; make it smaller, draw "
                "fewer at once or choose another device"
            ) from error


def _chunks(items: list[int], length: int) -> Iterator[list[int]]:
    for start in range(0, len(items), length):
        yield items[start : start + length]
