"""Which class does a network see in every pixel of a picture? Segmenters to read and to judge layouts with."""

import hashlib
import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from sceneswap.errors import UserError, first_line
from sceneswap.files import sha256
from sceneswap.inference.hub import HUB_ID, fetch
from sceneswap.labels.presets import PRESETS, load_schema
from sceneswap.labels.schema import LabelSchema
from sceneswap.models.pretrained.deeplab import SEGMENTER_WEIGHTS, SHIPPED, DeepLab, load_deeplab
from sceneswap.models.pretrained.weights import shipped_file
from sceneswap.scene import LabelMap

LONG_SIDE = 321
"""Pixels of the longer side at which the ADE20K network reads a picture."""

_CLASSES_AT_ONCE = 16
_FEWEST_NAMES = 0.5  # of a hub model's classes that one preset must know


@runtime_checkable
class Segmenter(Protocol):
    """A network that names a class per pixel.

    schema: its classes. description: what it is and how it reads pictures, for protocols. sha256: of its weights.
    """

    @property
    def schema(self) -> LabelSchema: ...

    @property
    def description(self) -> str: ...

    @property
    def sha256(self) -> str: ...

    def segment(self, images: Tensor) -> LabelMap:
        """Images (B, 3, H, W) in [0, 1] → (B, H, W) int16 class indices of `schema`, void = C."""
        ...


def load_segmenter(name: str | Path | None = None, *, device: torch.device | str = "cpu") -> Segmenter:
    """Return the segmenter `name`: a safetensors file, a transformers folder or hub id, None for SCENESWAP_SEGMENTER's.

    A file holds DeepLabV3+ with MobileNetV2 for ADE20K (see `models.pretrained.deeplab`). A folder or a hub id `org/name` holds
    a semantic segmentation model of transformers, whose classes must be those of a preset schema, by name.
    Raises `UserError` when none is named, or it is missing or does not fit.
    """
    found = SEGMENTER_WEIGHTS.named(name)
    path = Path(found)
    if path.is_dir() or not (isinstance(name, Path) or path.exists() or path.suffix or not HUB_ID.fullmatch(found)):
        return TransformersSegmenter(found, device)
    return DeepLabSegmenter(path, device)


def shipped_segmenter(device: torch.device | str = "cpu") -> Segmenter:
    """DeepLabV3+ for ADE20K with the int8 weights that the package carries: what reads photographs by default."""
    with shipped_file(SHIPPED) as path:
        return DeepLabSegmenter(path, device)


def agreement(predicted: LabelMap, label_map: LabelMap, void: int) -> tuple[int, int]:
    """Return (correct, counted) pixels of a prediction against a label map; pixels that are `void` there do not count."""
    counted = np.asarray(label_map) != void
    return int((np.asarray(predicted) == label_map)[counted].sum()), int(counted.sum())


class DeepLabSegmenter:
    """DeepLabV3+ with MobileNetV2 from a safetensors file; it never answers "other" or void."""

    def __init__(self, path: Path, device: torch.device | str = "cpu") -> None:
        self.network: DeepLab = load_deeplab(path).to(device)
        self.device = torch.device(device)
        self.schema = load_schema("ade20k-150")
        self.sha256 = sha256(path)
        self.description = (
            f"DeepLabV3+ (MobileNetV2, ADE20K), aspect kept, long side {LONG_SIDE}, antialiased bilinear, "
            "logits enlarged bilinearly, void never answered"
        )

    @torch.no_grad()
    def segment(self, images: Tensor) -> LabelMap:
        """Images (B, 3, H, W) in [0, 1] → (B, H, W) int16 indices of ADE20K's 150 classes."""
        size = images.shape[-2:]
        x = F.interpolate(images.to(self.device), size=working_size(*size), mode="bilinear", antialias=True)
        logits = self.network(x.clamp(0, 1) * 2 - 1)[:, 1:]
        return classes_at(logits, size)


def working_size(height: int, width: int) -> tuple[int, int]:
    """The sides (8k + 1, at least 9) nearest to the picture scaled to a long side of 321 pixels."""
    scale = (LONG_SIDE - 1) / max(height, width)
    return 8 * max(1, round(height * scale / 8)) + 1, 8 * max(1, round(width * scale / 8)) + 1


class TransformersSegmenter:
    """A semantic segmentation model of the transformers library, its classes brought to a preset schema by name."""

    def __init__(self, name: str, device: torch.device | str = "cpu") -> None:
        try:
            transformers = import_module("transformers")
        except ImportError:
            raise UserError(
                f"the segmenter {name} needs the package transformers; install it with: pip install 'sceneswap[segmenter]'"
            ) from None
        folder = Path(name) if Path(name).is_dir() else fetch(name, None, ("*.json", "*.safetensors"))
        try:
            self._processor = transformers.AutoImageProcessor.from_pretrained(folder, use_fast=False)
            network: Any = transformers.AutoModelForSemanticSegmentation
            self._network: Any = network.from_pretrained(folder, use_safetensors=True).to(device).eval()
        except Exception as error:  # of whatever the library makes of strangers' files
            raise UserError(f"the segmenter {name} cannot be loaded: {first_line(error)}") from error
        self.device = torch.device(device)
        self.schema, self._mapping = schema_of_names(self._network.config.id2label, name)
        self.sha256 = _state_hash(self._network)
        shown = Path(name).name if Path(name).is_dir() else name  # notes and pages name no path
        self.description = f"{shown} (transformers), its own preprocessing, logits enlarged bilinearly"

    @torch.no_grad()
    def segment(self, images: Tensor) -> LabelMap:
        """Images (B, 3, H, W) in [0, 1] → (B, H, W) int16 indices of `schema`; void where the class has none there."""
        photos = list((images.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy())
        inputs = self._processor(images=photos, return_tensors="pt").to(self.device)
        said = classes_at(self._network(**inputs).logits, images.shape[-2:])
        return self._mapping[said]


def schema_of_names(names: Mapping[Any, str], source: str) -> tuple[LabelSchema, NDArray[np.int16]]:
    """The preset schema that knows most of a network's class names, and network class → index there (void: unknown).

    names: class number → name. Raises `UserError` when no preset knows half of them.
    """
    ordered = [_plain(names[key]) for key in sorted(names, key=int)]

    def known(schema: LabelSchema) -> int:
        return len({_plain(name) for name in schema.names} & set(ordered))

    schema = max(map(load_schema, PRESETS), key=known)
    if known(schema) < _FEWEST_NAMES * len(ordered):
        raise UserError(
            f"the segmenter {source} names classes of no preset schema ({', '.join(ordered[:4])} …); "
            f"take one for ADE20K or COCO-Stuff"
        )
    index = {_plain(name): i for i, name in enumerate(schema.names)}
    return schema, np.array([index.get(name, schema.void_index) for name in ordered], dtype=np.int16)


def _plain(name: str) -> str:
    """The first of the synonyms in a class name, in lower case, words apart."""
    return re.sub(r"[\s_]+", " ", re.split(r"[;,]", name)[0].strip().lower())


def classes_at(logits: Tensor, size: tuple[int, int] | torch.Size) -> LabelMap:
    """Logits (B, C, h, w), resized bilinearly to `size` = (H, W) → the strongest class, (B, H, W) int16.

    A few classes at a time: 150 of them at the size of a picture would be the largest tensor of a whole swap.
    """
    best = logits.new_full((logits.shape[0], *size), -torch.inf, dtype=torch.float32)
    strongest = torch.zeros_like(best, dtype=torch.int16)
    for start in range(0, logits.shape[1], _CLASSES_AT_ONCE):
        some = logits[:, start : start + _CLASSES_AT_ONCE].float()
        value, index = F.interpolate(some, size=tuple(size), mode="bilinear", align_corners=False).max(dim=1)
        strongest = torch.where(value > best, (index + start).to(torch.int16), strongest)
        best = torch.maximum(best, value)
    return strongest.cpu().numpy()


def _state_hash(network: torch.nn.Module) -> str:
    """SHA-256 over the names and bytes of a network's tensors."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
