"""The protocol record beside every number: all that must be alike before two numbers may be compared."""

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from sceneswap import __version__
from sceneswap.data.in_place import files_of
from sceneswap.errors import UserError, encoded
from sceneswap.evaluation.pairs import FolderPairs, Pairs
from sceneswap.labels.schema import LabelSchema

FORMAT = "sceneswap-evaluation-2"
"""Of results.json."""

_PACKAGES = ("torch", "numpy", "pillow", "scipy", "torchmetrics")


def protocol(
    task: str, pairs: Pairs, size: int, *, metrics: Mapping[str, str], extractors: Mapping[str, str], **more: Any
) -> dict[str, Any]:
    """What two results must share to be comparable.

    metrics: name → definition with its version. extractors: network → SHA-256 of its weights. more: of this task.
    """
    return {
        "task": task,
        "data": _data(pairs),
        "schema": {"name": pairs.schema.name, "sha256": schema_hash(pairs.schema)},
        "pairs": pairs.record,
        "size": size,
        "resize": "whole picture to size × size, aspect not kept; photographs Lanczos (Pillow), label maps nearest centre",
        "file_format": "RGB, 8 bits a channel, as a PNG holds it; nothing is compressed with loss",
        "void": "a class of its own to the models; left out of histograms and of segmentation agreement",
        "similarity": "label-histogram intersection",
        "intervals": "95 % percentile bootstrap of the mean over pairs, 2,000 resamples, seed 0",
        "metrics": dict(metrics),
        "extractors": dict(extractors),
        **more,
    }


def versions() -> dict[str, str]:
    """Versions of Python, sceneswap and the packages that could move a number's last digits."""
    found = {"python": platform.python_version(), "sceneswap": __version__}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def folder_hash(roots: Sequence[Path]) -> str:
    """SHA-256 over names and bytes of images/, labels/ and schema.toml of data folders, in the order of their names."""
    digest = hashlib.sha256()
    files = [(f"{root.resolve().name}/{name}", p) for root in roots for name, p in files_of(root).items()]
    for name, path in sorted(files):
        try:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror or error}") from error
        digest.update(encoded(f"{name}\t{content}\n"))
    return digest.hexdigest()


def renderer_hash() -> str:
    """SHA-256 of the procedural renderer's source: any change of it may change its pictures."""
    digest = hashlib.sha256()
    sources = [p for p in resources.files("sceneswap.procedural").iterdir() if p.name.endswith(".py")]
    for source in sorted(sources, key=lambda p: p.name):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()


def schema_hash(schema: LabelSchema) -> str:
    """SHA-256 of a label schema, its colours included."""
    return hashlib.sha256(json.dumps(schema.to_dict(), sort_keys=True).encode()).hexdigest()


def first_difference(one: Any, other: Any, name: str = "") -> tuple[str, Any, Any] | None:
    """The first field, as `a.b.c`, in which two records differ, with both values; None when they are alike."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(k for k in other if k not in one)]:
            where = f"{name}.{key}" if name else key
            found = first_difference(one.get(key, "missing"), other.get(key, "missing"), where)
            if found:
                return found
        return None
    return None if one == other else (name, one, other)


def shorten(value: Any) -> str:
    """A value of a record for a message, 60 characters at most."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _data(pairs: Pairs) -> dict[str, Any]:
    if isinstance(pairs, FolderPairs):
        roots = pairs.scenes.roots
        names = [root.resolve().name for root in roots]
        return {"names": names, "scenes": len(pairs.scenes), "sha256": folder_hash(roots)}
    return {"names": ["procedural renderer"], "scenes": 2 * len(pairs), "sha256": renderer_hash()}
