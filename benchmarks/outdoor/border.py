"""How much of the attention lies on the border of the exemplar? Borders are no class of their own; padding can make them one.

python -m benchmarks.outdoor.border --model MODEL --data data/outdoor/test/* --out docs/results/outdoor/border.json
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import tyro
from torch import Tensor

from benchmarks.common import save_record
from sceneswap.evaluation.pairs import Scenes
from sceneswap.inference.attention import attend
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.scene import Scene


def main(model: str, data: tuple[Path, ...], out: Path | None = None, size: int = 256) -> None:
    """Print, per scale, the share of the attention on the outermost ring of positions beside the ring's share of the area.

    Args:
        model: Folder of a model, or its name on the hub.
        data: Folders of scenes with label maps; every one serves as exemplar.
        out: JSON file to write.
        size: Exemplars are resized to this many pixels, both sides.
    """
    synthesizer = Synthesizer.from_pretrained(model, device="cpu")
    scenes = Scenes(data, size, synthesizer.schema)
    scales = measure(synthesizer, scenes)
    print("scale  area   attention  ratio  of the map with most on the border")
    for number, row in enumerate(scales):
        print(
            f"1/{2**number:<4} {row['area']:6.1%} {row['share']:9.1%} {row['ratio']:7.2f} {row['most_ratio']:8.2f} (map "
            f"{row['most_map']})"
        )
    save_record(out, {"model": synthesizer.describe(), "exemplars": len(scenes), "size": size, "scales": scales})


def measure(synthesizer: Synthesizer, scenes: Scenes | Sequence[Scene]) -> list[dict[str, Any]]:
    """Means over the scenes, per scale, finest first.

    area: positions of the ring over all. share: attention α on the ring, mean over the maps, weighed by the masking score of
    the scene drawn in its own look. ratio: share / area. most_map, most_ratio: of the map that has most there.
    """
    shares: list[list[Tensor]] = []
    areas: list[list[float]] = []
    weights: list[list[Tensor]] = []
    for number in range(len(scenes)):
        scene = scenes[number]
        found = attend(synthesizer, scene.label_map, scene)
        shares.append([ring_share(attention.spatial) for attention in found])
        areas.append([float(ring_share(torch.full_like(a.spatial[:1], 1 / a.spatial[0].numel()))) for a in found])
        weights.append([attention.score for attention in found])
    rows = []
    for scale in range(len(shares[0])):
        share = torch.stack([row[scale] for row in shares])  # (scenes, K)
        weight = torch.stack([row[scale] for row in weights])
        area = sum(row[scale] for row in areas) / len(areas)
        by_map = share.mean(dim=0) / area
        mean = float((share * weight).sum() / weight.sum())
        most = int(by_map.argmax())
        rows.append(
            {"area": area, "share": mean, "ratio": mean / area, "most_map": most, "most_ratio": float(by_map[most])}
        )
    return rows


def ring_share(spatial: Tensor) -> Tensor:
    """Attention maps (K, H, W) that sum to 1 → what of each lies on the outermost positions, (K,)."""
    inner = spatial[:, 1:-1, 1:-1].sum(dim=(1, 2))
    return spatial.sum(dim=(1, 2)) - inner


if __name__ == "__main__":
    tyro.cli(main)
