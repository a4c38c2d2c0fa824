"""Label maps of any size, drawn in tiles as if at once: memory does not grow with the picture, and no seam shows.

Drawing a picture looks at all of it twice over: MSCA's masking score reads the average of the label features, and every
normalisation the mean and variance of its channels. Both are taken from the whole picture here too, gathered tile by tile,
layer by layer, before anything that depends on them is computed. What is left are convolutions, which see a few positions
around; tiles are computed with a rim that wide. So the picture is that of `Generator.draw` up to rounding, and not an
approximation of it; the price is that what a normalisation reads is computed twice.

Between the blocks of the ladder activations are kept in `models.parts.Store`: in memory while small, else on the disk.
"""

import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple, TypeAlias, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from sceneswap.inference.mixing import mixed_latent, mixed_transfer, used
from sceneswap.models.generator import Exemplar, Generator, join
from sceneswap.models.layers import InstanceNorm
from sceneswap.models.parts import Box, Moments, Store, boxes, store_bytes
from sceneswap.models.spade import Normalise, SpadeBlock, SpadeSynthesis
from sceneswap.models.spade_vae import Latent, SpadeVAE
from sceneswap.tensors import to_photos

OnTile: TypeAlias = Callable[[int, int], None]
"""Called after every tile with the number of tiles done and of all of them."""

_Read: TypeAlias = Callable[[Box], Tensor]

SIDES = {"cpu": 192, "cuda": 768, "mps": 384}
"""Positions of a tile's side at the finest scale: small enough for a processor's caches, large enough for a GPU."""

_SUMMARY_SIDE = 512  # pixels of the tiles that the masking score is gathered from
_TIMED = 256  # pixels of the side of the part that `estimate` draws
# How far a result depends on what lies around, in positions: a convolution of its own and those of its modulation.
_START_RIM, _INNER_RIM, _BLOCK_RIM, _IMAGE_RIM = 1, 3, 4, 5


def draw_tiled(
    network: Generator | SpadeVAE,
    label_map: Tensor,
    exemplars: Exemplar | Latent,
    weights: Tensor,
    on_tile: OnTile = lambda done, total: None,
) -> NDArray[np.uint8]:
    """Draw a label map (H, W), int16 on the CPU, in the mixed look of J exemplars: a photo (H, W, 3) uint8.

    exemplars, weights: as `mixing.draw_mixed` takes them; weights (1,) of one exemplar. Weights (J, H, W) stay where they
    are. H and W are multiples of the network's stride. Raises `UserError` when the disk cannot hold the activations.
    """
    exemplars, weights = used(exemplars, weights)
    size = (label_map.shape[0], label_map.shape[1])
    count = _Count(on_tile, _steps(network, size))
    conditions = _Conditions(network, label_map, exemplars, weights, count)
    start = None
    if isinstance(network, SpadeVAE):
        latent = mixed_latent(cast(Latent, exemplars), weights.to(conditions.device))
        start = network.start(latent.mean, conditions.size(len(network.synthesis.blocks) - 1))
    return _Ladder(network, conditions, count).draw(start)


def disk_bytes(network: Generator | SpadeVAE, size: tuple[int, int]) -> int:
    """What `draw_tiled` of `size` (height, width) keeps of activations at most at one time, in memory and on the disk."""
    ladder = _ladder(network.synthesis)
    channels = [
        (ladder[0][0], network.synthesis.start.out_channels),
        *((i, _outputs(block)) for i, block in ladder[:-1]),
    ]
    kept = [store_bytes(count, _at(size, scale)) for scale, count in channels]
    return max(a + b for a, b in pairwise([0, *kept]))  # what a block reads, and what it writes


class Effort(NamedTuple):
    """What `draw_tiled` will take. seconds: as long as the machine goes on as it does. bytes: on the disk, at most."""

    seconds: float
    bytes: int


def estimate(network: Generator | SpadeVAE, label_map: Tensor, exemplars: Exemplar | Latent, weights: Tensor) -> Effort:
    """Measure the effort of `draw_tiled` by drawing a small part from the middle of the label map."""
    size = (label_map.shape[0], label_map.shape[1])
    height, width = (min(side, _TIMED) for side in size)
    top, left = ((size[0] - height) // 2, (size[1] - width) // 2)
    part = label_map[top : top + height, left : left + width]
    few = weights if weights.ndim == 1 else weights[:, top : top + height, left : left + width]
    start = time.perf_counter()
    draw_tiled(network, part, exemplars, few)
    seconds = (time.perf_counter() - start) * (size[0] * size[1]) / (height * width)
    return Effort(seconds, disk_bytes(network, size))


class _Count:
    def __init__(self, on_tile: OnTile, total: int) -> None:
        self._on_tile, self._total, self._done = on_tile, total, 0

    def of(self, tiles: Iterator[Box]) -> Iterator[Box]:
        """The tiles, each counted when it is done."""
        for tile in tiles:
            yield tile
            self._done += 1
            self._on_tile(self._done, self._total)


class _Conditions:
    """What the ladder reads in any box of any scale: concat[F_x1, F_c1], and noise."""

    def __init__(
        self,
        network: Generator | SpadeVAE,
        label_map: Tensor,
        exemplars: Exemplar | Latent,
        weights: Tensor,
        count: _Count,
    ) -> None:
        self._network, self._label_map = network, label_map
        self._exemplars, self._weights = exemplars, weights
        self.device = _device(network)
        self._summaries = self._gathered(count) if isinstance(network, Generator) else []

    def size(self, scale: int) -> tuple[int, int]:
        """(height, width) of a scale."""
        return _at((self._label_map.shape[0], self._label_map.shape[1]), scale)

    def __call__(self, scale: int, box: Box) -> Tensor:
        """(1, N + M1 + noise, h, w) in a box of a scale."""
        condition = self._network.target_encoder.part(self._label_map, scale, box)
        if isinstance(self._network, Generator):
            (condition,) = join([self._moved(self._network, scale, condition, box)], [condition])
        noise = self._network.synthesis.noise
        return condition if noise is None else torch.cat([condition, noise(condition, box.top, box.left)], dim=1)

    def _moved(self, network: Generator, scale: int, labels: Tensor, box: Box) -> Tensor:
        """F_x1 (1, N, h, w) in a box of a scale."""
        layer, gathered = network.layers[scale], cast(Exemplar, self._exemplars).scales[scale]
        summary = self._summaries[scale]
        if len(self._weights) == 1:
            return layer(labels, gathered, summary)
        weights = self._weights
        if weights.ndim > 1:
            weights = box.times(2**scale).cut(weights, Box.of(self.size(0)))
        return mixed_transfer(layer, labels, gathered, weights.to(self.device), summary)

    def _gathered(self, count: _Count) -> list[Tensor]:
        """GAP F_c1 (1, M1) float32 of every scale, of the whole label map."""
        encoder, whole = self._network.target_encoder, self.size(0)
        sums = [Moments() for _ in encoder.convolutions]
        for tile in count.of(boxes(whole, _SUMMARY_SIDE)):
            wide = tile.grown(2 * self._network.stride, whole)  # features of the coarsest scale see one position around
            labels = wide.cut(self._label_map, Box.of(whole)).to(self.device).long()
            for scale, (features, mean) in enumerate(zip(encoder(labels[None]), sums, strict=True)):
                mean.add(tile.over(2**scale).cut(features, wide.over(2**scale)))
        return [mean.mean.flatten(1).float() for mean in sums]


class _Ladder:
    """`SpadeSynthesis` tile by tile."""

    def __init__(self, network: Generator | SpadeVAE, conditions: _Conditions, count: _Count) -> None:
        self._synthesis, self._conditions, self._count = network.synthesis, conditions, count
        kind = conditions.device.type
        self._dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else torch.float32

    def draw(self, start: Tensor | None) -> NDArray[np.uint8]:
        """The photo (H, W, 3) uint8; start: see `SpadeSynthesis.forward`."""
        ladder = _ladder(self._synthesis)
        scale, _ = ladder[0]
        read = self._same(self._start(scale, start))
        for number, (scale, block) in enumerate(ladder[:-1]):
            store = Store(_outputs(block), self._conditions.size(scale))
            for tile, part in self._through(block, scale, read, _BLOCK_RIM):
                store.write(tile, part)
            read = self._same(store) if ladder[number + 1][0] == scale else self._enlarged(store)
        photo = np.empty((*self._conditions.size(0), 3), np.uint8)
        for tile, part in self._through(ladder[-1][1], 0, read, _IMAGE_RIM):
            photo[tile.top : tile.bottom, tile.left : tile.right] = to_photos(part)[0]
        return photo

    def _start(self, scale: int, start: Tensor | None) -> Store:
        size = self._conditions.size(scale)
        store = Store(self._synthesis.start.out_channels, size)
        for tile in self._count.of(_tiles(size, scale, self._conditions.device)):
            wide = tile.grown(_START_RIM, size)
            part = tile.cut(self._synthesis.start(self._conditions(scale, wide)), wide)
            store.write(tile, part if start is None else part + tile.cut(start, Box.of(size)))
        return store

    def _through(self, block: SpadeBlock, scale: int, read: _Read, rim: int) -> Iterator[tuple[Box, Tensor]]:
        """Every tile with what a block makes of it; with the rim for it, the part of the image."""
        size = self._conditions.size(scale)
        normalise = self._statistics(block, scale, read)
        for tile in self._count.of(_tiles(size, scale, self._conditions.device)):
            wide = tile.grown(rim, size)
            part = block(read(wide), self._conditions(scale, wide), normalise)
            if rim == _IMAGE_RIM:
                part = torch.tanh(self._synthesis.to_image(F.leaky_relu(part, 0.2)))
            yield tile, tile.cut(part, wide)

    def _statistics(self, block: SpadeBlock, scale: int, read: _Read) -> tuple[Normalise, Normalise]:
        """The two normalisations of a block, with the statistics of the whole picture."""
        if not _needs_statistics(block):
            return block.normalisation_0, block.normalisation_1
        size, outer, inner = self._conditions.size(scale), Moments(), Moments()
        for tile in _tiles(size, scale, self._conditions.device):
            outer.add(read(tile))
        for tile in self._count.of(_tiles(size, scale, self._conditions.device)):
            wide = tile.grown(_INNER_RIM, size)
            inner.add(tile.cut(block.inner(read(wide), self._conditions(scale, wide), outer.normalise), wide))
        return outer.normalise, inner.normalise

    def _same(self, store: Store) -> _Read:
        return lambda box: store.read(box, self._conditions.device).to(self._dtype)

    def _enlarged(self, store: Store) -> _Read:
        """Reads of a store at twice its size, as the ladder enlarges between its scales."""

        def read(box: Box) -> Tensor:
            below = box.halved().grown(1, store.size)
            part = store.read(below, self._conditions.device).to(self._dtype)
            return box.cut(F.interpolate(part, scale_factor=2, mode=self._synthesis.upsampling), below.times(2))

        return read


def _ladder(synthesis: SpadeSynthesis) -> list[tuple[int, SpadeBlock]]:
    """All blocks with their scales, in the order in which they draw."""
    coarsest = len(synthesis.blocks) - 1
    ladder = [(coarsest, block) for block in synthesis.middle]
    for scale in range(coarsest, -1, -1):
        more = cast(nn.ModuleList, synthesis.extra[scale])
        ladder += [(scale, block) for block in (synthesis.blocks[scale], *more)]
    return cast(list[tuple[int, SpadeBlock]], ladder)


def _needs_statistics(block: SpadeBlock) -> bool:
    return isinstance(block.normalisation_0, InstanceNorm)


def _outputs(block: SpadeBlock) -> int:
    return cast(nn.Conv2d, block.convolution_1).out_channels


def _device(network: Generator | SpadeVAE) -> torch.device:
    return network.target_encoder.embedding.weight.device


def _at(size: tuple[int, int], scale: int) -> tuple[int, int]:
    return size[0] >> scale, size[1] >> scale


def _tiles(size: tuple[int, int], scale: int, device: torch.device) -> Iterator[Box]:
    """Tiles of a scale: coarse ones have many channels, but also see much of the label map."""
    third = SIDES[device.type] // 3
    return boxes(size, third * max(1, 3 - scale))


def _steps(network: Generator | SpadeVAE, size: tuple[int, int]) -> int:
    """The tiles that `draw_tiled` goes through."""
    ladder, device = _ladder(network.synthesis), _device(network)
    passes = [(ladder[0][0], 1), *((scale, 1 + _needs_statistics(block)) for scale, block in ladder)]
    tiles = sum(count * sum(1 for _ in _tiles(_at(size, scale), scale, device)) for scale, count in passes)
    return tiles + (sum(1 for _ in boxes(size, _SUMMARY_SIDE)) if isinstance(network, Generator) else 0)
