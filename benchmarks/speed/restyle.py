"""What `restyle` costs, beside SPADE's generator as published: pictures a second, processor time, memory.

    python -m benchmarks.speed.restyle --json docs/results/restyle-speed.json

A labelled data set of rendered scenes is restyled as the command does it: label maps and photographs of looks read, looks
encoded, copies drawn and written with their notes, label files and page. Beside it stands the generator of SPADE (Park et al.
2019: `num_upsampling_layers` normal, ngf 64, 128 hidden channels, batch normalisation; random weights, spectral norm folded)
on the same label maps at the same size, from map to picture in memory: without reading or writing, and without any look.
It is the cost that is compared; its pictures are noise. Each measurement is a fresh process that does nothing else;
`processor_seconds` and `gflop` say what a busy machine cannot change much. Memory is the peak of the process; the two
processes import the same packages.
"""

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from PIL import Image

from benchmarks.common import in_fresh_process, save_record
from sceneswap.labels.io import write_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.procedural.render import TEST_SEEDS, scene

if TYPE_CHECKING:
    from torch import nn

METHODS = ("restyle", "SPADE")


def main(
    model: str | None = None,
    size: int = 256,
    pictures: int = 12,
    per_image: int = 2,
    looks: int = 4,
    spade_pictures: int = 6,
    threads: tuple[int, ...] = (1, 2),
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
) -> None:
    """Measure.

    Args:
        model: Release folder; the shipped model unless given.
        size: Height and width of the pictures, pixels; a multiple of 32.
        pictures: Of the data set.
        per_image: Copies of each.
        looks: Photographs whose looks are taken.
        spade_pictures: As many are drawn by SPADE, which takes its time.
        threads: CPU threads, one measurement of both methods each.
        json_file: Write the record here.
    """
    from rich.console import Console
    from rich.table import Table

    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_data(folder, size, pictures, looks)
        for count in threads:
            for method in METHODS:
                job = {"method": method, "folder": name, "model": model, "threads": count}
                job |= {"per_image": per_image, "spade_pictures": spade_pictures}
                answer = in_fresh_process("-m", "benchmarks.speed.restyle", "--job", json.dumps(job))
                found.append(json.loads(answer.stdout.splitlines()[-1]))
    table = Table("threads", "method", "pictures/s", "processor s", "peak MiB", "GFLOP", title=f"{size}×{size}")
    for one in found:
        cells = (one[key] for key in ("pictures_per_second", "processor_seconds", "peak_mib", "gflop"))
        table.add_row(str(one["threads"]), one["method"], *(f"{cell:,.3g}" for cell in cells))
    Console().print(table)
    save_record(
        json_file, {"size": size, "data_set": pictures, "copies_of_each": per_image, "looks": looks, "measured": found}
    )


def write_data(folder: Path, size: int, pictures: int, looks: int) -> None:
    """Write rendered scenes: `data/` with images/, labels/ and schema.toml, `looks/` of photographs alone."""
    schema = load_schema("procedural")
    for sub in ("data/images", "looks"):
        (folder / sub).mkdir(parents=True)
    for number in range(pictures + looks):
        drawn = scene(TEST_SEEDS + number, (size, size))
        place = folder / ("data/images" if number < pictures else "looks")
        Image.fromarray(drawn.photo).save(place / f"{number:04d}.jpg", quality=92)
        if number < pictures:
            write_label_map(folder / "data" / "labels" / f"{number:04d}.png", drawn.label_map, schema)
    (folder / "data" / "schema.toml").write_text(f'preset = "{schema.name}"\n', encoding="utf-8")


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Measure one method, in this process."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the command line does, before PyTorch is loaded

    import torch

    torch.set_num_threads(job["threads"])
    prepare = {"restyle": _restyling, "SPADE": _spade}[job["method"]]
    make, gflop, parameters = prepare(job, Path(job["folder"]))
    before, started = time.process_time(), time.perf_counter()
    count = make()
    seconds, processor = time.perf_counter() - started, time.process_time() - before
    return {
        "method": job["method"],
        "threads": job["threads"],
        "pictures": count,
        "pictures_per_second": round(count / seconds, 4),
        "processor_seconds": round(processor / count, 4),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "gflop": round(gflop(), 2),  # afterwards: counting takes memory
        "parameters": parameters,
    }


Prepared = tuple[Callable[[], int], Callable[[], float], int]
"""What makes the pictures and returns how many; the arithmetic of drawing one, 10⁹ operations; parameters of all networks."""


def _restyling(job: dict[str, Any], folder: Path) -> Prepared:
    from sceneswap.data.pairing import find_pairs
    from sceneswap.inference.synthesizer import Synthesizer
    from sceneswap.jobs.reader import SceneReader
    from sceneswap.jobs.restyle.plan import Places, RestyleSettings
    from sceneswap.jobs.restyle.run import Job, restyle
    from sceneswap.jobs.sources import find_sources
    from sceneswap.labels.io import read_label_map

    synthesizer = Synthesizer.from_pretrained(job["model"], device="cpu")
    reader, schema, data = SceneReader(synthesizer, long_side=1024), load_schema("procedural"), folder / "data"
    sources, _ = find_sources([folder / "looks"], schema=synthesizer.schema)
    pairs, out = find_pairs(data), folder / f"out-{job['threads']}"
    plan = Job(pairs, Places(data), schema, sources, out, RestyleSettings(per_image=job["per_image"]))
    make = lambda: sum(restyle(reader, plan).copies.values())  # noqa: E731
    layout = schema.convert(read_label_map(pairs[0].label_map, schema), synthesizer.schema)

    def gflop() -> float:
        look = reader.look(sources[0].photo)
        return _gflop(lambda: synthesizer.draw(layout, look))

    return make, gflop, sum(p.numel() for p in synthesizer.release.network.parameters())


def _spade(job: dict[str, Any], folder: Path) -> Prepared:
    import torch

    import sceneswap.inference.synthesizer
    from sceneswap.data.pairing import find_pairs
    from sceneswap.labels.io import read_label_map

    assert sceneswap.inference.synthesizer  # imported for its memory
    known, schema = load_schema("procedural"), load_schema("outdoor")
    pairs = find_pairs(folder / "data")
    maps = [known.convert(read_label_map(pair.label_map, known), schema) for pair in pairs]
    network = spade_generator(schema.num_classes + 1).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def draw(label_map: Any) -> Any:
        with torch.inference_mode():
            drawn = network(torch.from_numpy(label_map.astype("int64"))[None])[0]
            return ((drawn + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()

    def make() -> int:
        drawn = [draw(maps[i % len(maps)]) for i in range(job["spade_pictures"])]
        assert all(one.shape == (*maps[0].shape, 3) for one in drawn)
        return len(drawn)

    return make, lambda: _gflop(lambda: draw(maps[0])), sum(p.numel() for p in network.parameters())


def spade_generator(classes: int) -> "nn.Module":
    """SPADE's generator as published, with random weights: (B, H, W) int64 indices below `classes` → (B, 3, H, W) in [-1, 1].

    H and W are multiples of 32. classes: with "don't care", as SPADE counts them.
    """
    import torch
    import torch.nn.functional as F
    from torch import Tensor, nn

    from sceneswap.models.spade import BlockKind, SpadeBlock, fold_spectral_norm

    kind = BlockKind(normalisation="batch", own_hidden=True, own_shortcut=True, relu=True)
    widths = [1024, 1024, 1024, 1024, 512, 256, 128, 64]  # into and out of the seven blocks
    doubled = (0, 2, 3, 4, 5)  # the blocks after which the picture grows

    class Generator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.start = nn.Conv2d(classes, widths[0], 3, padding=1)
            self.blocks = nn.ModuleList(
                SpadeBlock(inputs=i, outputs=o, condition=classes, hidden=128, kind=kind) for i, o in pairwise(widths)
            )
            self.to_image = nn.Conv2d(widths[-1], 3, 3, padding=1)

        def forward(self, label_map: Tensor) -> Tensor:
            size = (label_map.shape[1], label_map.shape[2])
            whole = F.one_hot(label_map, classes).permute(0, 3, 1, 2).float()
            condition = F.interpolate(whole, (size[0] // 32, size[1] // 32), mode="nearest")
            x = self.start(condition)
            for number, block in enumerate(self.blocks):
                x = block(x, condition)
                if number in doubled:
                    x = F.interpolate(x, scale_factor=2, mode="nearest")
                    condition = F.interpolate(whole, (x.shape[2], x.shape[3]), mode="nearest")
            return torch.tanh(self.to_image(F.leaky_relu(x, 0.2)))

    return fold_spectral_norm(Generator()).eval().requires_grad_(False)


def _gflop(work: Callable[[], Any]) -> float:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops()) / 1e9


if __name__ == "__main__":
    if sys.argv[1:2] == ["--job"]:
        print(json.dumps(work(json.loads(sys.argv[2]))))
    else:
        tyro.cli(main)
