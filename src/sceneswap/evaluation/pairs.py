"""Which drawings are judged: pairs of a layout and an exemplar, from folders of scenes or from the procedural renderer."""

import hashlib
import json
import math
import threading
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sceneswap.data.folder import FolderDataset
from sceneswap.data.transforms import resize
from sceneswap.errors import UserError, encoded
from sceneswap.evaluation.similarity import histogram, intersection
from sceneswap.labels.presets import load_schema
from sceneswap.labels.schema import LabelSchema
from sceneswap.procedural.render import TEST_SEEDS, swap_pair
from sceneswap.scene import Photo, Scene

_CACHE_BYTES = 2**30
RETRIEVE_SHARE = 0.20
RETRIEVE_SKIP = 0.01


@dataclass(frozen=True)
class Sample:
    """One drawing to judge: the layout of `target` (a scene with its own photograph) in the look of `exemplar`.

    answer: the true picture, (H, W, 3) of the target's size, where there is one. similarity: label-histogram
    intersection of the two scenes, 0 … 1.
    """

    index: int
    target: Scene
    exemplar: Scene
    answer: Photo | None
    similarity: float


class Pairs(Protocol):
    """A fixed list of pairs. Equal `exemplar_key`s mean one exemplar; `record` goes into the protocol."""

    schema: LabelSchema

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Sample: ...
    def exemplar_key(self, index: int) -> Hashable: ...
    @property
    def record(self) -> dict[str, Any]: ...


class Scenes:
    """The scenes of folders, each whole picture resized to `size` × `size` pixels (its aspect is not kept).

    schema: of the label maps handed out. keep: in memory, up to 1 GiB, what has been read. Names are `folder/stem`. Safe to
    read from several threads.
    """

    def __init__(self, roots: Sequence[Path], size: int, schema: LabelSchema, keep: bool = True) -> None:
        self.roots, self.size, self.schema, self.keep = tuple(roots), size, schema, keep
        self._dataset = FolderDataset(self.roots, schema)
        self.files = self._dataset.files
        self.names = tuple(f"{path.parent.parent.name}/{path.stem}" for path in map(Path, self._dataset.names))
        self._kept: dict[int, Scene] = {}
        self._left = _CACHE_BYTES if keep else 0
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as the folders, which are read again where it arrives; what was kept in memory stays here."""
        return Scenes, (self.roots, self.size, self.schema, self.keep)

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int) -> Scene:
        if index not in self._kept:
            scene = replace(resize(self._dataset[index], (self.size, self.size)), name=self.names[index])
            with self._lock:
                self._left -= scene.photo.nbytes + scene.label_map.nbytes
                if self._left < 0:
                    return scene
                self._kept[index] = scene
        return self._kept[index]

    def histogram(self, index: int) -> NDArray[np.float64]:
        """The label histogram of a scene, (C,)."""
        return np.asarray(histogram(self[index].label_map, self.schema.num_classes))


class FolderPairs:
    """Pairs (layout, exemplar) of scenes, by index.

    mirrored: the exemplar's photograph and label map are mirrored left to right. answered: the target's own photograph
    is the true picture. rule: how the pairs were chosen, in words.
    """

    def __init__(
        self, scenes: Scenes, chosen: Sequence[tuple[int, int]], *, rule: str, seed: int,
        mirrored: bool = False, answered: bool = False,
    ) -> None:  # fmt: skip
        self.scenes, self.schema, self.chosen = scenes, scenes.schema, tuple(chosen)
        self.rule, self.seed, self.mirrored, self.answered = rule, seed, mirrored, answered

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, index: int) -> Sample:
        layout, look = self.chosen[index]
        target = self.scenes[layout]
        exemplar = target if look == layout else self.scenes[look]
        similarity = intersection(*(histogram(s.label_map, self.schema.num_classes) for s in (target, exemplar)))
        if self.mirrored:
            photo, label_map = np.fliplr(exemplar.photo), np.fliplr(exemplar.label_map)
            exemplar = Scene(photo.copy(), label_map.copy(), f"{exemplar.name} (mirrored)")
        return Sample(index, target, exemplar, target.photo if self.answered else None, float(similarity))

    def exemplar_key(self, index: int) -> int:
        return self.chosen[index][1]

    @property
    def record(self) -> dict[str, Any]:
        names = self.scenes.names
        listed = [f"{names[layout]}\t{names[look]}" for layout, look in self.chosen]
        return {"rule": self.rule, "count": len(self), "seed": self.seed, "sha256": _digest(listed)}


class ProceduralPairs:
    """Swaps of the procedural renderer, whose true pictures are known. seed: 0 is the first of the evaluation seeds.

    Raises `UserError` for a negative seed, whose scenes may have been trained on.
    """

    def __init__(self, count: int, size: int, seed: int) -> None:
        if seed < 0:
            raise UserError(f"--seed {seed}: give 0 or more; the renderer's scenes below that are for training")
        self.schema = load_schema("procedural")
        self.count, self.size, self.seed = count, size, seed
        self._kept: dict[int, Sample] = {}  # rendering is slower than most models
        self._room = _CACHE_BYTES // (size * size * 13)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < self.count:
            raise IndexError(f"pair {index} of {self.count}")
        if index not in self._kept:
            target, exemplar, answer = swap_pair(TEST_SEEDS + self.seed + index, (self.size, self.size))
            classes = self.schema.num_classes
            similarity = intersection(histogram(target.label_map, classes), histogram(exemplar.label_map, classes))
            sample = Sample(index, target, exemplar, answer, float(similarity))
            if len(self._kept) >= self._room:
                return sample
            self._kept[index] = sample
        return self._kept[index]

    def exemplar_key(self, index: int) -> int:
        return index

    @property
    def record(self) -> dict[str, Any]:
        first = TEST_SEEDS + self.seed
        seeds = [f"{2 * s}\t{2 * s + 1}" for s in range(first, first + self.count)]
        rule = "layout 2s under look 2s + 1 of the procedural renderer, s counted up from the first seed"
        return {"rule": rule, "count": self.count, "seed": self.seed, "first_seed": first, "sha256": _digest(seeds)}


def random_pairs(scenes: Scenes, count: int, seed: int) -> FolderPairs:
    """`count` different ordered pairs of two different scenes, uniformly at random; all of them when there are fewer."""
    _enough(scenes, 2)
    total = len(scenes) * (len(scenes) - 1)
    numbers = np.random.default_rng(seed).choice(total, size=min(count, total), replace=False)
    layouts, others = np.divmod(numbers, len(scenes) - 1)
    chosen = [(int(a), int(b + (b >= a))) for a, b in zip(layouts, others, strict=True)]
    return FolderPairs(scenes, chosen, rule="random ordered pairs of two different scenes, none twice", seed=seed)


def own_pairs(scenes: Scenes, count: int, seed: int, *, mirrored: bool) -> FolderPairs:
    """At most `count` scenes, each its own exemplar (`mirrored`: photograph and map flipped left to right)."""
    chosen = [(i, i) for i in _some(scenes, count, seed)]
    rule = "exemplar = the target's own scene" + (", photograph and label map mirrored left to right" * mirrored)
    return FolderPairs(scenes, chosen, rule=rule, seed=seed, mirrored=mirrored, answered=True)


def retrieved_pairs(scenes: Scenes, count: int, seed: int) -> FolderPairs:
    """At most `count` scenes, each with a random exemplar among its 20 % most similar other scenes, not the top few.

    The others are ranked by label-histogram intersection; the first 1 % of the ranking (at least one scene) is left out:
    it holds near-duplicates. Ties keep the data set's order.
    """
    _enough(scenes, 3)
    histograms = np.stack([scenes.histogram(i) for i in range(len(scenes))])
    rng = np.random.default_rng([seed, 1])
    chosen = []
    for i in _some(scenes, count, seed):
        similar = np.array([intersection(histograms[i], other) for other in histograms])
        similar[i] = -1
        ranking = np.argsort(-similar, kind="stable")[:-1]
        first, last = retrieval_ranks(len(ranking))
        chosen.append((i, int(ranking[rng.integers(first, last)])))
    rule = (
        f"exemplar = random among the {RETRIEVE_SHARE:.0%} of the other scenes most similar by label-histogram "
        f"intersection, without the first {RETRIEVE_SKIP:.0%} (at least 1)"
    )
    return FolderPairs(scenes, chosen, rule=rule, seed=seed)


def retrieval_ranks(others: int) -> tuple[int, int]:
    """The ranks [first, last) from which `retrieved_pairs` draws among `others` ≥ 2 scenes, most similar first."""
    first = max(1, math.ceil(RETRIEVE_SKIP * others))
    return first, max(first + 1, math.floor(RETRIEVE_SHARE * others))


def _some(scenes: Scenes, count: int, seed: int) -> list[int]:
    """At most `count` indices, at random, in order."""
    if count >= len(scenes):
        return list(range(len(scenes)))
    return sorted(np.random.default_rng(seed).choice(len(scenes), size=count, replace=False).tolist())


def _enough(scenes: Scenes, count: int) -> None:
    if len(scenes) < count:
        folders = ", ".join(map(str, scenes.roots))
        raise UserError(f"{folders} holds {len(scenes)} scene; this task needs at least {count}: name more with --data")


def _digest(lines: Sequence[str]) -> str:
    return hashlib.sha256(encoded(json.dumps(list(lines), ensure_ascii=False))).hexdigest()
