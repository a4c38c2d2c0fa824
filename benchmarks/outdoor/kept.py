"""Drawings kept from one part of the report to the next."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sceneswap.evaluation.methods import Method
from sceneswap.evaluation.pairs import Sample
from sceneswap.images import read_photo, write_png
from sceneswap.scene import Photo, Scene


class KeptMethod:
    """A method whose drawings are kept as PNG, so that several tasks on the same scenes draw each pair once.

    folder: holds a folder of drawings for every description of a method; scenes are told apart by `data`, which should
    identify their contents and size (see `protocol`), and by their names.
    """

    def __init__(self, method: Method, folder: Path, data: Any) -> None:
        self.method, self.name, self.trivial = method, method.name, method.trivial
        self.folder = folder / _digest([method.describe(), data])

    def draw(self, samples: Sequence[Sample]) -> list[Photo]:
        paths = [self.folder / f"{_digest([s.target.name, s.exemplar.name])}.png" for s in samples]
        if all(path.exists() for path in paths):
            return [read_photo(path) for path in paths]
        drawn = self.method.draw(samples)  # all of them: company may move a value by one
        for path, photo in zip(paths, drawn, strict=True):
            write_png(path, photo)
        return drawn

    def grid(self, layouts: Sequence[Scene], exemplars: Sequence[Scene]) -> list[list[Photo]]:
        return self.method.grid(layouts, exemplars)

    def describe(self) -> dict[str, Any]:
        return self.method.describe()

    def losses(self) -> dict[str, tuple[str, ...]] | None:
        return self.method.losses()


def _digest(value: Any) -> str:
    """12 hexadecimal digits of a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]
