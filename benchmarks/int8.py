"""What storing a model's layers in 8 bits takes from its pictures: `sceneswap export --int8` against the model as it is.

    python -m benchmarks.int8 --json docs/results/int8.json

Every scene is drawn in the look of the one after it, by the model and by its copy that went through an 8-bit file.
"""

import tempfile
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from benchmarks.common import save_record
from sceneswap.checkpoint import WEIGHTS, save_release
from sceneswap.evaluation.pairs import Scenes
from sceneswap.inference.synthesizer import Synthesizer


def main(
    model: str | None = None,
    data: tuple[Path, ...] = (),
    size: int = 256,
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
) -> None:
    """Print file sizes and the difference of the pictures, in levels of 255.

    Args:
        model: Model folder or hub id; the shipped model unless given.
        data: Folders of scenes in the model's classes; the photographs of the package unless given.
        size: Whole pictures are resized to this many pixels, both sides.
        json_file: Write the record here.
    """
    exact = Synthesizer.from_pretrained(model, device="cpu")
    folders = data or (Path(str(resources.files("sceneswap"))) / "examples",)
    with tempfile.TemporaryDirectory() as folder:
        save_release(Path(folder) / "fp16", exact.release, half=True)
        save_release(Path(folder) / "int8", exact.release, int8=True)
        sizes = {name: (Path(folder) / name / WEIGHTS).stat().st_size for name in ("fp16", "int8")}
        small = Synthesizer.from_pretrained(Path(folder) / "int8", device="cpu")
        rows = differences(exact, small, Scenes(folders, size, exact.schema))
    for row in rows:
        print(f"{row['layout']:<24} in the look of {row['look']:<24} {row['mean']:6.3f} mean  {row['most']:3d} most")
    record: dict[str, Any] = {
        "model": exact.describe(), "size": size, "bytes": sizes, "pictures": rows,
        "mean": float(np.mean([row["mean"] for row in rows])), "most": max(row["most"] for row in rows),
    }  # fmt: skip
    print(
        f"fp16 {sizes['fp16']:,} bytes, int8 {sizes['int8']:,}; {record['mean']:.3f} levels of 255, {record['most']} most"
    )
    save_record(json_file, record)


def differences(exact: Synthesizer, small: Synthesizer, scenes: Scenes) -> list[dict[str, Any]]:
    """Per scene: names of layout and look, mean and largest difference of the two models' pictures."""
    rows = []
    for number in range(len(scenes)):
        scene, exemplar = scenes[number], scenes[(number + 1) % len(scenes)]
        first, second = (m.draw(scene.label_map, m.encode(exemplar)).astype(int) for m in (exact, small))
        gap = np.abs(first - second)
        rows.append({"layout": scene.name, "look": exemplar.name, "mean": float(gap.mean()), "most": int(gap.max())})
    return rows


if __name__ == "__main__":
    tyro.cli(main)
