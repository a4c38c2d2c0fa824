"""Options that several commands take, each declared once."""

import errno
import functools
import inspect
import os
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from sceneswap.bounds import Between, LongSide, Percent, Seed, Workers, check_options
from sceneswap.bounds import Count as Count
from sceneswap.bounds import Share as Share
from sceneswap.bounds import Weight as Weight
from sceneswap.errors import UserError
from sceneswap.files import reading_error
from sceneswap.remote import place

if TYPE_CHECKING:
    from sceneswap.engines.on_ray import RayEngine
    from sceneswap.inference.synthesizer import Synthesizer
    from sceneswap.jobs.reader import SceneReader

Place = Annotated[
    Path,
    tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar="PATH",
        instance_from_str=lambda words: place(words[0]),
        is_instance=lambda given: isinstance(given, Path) or hasattr(given, "relative_to"),
        str_from_instance=lambda given: [str(given)],
    ),
]
"""A file or folder, also in an object store: s3://bucket/folder."""

Device = Annotated[str, tyro.conf.arg(metavar="auto|cpu|cuda|cuda:N|mps")]

_FOLDERS = tyro.conf.arg(metavar="DIR ...", help="Folders with images/, labels/ and schema.toml.")
DataFolders = Annotated[tuple[Path, ...], _FOLDERS]
RepeatedFolders = Annotated[tyro.conf.UseAppendAction[tuple[tuple[Path, ...], ...]], _FOLDERS]
Quality = Annotated[Percent, tyro.conf.arg(help="Of jpg and webp, 1 to 100.")]
BatchSize = Annotated[
    int, Between(1, 1024), tyro.conf.arg(help="The most pictures drawn at once: 1 for a processor, more for a GPU.")
]
Jobs = Annotated[
    Workers,
    tyro.conf.arg(aliases=["-j"], help="Pictures worked at at once; they share the processor's threads."),
]


def must_exist(*paths: Path | None) -> None:
    """Raise `UserError` for the first file or folder that is not there. Called before PyTorch is loaded, which takes long."""
    for path in paths:
        if path is not None and not os.path.lexists(path):
            raise reading_error(path, FileNotFoundError(errno.ENOENT, "does not exist"))


def compute_with(threads: int | None) -> None:
    """Make PyTorch compute with the number of threads that is asked for; None: with its own choice."""
    if threads is not None:
        import torch

        torch.set_num_threads(threads)


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """Which model, and where it runs."""

    model: str | None = None
    """A model folder, a name such as outdoor-small, or a hub id; the model that comes with the package by default."""
    device: Device = "auto"
    """auto takes a GPU where there is one."""
    threads: Workers | None = None
    """Threads of the processor to compute with; as many as it has cores by default."""

    def __post_init__(self) -> None:
        """Refuse a model that is not there, before PyTorch is loaded."""
        if self.model is not None:
            from sceneswap.inference import hub

            hub.local(self.model)

    def open(self) -> "Synthesizer":
        """Open the model."""
        from sceneswap.inference.synthesizer import Synthesizer

        compute_with(self.threads)
        return Synthesizer.from_pretrained(self.model, device=self.device)


@dataclass(frozen=True, kw_only=True)
class LabellerOptions(ModelOptions):
    """Which model, where it runs, and what estimates label maps."""

    segmenter: str | None = None
    """A network to estimate label maps with instead of the model: a transformers folder or Hugging Face id
    (pip install 'sceneswap[segmenter]'), or a safetensors file of DeepLabV3+ for ADE20K."""


@dataclass(frozen=True, kw_only=True)
class DrawingOptions(LabellerOptions):
    """How files are read and pictures drawn."""

    schema: str | None = None
    """What the label maps hold: a preset or schema file; the model's own by default."""
    long_side: LongSide | None = None
    """Longer side of the pictures in pixels, never more than the layout's; 512 for photographs by default."""
    precision: Literal["fp32", "bf16", "auto"] = "fp32"
    """bf16 is faster on many machines and hardly different; auto takes it where the machine computes in it."""

    def reader(self, *, fit: bool = False) -> "SceneReader":
        """Open the model, with what reads files for it; fit: bring all layouts to the size of photographs by default."""
        from sceneswap.inference.reading import PHOTO_SIDE
        from sceneswap.inference.synthesizer import Synthesizer
        from sceneswap.jobs.reader import SceneReader
        from sceneswap.labels.presets import load_schema

        schema = load_schema(self.schema) if self.schema else None
        compute_with(self.threads)
        synthesizer = Synthesizer.from_pretrained(self.model, device=self.device, precision=self.precision)
        side = PHOTO_SIDE if fit and self.long_side is None else self.long_side
        return SceneReader(synthesizer, self.segmenter, long_side=side, schema=schema)


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """Where the work is done."""

    engine: Literal["local", "ray"] = "local"
    """ray: on the nodes of a Ray cluster (pip install 'sceneswap[ray]')."""
    address: str | None = None
    """With --engine ray: host:port of the cluster; auto, the default, finds that of this machine; local starts one for the
    command."""
    actors: Workers | None = None
    """With --engine ray: processes that hold the model; as many as the cluster has room for by default."""

    def __post_init__(self) -> None:
        """Refuse a cluster that is not there, before PyTorch is loaded."""
        if self.engine == "ray":
            from sceneswap.engines.ray_cluster import check_cluster

            check_cluster(self.address or "auto")
        elif self.address is not None or self.actors is not None:
            raise UserError("--address and --actors belong to --engine ray; add it, or leave them out")

    def on_ray(self, options: "ModelOptions | MeasuringOptions", jobs: int = 1) -> "RayEngine | None":
        """The Ray engine if that is asked for. options: device and threads, of every actor. jobs: items at once in each."""
        if self.engine != "ray":
            return None
        from sceneswap.engines.on_ray import RayEngine

        gpus = None if options.device == "auto" else float(options.device.startswith("cuda"))
        return RayEngine(self.address or "auto", self.actors, options.threads or 1, gpus, jobs)


@dataclass(frozen=True, kw_only=True)
class MeasuringOptions:
    """What every task of an evaluation asks for."""

    out: Path
    """Folder for results.json, index.html, figures/ and every pair's numbers; an interrupted evaluation goes on there."""
    model: Annotated[
        tyro.conf.UseAppendAction[tuple[tuple[str, ...], ...]], tyro.conf.arg(metavar="NAME=PATH ...")
    ] = ()
    """Models: a name for the table and a model folder or hub id. The model that comes with the package if none is named."""
    baselines: bool = False
    """Measure trivial methods too: a copy of the exemplar, every class filled with its mean colour."""
    size: Annotated[int, Between(64, 4096)] = 256
    """Side in pixels to which whole pictures are resized."""
    seed: Seed = 0
    """Chooses the pairs."""
    device: Device = "auto"
    """auto takes a GPU where there is one."""
    threads: Workers | None = None
    """Threads of the processor to compute with; as many as it has cores by default."""
    batch_size: Annotated[int, Between(1, 1024)] = 8
    """Pairs drawn and measured at once."""
    vgg19: Path | None = None
    """VGG-19 weights (safetensors); else SCENESWAP_VGG19, else downloaded once and hash-checked."""

    def open(self) -> dict[str, "Synthesizer"]:
        """Open the models by name. Raises `UserError` for one that is no NAME=PATH or named twice."""
        from sceneswap.inference.synthesizer import Synthesizer

        named: dict[str, str | None] = {}
        for entry in (entry for group in self.model for entry in group):
            name, _, path = entry.partition("=")
            if not name.strip() or not path:
                raise UserError(f"--model {entry}: give a name and a model folder, such as ours=models/first")
            if name in named:
                raise UserError(f"two models are named {name!r}; give each --model another name")
            named[name] = path
        compute_with(self.threads)
        models = (named or {"shipped": None}).items()
        return {n: Synthesizer.from_pretrained(path, device=self.device, vgg19=self.vgg19) for n, path in models}


@dataclass(frozen=True, kw_only=True)
class FolderOptions(MeasuringOptions):
    """What a task on folders of scenes asks for."""

    data: RepeatedFolders
    schema: str | None = None
    """Classes to evaluate in; by default the data's own, or the first model's when folders differ."""

    @property
    def folders(self) -> list[Path]:
        """All that --data names."""
        return [root for group in self.data for root in group]


def within_bounds(command: Callable[..., None]) -> Callable[..., None]:
    """`command`, refusing with `UserError` numbers outside of the bounds that the types of its options name."""
    hints = typing.get_type_hints(command, include_extras=True)

    @functools.wraps(command)
    def checked(*arguments: Any, **options: Any) -> None:
        check_options(inspect.signature(command).bind(*arguments, **options).arguments, hints)
        command(*arguments, **options)

    return checked
