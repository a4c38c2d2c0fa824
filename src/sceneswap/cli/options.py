"""Options that several commands take, each declared once."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from sceneswap.errors import UserError

if TYPE_CHECKING:
    from sceneswap.inference.synthesizer import Synthesizer
    from sceneswap.jobs.reader import SceneReader

Device = Literal["auto", "cpu", "cuda", "mps"]

DataFolders = Annotated[
    tuple[Path, ...], tyro.conf.arg(metavar="DIR ...", help="Folders with images/, labels/ and schema.toml.")
]
BatchSize = Annotated[int, tyro.conf.arg(help="The most pictures drawn at once.")]


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """Which model, and where it runs."""

    model: str | None = None
    """A model folder or hub id; the model that comes with the package by default."""
    device: Device = "auto"
    """auto takes a GPU where there is one."""

    def open(self) -> "Synthesizer":
        """Open the model."""
        from sceneswap.inference.synthesizer import Synthesizer

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
    long_side: int | None = None
    """Longer side of the pictures in pixels, never more than the layout's; 512 for photographs by default."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """bf16 is faster on many machines and hardly different."""

    def reader(self, *, fit: bool = False) -> "SceneReader":
        """Open the model, with what reads files for it; fit: bring all layouts to the size of photographs by default."""
        from sceneswap.inference.synthesizer import Synthesizer
        from sceneswap.jobs.reader import PHOTO_SIDE, SceneReader
        from sceneswap.labels.presets import load_schema

        schema = load_schema(self.schema) if self.schema else None
        synthesizer = Synthesizer.from_pretrained(self.model, device=self.device, precision=self.precision)
        side = self.long_side or (PHOTO_SIDE if fit else None)
        return SceneReader(synthesizer, self.segmenter, long_side=side, schema=schema)


def at_least_one(**options: int | None) -> None:
    """Raise `UserError` naming the first option that is given and below 1."""
    for name, value in options.items():
        if value is not None and value < 1:
            raise UserError(f"--{name.replace('_', '-')} must be at least 1")
