"""Training batches: an endless stream of scenes that is a pure function of (seed, position).

Scene k of the stream is element k mod n of a permutation of the n scenes drawn from (seed, epoch k // n); every random
choice about it (window, flip, jitter, patches) is drawn from (seed, k). So the whole state of the loader is one
integer, a resumed run sees what the unbroken one would have seen, and neither the number of workers nor the number of
processes changes a single pixel.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sceneswap.config import Geometry, PhaseTask
from sceneswap.data.patches import disjoint_pair, free_crop, large_crop_size, patch_size
from sceneswap.data.transforms import crop, flip, jitter_color, resize, resize_short_side, sample_jitter
from sceneswap.errors import UserError
from sceneswap.scene import Scene, SceneSource

_ORDER, _SAMPLE = 0, 1  # keep the random numbers of permutations and of samples apart


@dataclass(frozen=True)
class Sampling:
    """How a training phase turns one scene into entries of a batch (supplement §7).

    task "patch": two disjoint patches of S/2, each the exemplar of the other. task "global": two free crops of 3S/4
    resized to S/2, each the exemplar of the other, and the whole S × S window resized to S/2, its own exemplar. task
    "swap": as "patch", but the second patch is drawn after the first patch of the next scene, without a true answer. task
    "whole": as "swap", with the whole window and its mirror image in place of the patches.
    image_size: S in pixels, a multiple of 32. batch_size: scenes per batch and process. jitter_gain, jitter_shift:
    half-widths of the colour jitter that all entries of a scene share (gain 1 ± jitter_gain, shift ± jitter_shift on
    the [-1, 1] scale). geometry: the S × S picture is a "window" at a random place of the photograph, resized to a short
    side of S; or the "whole" photograph resized to it, whatever its aspect. What is possible, `config` says.
    """

    task: PhaseTask
    image_size: int
    batch_size: int
    flip: bool = True
    jitter_gain: float = 0.3
    jitter_shift: float = 0.25
    geometry: Geometry = "window"

    @property
    def swaps(self) -> bool:
        """Whether the second half of the batch is drawn after other scenes, without a true answer."""
        return self.task in ("swap", "whole")

    @property
    def entry_size(self) -> int:
        """Height and width of an entry of the batch: S pixels in the task "whole", else S/2."""
        return self.image_size if self.task == "whole" else patch_size(self.image_size)

    @property
    def entries_per_scene(self) -> int:
        """Entries of the batch that one scene becomes: 2 or 3."""
        return 3 if self.task == "global" else 2


@dataclass(frozen=True)
class Batch:
    """Entries of a training step. With b scenes: b patches p, b patches q of the same scenes, then (global) b wholes.

    image: (B, 3, H, W) float32 in [-1, 1], channels last in memory. label_map: (B, H, W) int64 class indices, void = C.
    exemplar: (B,) int64, entry n is reconstructed with entry exemplar[n] as its exemplar; p and q point at each other,
    wholes at themselves (self-reconstruction). known: the first `known` entries are to become their own image; the
    others are swaps, drawn after another scene, whose true picture nobody has. names: the file of each entry. own: the
    last `own` entries are their own exemplar. Where processes train together, images and label maps may go on after the
    entries with exemplars alone: patches of scenes that another process draws.
    """

    image: Tensor
    label_map: Tensor
    exemplar: Tensor
    names: tuple[str, ...]
    known: int
    own: int = 0

    @property
    def entries(self) -> int:
        """B, the number of entries that are drawn."""
        return len(self.exemplar)

    def to(self, device: torch.device | str) -> "Batch":
        """Return the batch on `device`; to a CUDA device from pinned memory, so that the copy waits for nothing."""
        cuda = torch.device(device).type == "cuda"

        def moved(x: Tensor) -> Tensor:
            return x.pin_memory().to(device, non_blocking=True) if cuda else x.to(device)

        return replace(self, image=moved(self.image), label_map=moved(self.label_map), exemplar=moved(self.exemplar))


def sample_entries(dataset: SceneSource, sampling: Sampling, seed: int, k: int) -> list[Scene]:
    """Return the entries of scene `k` of the stream: [p, q], or [p, q, whole] for the global task, each S/2 × S/2.

    The "global image" of supplement §7 is an S × S picture made of the photo as `Sampling.geometry` says, mirrored with
    probability 1/2. Window, mirroring and colour jitter are drawn once for all entries. A pure function of its arguments.
    """
    size = sampling.image_size
    rng = np.random.default_rng([seed, _SAMPLE, k])
    scene = dataset[_scene_index(len(dataset), seed, k)]
    scene = resize(scene, (size, size)) if sampling.geometry == "whole" else resize_short_side(scene, size)
    window = crop(scene, free_crop(rng, scene.size, (size, size)))
    if rng.random() < 0.5 and sampling.flip:
        window = flip(window)
    gain, shift = sample_jitter(rng, sampling.jitter_gain, sampling.jitter_shift)
    window = replace(window, photo=jitter_color(window.photo, gain, shift))

    entry = (sampling.entry_size, sampling.entry_size)
    if sampling.task == "whole":
        return [window, flip(window)]
    if sampling.task != "global":
        return [crop(window, box) for box in disjoint_pair(rng, window.size, entry)]
    large = (large_crop_size(size), large_crop_size(size))
    crops = [crop(window, free_crop(rng, window.size, large)) for _ in range(2)]
    return [resize(part, entry) for part in (*crops, window)]


def make_batch(entries: Sequence[Scene], exemplar: Sequence[int]) -> Batch:
    """Join scenes of one size to a `Batch` on the CPU; `exemplar[n]` is the entry that serves entry n as exemplar."""
    return _tensors(_join(entries), exemplar, tuple(entry.name for entry in entries), len(entries))


class BatchStream:
    """An endless iterator of training batches, resumable at any batch.

    dataset: scenes, at least one. position: scenes that all processes together have consumed. rank, world_size: this
    process takes its slice of every group of world_size · batch_size scenes, so that w processes with batch b see
    the scenes of one process with batch w·b. ring: scenes among which swaps go round, each after the next, the last after
    the first; those of all processes together unless given. workers: threads that prepare batches ahead (decoding and
    resizing run outside Python's lock); 0 prepares each batch when it is asked for. Close it, or use it in a `with` statement.
    Raises `UserError` for an empty data set, and whatever reading a scene raises, at the batch it belongs to.
    """

    def __init__(
        self,
        dataset: SceneSource,
        sampling: Sampling,
        *,
        seed: int,
        position: int = 0,
        rank: int = 0,
        world_size: int = 1,
        workers: int = 0,
        ring: int | None = None,
    ) -> None:
        if len(dataset) == 0:
            raise UserError("the data set has no scene; add photos and label maps")
        if not 0 <= rank < world_size:
            raise ValueError(f"rank {rank} of {world_size} processes")
        self.dataset, self.sampling = dataset, sampling
        self.rank, self.world_size, self.workers = rank, world_size, workers
        self._seed, self._position = seed, position
        self._ring = ring or self.scenes_per_step
        if sampling.swaps and self._ring < 2:
            raise UserError(f'the task "{sampling.task}" needs a batch_size of 2 or more')
        self._origin = position % self._ring  # a run that was replanned may stand anywhere
        self._executor: ThreadPoolExecutor | None = None
        self._ahead: deque[Future[_Prepared]] = deque()  # batches from `position` on, in order

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        """Return the batch at `position` and move on; when it fails, `position` stays."""
        try:
            entries, joined, exemplar = self._prepared()
        except BaseException:
            self.close()
            raise
        self._position += self.scenes_per_step
        known = len(exemplar) // 2 if self.sampling.swaps else len(exemplar)
        own = self.sampling.batch_size if self.sampling.task == "global" else 0
        return _tensors(joined, exemplar, tuple(entry.name for entry in entries), known, own)

    @property
    def position(self) -> int:
        """Scenes consumed by all processes together, by batches delivered, not by batches prepared ahead."""
        return self._position

    @property
    def scenes_per_step(self) -> int:
        """Scenes that one batch of every process takes together."""
        return self.sampling.batch_size * self.world_size

    def close(self) -> None:
        """Stop the workers and drop what they prepared. The stream can still be used; it starts them again."""
        self._ahead.clear()
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None

    def __enter__(self) -> "BatchStream":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _prepared(self) -> "_Prepared":
        """Return the batch at `position`, from the workers when there are any, and keep them busy."""
        if self.workers == 0:
            return self._prepare(self._first_scene(0))
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self.workers, thread_name_prefix="sceneswap-data")
        while len(self._ahead) <= 2 * self.workers:
            first = self._first_scene(len(self._ahead))
            self._ahead.append(self._executor.submit(self._prepare, first))
        return self._ahead.popleft().result()

    def _first_scene(self, batches_ahead: int) -> int:
        return self._position + batches_ahead * self.scenes_per_step + self.rank * self.sampling.batch_size

    def _prepare(self, first: int) -> "_Prepared":
        """The batch of the scenes from number `first` of the stream on."""
        n = self.sampling.batch_size
        scenes = [sample_entries(self.dataset, self.sampling, self._seed, first + i) for i in range(n)]
        entries = [entry for kind in zip(*scenes, strict=True) for entry in kind]  # all p, all q, all wholes
        if not self.sampling.swaps:
            exemplar = [
                *range(n, 2 * n),
                *range(n),
                *range(2 * n, len(entries)),
            ]  # p and q swap, wholes serve themselves
            return entries, _join(entries), exemplar
        after = [self._next(first + i) for i in range(n)]  # q is drawn after p of this scene
        foreign = [k for k in after if not first <= k < first + n]  # which another process draws
        entries += [sample_entries(self.dataset, self.sampling, self._seed, k)[0] for k in foreign]
        where = {k: k - first for k in after} | {k: 2 * n + i for i, k in enumerate(foreign)}
        return entries, _join(entries), [*range(n, 2 * n), *(where[k] for k in after)]

    def _next(self, k: int) -> int:
        """The scene of the stream that comes after scene `k` in its ring."""
        ring, at = divmod(k - self._origin, self._ring)
        return self._origin + ring * self._ring + (at + 1) % self._ring


# What a worker thread returns: the entries, their joined pixels, the exemplar of each. It stays clear of torch, whose CPU
# kernels would start a pool of threads of their own in every worker.
_Joined = tuple[NDArray[np.float32], NDArray[np.int64]]
_Prepared = tuple[list[Scene], _Joined, list[int]]


def _join(entries: Sequence[Scene]) -> _Joined:
    """Stack to (B, H, W, 3) in [-1, 1] and (B, H, W)."""
    height, width = entries[0].size
    photos = np.empty((len(entries), height, width, 3), np.float32)
    label_maps = np.empty((len(entries), height, width), np.int64)
    np.stack([entry.photo for entry in entries], out=photos)
    np.stack([entry.label_map for entry in entries], out=label_maps)
    photos /= 127.5
    photos -= 1
    return photos, label_maps


def _tensors(joined: _Joined, exemplar: Sequence[int], names: tuple[str, ...], known: int, own: int = 0) -> Batch:
    photos, label_maps = joined
    image = torch.from_numpy(photos).permute(0, 3, 1, 2)  # a view: channels last in memory
    return Batch(image, torch.from_numpy(label_maps), torch.tensor(exemplar, dtype=torch.int64), names, known, own)


@lru_cache(maxsize=8)
def _permutation(length: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, _ORDER, epoch]).permutation(length)


def _scene_index(length: int, seed: int, k: int) -> int:
    """Return which of `length` scenes is number `k` of the stream: every epoch is one permutation."""
    return int(_permutation(length, seed, k // length)[k % length])
