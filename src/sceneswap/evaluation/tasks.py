"""The tasks: each a list of pairs, the metrics for it, the methods that set its scale, and its protocol."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from sceneswap.errors import UserError
from sceneswap.evaluation import pairs as p
from sceneswap.evaluation.methods import CLASS_MEAN, COPY, GREY, PHOTOGRAPH, Method
from sceneswap.evaluation.metrics import fid as frechet
from sceneswap.evaluation.metrics import layout, nearest, reconstruction, style
from sceneswap.evaluation.metrics.identification import Identification
from sceneswap.evaluation.metrics.metric import Features, Metric, Scorer, describe
from sceneswap.evaluation.protocol import protocol
from sceneswap.files import sha256
from sceneswap.inference.segmentation import Segmenter, load_segmenter
from sceneswap.models.pretrained.inception import INCEPTION_WEIGHTS, load_inception
from sceneswap.models.pretrained.lpips import LPIPS, LPIPS_WEIGHTS, load_lpips
from sceneswap.models.pretrained.vgg import VGG19, VGG19_WEIGHTS, load_vgg19
from sceneswap.models.pretrained.weights import Weights

N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True)
class Task:
    """What is drawn and how it is measured.

    baselines: trivial methods, when asked for. references: methods that are always measured too. scenes: of the folders,
    for the swapping figure; None for tasks that have none.
    """

    name: str
    title: str
    lead: str
    pairs: p.Pairs
    scorer: Scorer
    protocol: dict[str, Any]
    baselines: tuple[Method, ...]
    references: tuple[Method, ...] = ()
    scenes: p.Scenes | None = None


@dataclass
class Extractors:
    """The feature networks, loaded when a task asks for them. Each path falls back to its environment variable.

    hashes: network → SHA-256 of its weights, of those loaded so far. Each method raises `UserError` when a network's
    weights cannot be had: nothing is ever measured with random ones.
    """

    device: torch.device
    vgg19_file: Path | None = None
    lpips_file: Path | None = None
    inception_file: Path | None = None
    segmenter_name: str | None = None
    hashes: dict[str, str] = field(default_factory=dict)

    def vgg19(self, taps: int = 2) -> VGG19:
        """VGG-19 up to relu2_1, or to a later tap."""
        return self._loaded("VGG-19", VGG19_WEIGHTS, self.vgg19_file, partial(load_vgg19, taps=taps))

    def lpips(self) -> LPIPS:
        """LPIPS v0.1 with AlexNet."""
        return self._loaded("LPIPS", LPIPS_WEIGHTS, self.lpips_file, load_lpips)

    def inception(self) -> Features:
        """The Inception network of FID."""
        return self._loaded("Inception (FID)", INCEPTION_WEIGHTS, self.inception_file, load_inception)

    def segmenter(self) -> Segmenter:
        """The network that names the classes in a picture."""
        network = load_segmenter(self.segmenter_name, device=self.device)
        self.hashes["segmenter"] = network.sha256
        return network

    def _loaded(self, name: str, weights: Weights, given: Path | None, load: Callable[[Path], N]) -> N:
        path = weights.path(given)
        network = load(path)
        self.hashes[name] = sha256(path)
        return network.to(self.device)


def swap_task(
    scenes: p.Scenes, count: int, seed: int, networks: Extractors,
    *, locations: int | None = None, identify: bool = False,
) -> Task:  # fmt: skip
    """Style swapping, the paper's table 1 (supplement §3).

    locations: see `nearest.metrics`. identify: ask also whether the exemplar can be told from others.
    """
    pairs = p.random_pairs(scenes, count, seed)
    vgg = networks.vgg19()
    metrics = [style.metric(vgg), *nearest.metrics(vgg, locations)]
    if identify:
        metrics += _identification(scenes, pairs, vgg, networks).metrics()
    return _task(
        "swap", "Style swapping",
        "Random pairs of a layout and an exemplar of another scene; how near is the style of the drawing to the exemplar's?",
        pairs, scenes, networks, metrics,
    )  # fmt: skip


def own_task(scenes: p.Scenes, count: int, seed: int, networks: Extractors, *, mirrored: bool) -> Task:
    """Duplicating, or mirroring: the exemplar is the target's own photograph, or its mirror image."""
    name, what = ("mirror", "mirror image") if mirrored else ("duplicate", "own photograph")
    return _task(
        name, "Mirroring" if mirrored else "Duplicating",
        f"The exemplar is the target's {what}; the true picture is the target's photograph.",
        p.own_pairs(scenes, count, seed, mirrored=mirrored), scenes, networks,
        reconstruction.metrics(networks.lpips()), fid=True,
    )  # fmt: skip


def retrieve_task(scenes: p.Scenes, count: int, seed: int, networks: Extractors) -> Task:
    """Retrieving: the exemplar is one of the most similar other scenes, not the top few."""
    return _task(
        "retrieve", "Retrieving",
        "The exemplar is a random one of the scenes most similar by their classes; there is no true picture, only FID.",
        p.retrieved_pairs(scenes, count, seed), scenes, networks, [], fid=True,
    )  # fmt: skip


def known_answer_task(count: int, size: int, seed: int, networks: Extractors) -> Task:
    """Procedural swaps against the true picture."""
    pairs = p.ProceduralPairs(count, size, seed)
    metrics = reconstruction.metrics(networks.lpips())
    return Task(
        "known-answer", "Known answers",
        "The procedural renderer draws layout A under look B, so the true picture of every swap exists.",
        pairs, Scorer(metrics, networks.device),
        protocol("known-answer", pairs, size, metrics=describe(metrics), extractors=networks.hashes),
        baselines=(COPY, GREY, CLASS_MEAN), references=(PHOTOGRAPH,),
    )  # fmt: skip


def layout_task(
    scenes: p.Scenes, count: int, seed: int, networks: Extractors, *, identify: bool = True, fid: bool = False
) -> Task:
    """Does the drawing hold its layout, and does it neither copy nor ignore its exemplar?

    identify: ask whether the exemplar can be told from others. fid: measure also FID.
    """
    pairs = p.random_pairs(scenes, count, seed)
    metrics = layout.metrics(networks.segmenter(), scenes.schema)
    if identify:
        metrics += _identification(scenes, pairs, networks.vgg19(), networks).metrics()
    return _task(
        "layout", "Layout, copying, ignoring",
        "Does a segmentation of the drawing find the classes of its label map, and can its exemplar be told from others?",
        pairs, scenes, networks, metrics,
        references=(PHOTOGRAPH,), fid=fid,
    )  # fmt: skip


def _identification(scenes: p.Scenes, pairs: p.FolderPairs, vgg: VGG19, networks: Extractors) -> Identification:
    if len(scenes) < 3:
        raise UserError(f"{scenes.roots[0]} holds {len(scenes)} scenes; this task needs 3: name more with --data")
    return Identification(vgg, networks.vgg19(taps=4), scenes, pairs.chosen, pairs.seed)


def _task(
    name: str, title: str, lead: str, pairs: p.FolderPairs, scenes: p.Scenes, networks: Extractors,
    metrics: Sequence[Metric], *, references: tuple[Method, ...] = (), fid: bool = False,
) -> Task:  # fmt: skip
    features = networks.inception() if fid else None
    definitions = dict(describe(metrics))
    if fid:
        definitions["FID"] = frechet.definition(len(pairs))
        references = (PHOTOGRAPH, *(r for r in references if r is not PHOTOGRAPH))
    record = protocol(name, pairs, scenes.size, metrics=definitions, extractors=networks.hashes)
    scorer = Scorer(metrics, networks.device, features)
    return Task(name, title, lead, pairs, scorer, record, (COPY, CLASS_MEAN), references, scenes)
