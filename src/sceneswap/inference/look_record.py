"""What the file of a look says beside its numbers, whatever holds these: PyTorch's tensors or plain arrays."""

from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sceneswap.errors import UserError
from sceneswap.files import LOOK_SUFFIX, is_look
from sceneswap.inference.thumbnail import opened
from sceneswap.labels.presets import schema_from_dict
from sceneswap.labels.schema import LabelSchema
from sceneswap.remote import place

FORMAT = "sceneswap-look-1"
SHARES = "shares"  # the tensor of a file that is not the model's


@runtime_checkable
class Encoded(Protocol):
    """What all looks have, however they are held: `inference.look.Look`, or the look of an exported model. See there."""

    @property
    def name(self) -> str: ...
    @property
    def size(self) -> tuple[int, int]: ...
    @property
    def schema(self) -> LabelSchema: ...
    @property
    def model(self) -> str: ...
    @property
    def picture(self) -> str: ...
    @property
    def thumbnail(self) -> bytes: ...


def look_path(path: Path | str) -> Path:
    """The path to save a look to. Raises `UserError` unless it is named NAME.look.safetensors."""
    path = place(path)
    if not is_look(path):
        raise UserError(f"the look {path} must be named {path.stem}{LOOK_SUFFIX}: commands know looks by that")
    return path


def record_of(look: Encoded, kind: str, thumbnail: bool) -> dict[str, Any]:
    """The metadata of its file. kind: "values", or "latent" of the baseline SPADE_VAE. thumbnail: with it, if it has one."""
    small = {"thumbnail": b64encode(look.thumbnail).decode("ascii")} if thumbnail and look.thumbnail else {}
    return {
        "format": FORMAT,
        "kind": kind,
        "name": Path(look.name).name,  # in which folder it lay is nobody's business
        "size": list(look.size),
        "schema": look.schema.to_dict(),
        "model": look.model,
        "picture": look.picture,
        **small,
    }


def fields_of(meta: dict[str, Any], shares: NDArray[np.floating], source: str) -> dict[str, Any]:
    """What `record_of` wrote, and the shares of classes, as arguments of a look.

    Raises `UserError`, KeyError, TypeError, ValueError or OverflowError for what is not sound.
    """
    height, width = (int(side) for side in meta["size"])
    schema = schema_from_dict(meta["schema"], source)
    if shares.shape not in ((0,), (schema.num_classes + 1,)) or not np.isfinite(shares).all():
        raise ValueError("its shares of classes do not fit its schema")
    thumbnail = b64decode(meta.get("thumbnail", ""), validate=True)
    if thumbnail:
        opened(thumbnail)
    return {
        "name": str(meta["name"]),
        "size": (height, width),
        "schema": schema,
        "model": str(meta["model"]),
        "picture": str(meta["picture"]),
        "shares": tuple(shares.tolist()),
        "thumbnail": thumbnail,
    }
