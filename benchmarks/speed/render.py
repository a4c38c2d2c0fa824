"""Speed of the procedural renderer on one core: scenes a second, as JSON.

OMP_NUM_THREADS=1 python -m benchmarks.speed.render --size 256 --count 100
"""

import json
import platform
import time

import numpy as np
import tyro

from sceneswap.procedural.kinds import sample_layout
from sceneswap.procedural.render import Mood, paint, scene, shade


def main(size: int = 256, count: int = 100, seed: int = 0) -> None:
    """Render `count` scenes of size × size pixels, one after the other, and print scenes a second.

    Args:
        size: Height and width in pixels.
        count: Number of scenes; the first seed is rendered once before the clock starts.
        seed: The first seed.
    """
    scene(seed, (size, size))  # makes the noise textures
    painting, shading = [], []
    for number in range(seed, seed + count):
        start = time.perf_counter()
        canvas = paint(sample_layout(number), (size, size))
        middle = time.perf_counter()
        shade(canvas, Mood.sample(number))
        painting.append(middle - start)
        shading.append(time.perf_counter() - middle)
    total = np.add(painting, shading)
    record = {
        "size": size, "scenes": count, "first_seed": seed,
        "scenes_per_second": round(count / float(total.sum()), 2),
        "milliseconds": {
            "median": round(1e3 * float(np.median(total)), 1), "slowest": round(1e3 * float(total.max()), 1),
            "layout": round(1e3 * float(np.mean(painting)), 1), "look": round(1e3 * float(np.mean(shading)), 1),
        },
        "numpy": np.__version__, "python": platform.python_version(),
    }  # fmt: skip
    print(json.dumps(record, indent=2))


if __name__ == "__main__":
    tyro.cli(main)
