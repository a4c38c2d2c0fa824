"""Shared by the benchmarks: the machine and versions behind a number, JSON records, scenes in a model's schema."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from sceneswap.files import write_json
from sceneswap.labels.schema import LabelSchema, load_schema
from sceneswap.scene import LabelMap, Scene


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


def versions() -> dict[str, str]:
    """Versions of Python, sceneswap and of the packages that move its numbers."""
    packages = {name: metadata.version(name) for name in ("sceneswap", "torch", "numpy", "pillow")}
    return {"python": platform.python_version(), **packages}


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
