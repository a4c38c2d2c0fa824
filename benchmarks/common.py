"""Shared by the benchmarks: the machine and versions behind a number, records, pictures, scenes in a model's schema."""

import io
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from PIL import Image

from sceneswap.evaluation.protocol import versions
from sceneswap.files import write_bytes, write_json
from sceneswap.labels.presets import load_schema
from sceneswap.labels.schema import LabelSchema
from sceneswap.pictures import shrink
from sceneswap.scene import LabelMap, Photo, Scene

ROOT = Path(__file__).parents[1]
"""Of the repository."""


def in_fresh_process(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run Python with `arguments` in a process of its own, which finds the benchmarks wherever it is started from."""
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(
        command, env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True, check=True
    )


def converted(label_map: LabelMap, schema: LabelSchema) -> LabelMap:
    """A label map of the procedural renderer in the classes of `schema`."""
    return load_schema("procedural").convert(label_map, schema)


def converted_scene(scene: Scene, schema: LabelSchema) -> Scene:
    """A scene of the procedural renderer with its label map in the classes of `schema`."""
    return Scene(scene.photo, converted(scene.label_map, schema), scene.name)


def save_record(path: Path | None, record: dict[str, Any]) -> None:
    """Write `record` with versions and machine to the JSON file `path`, if one was asked for."""
    if path is not None:
        write_json(path, {**record, "versions": versions(), "machine": machine()})
        print(f"wrote {path}")


def write_jpeg(path: Path, photo: Photo, most_bytes: int, quality: int = 85) -> None:
    """Write a photo (H, W, 3) as JPEG, shrunk as far as it takes to need at most `most_bytes`."""
    side = max(photo.shape[:2])
    while True:
        buffer = io.BytesIO()
        Image.fromarray(shrink(photo, side)).save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() <= most_bytes or side <= 64:
            write_bytes(path, buffer.getvalue())
            return
        side = round(side * min(0.97, (most_bytes / buffer.tell()) ** 0.5))


def machine() -> dict[str, Any]:
    """The processor, its cores, and the threads PyTorch uses."""
    import torch

    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
