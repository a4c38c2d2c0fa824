"""Settings of the outdoor report, and what its parts share: models, scenes, networks, measuring, publishing."""

import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from benchmarks.outdoor.kept import KeptMethod
from sceneswap.cli.options import MeasuringOptions
from sceneswap.evaluation.methods import Method, ModelMethod
from sceneswap.evaluation.pairs import Pairs, Scenes
from sceneswap.evaluation.protocol import folder_hash
from sceneswap.evaluation.results import evaluate, methods_of
from sceneswap.evaluation.runner import PairResults, drop_unlike, run
from sceneswap.evaluation.tasks import Extractors, Task
from sceneswap.files import read_json, write_json
from sceneswap.inference.synthesizer import Synthesizer, choose_device
from sceneswap.progress import progress

SHEET_ROWS = 30

Part = Literal["swap", "layout", "fid", "sheet", "attention", "border", "figures", "labels", "speed", "gallery"]


@dataclass(frozen=True)
class Report:
    """Settings of a report, and what its parts share."""

    data: tuple[Path, ...]
    """Folders of the test split."""
    out: Path
    """Folder for README.md with its records and pictures, to be published."""
    model: tuple[str, ...] = ()
    """NAME=DIR; ours first, then what it is held against. The paper's baselines are called GAP and SPADE_VAE. The model that
    comes with the package if none is named."""
    train: tuple[Path, ...] = ()
    """Folders of the training split, with whose photographs FID compares; no FID without them."""
    only: tuple[Part, ...] = ()
    """Parts to make now; the page keeps the others as far as their records are of the same models."""
    private: Path = Path("runs/outdoor-report")
    """Folder for everything else; it goes on from what it finds there."""
    labelled: tuple[str, ...] = ("stanford_bg", "camvid", "ade20k_sample", "coco_stuff_sample")
    """Names of those folders of --data whose label maps are true."""
    pairs: int = 400
    """Random swaps."""
    fid_pairs: int = 2048
    """Random swaps for FID; they are not kept, only what Inception says of them."""
    fid_photographs: int | None = None
    """Photographs of --train that FID compares with, at random; all unless given."""
    transfers: int = 400
    """Pairs for the transfer matrix."""
    border_scenes: int | None = None
    """Exemplars of the test split, evenly spread, whose border is measured; all unless given."""
    figure_scenes: int = 8
    """Rows and columns of the swapping figure of scenes other than outdoors."""
    size: int = 256
    """Side in pixels to which whole pictures are resized."""
    locations: int = 4096
    """Random locations of a drawing that NN_conv1 looks at; 0 for all, which takes eight times as long."""
    runs: int = 20
    """Timed drawings of the speed record."""
    batch_size: int = 8
    """Pairs drawn and measured at once."""
    seed: int = 0
    """Of the pairs."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """auto takes a GPU where there is one."""
    threads: int | None = None
    """CPU threads; PyTorch's choice unless given."""

    @cached_property
    def models(self) -> dict[str, Synthesizer]:
        named = (self.model,) if self.model else ()
        return MeasuringOptions(out=self.out, model=named, device=self.device).open()

    @property
    def ours(self) -> str:
        return next(iter(self.models))

    @cached_property
    def scenes(self) -> Scenes:
        return Scenes(self.data, self.size, self.models[self.ours].schema)

    @cached_property
    def networks(self) -> Extractors:
        return Extractors(choose_device(self.device))

    @cached_property
    def identity(self) -> dict[str, Any]:
        """The contents and size of the scenes."""
        return {"data": folder_hash(self.data), "schema": self.scenes.schema.name, "size": self.size}

    @cached_property
    def weights(self) -> dict[str, str]:
        """Model → SHA-256 of its weights: of which models a record is."""
        return {name: model.weights_sha256 for name, model in self.models.items()}

    def drawers(self, pairs: Pairs) -> list[KeptMethod]:
        """The models, whose drawings are kept from part to part."""
        return [
            KeptMethod(ModelMethod(n, m, pairs, self.batch_size), self.private / "drawings", self.identity)
            for n, m in self.models.items()
        ]

    def publish(self, name: str, record: dict[str, Any]) -> dict[str, Any]:
        """Write the record of a part, of these models, to `out`/`name`, and return it."""
        record = {**record, "weights": self.weights}
        write_json(self.out / name, record)
        return record


def measure(report: Report, task: Task, name: str) -> dict[str, Any]:
    """Measure all models on a task, drawings kept from task to task; return its record."""
    folder, models = report.private / name, report.drawers(task.pairs)
    methods = methods_of(task, models, baselines=False)
    for method in methods:
        _forget_unlike(report, method, folder, task.protocol)
    with progress(name, len(methods) * len(task.pairs)) as advance:
        evaluate(
            task, models, folder, batch_size=report.batch_size, grid_scenes=0, sheet_rows=SHEET_ROWS, on_done=advance
        )  # fmt: skip
    return dict(read_json(folder / "results.json", "the results of an evaluation"))


def gather(report: Report, pairs: Pairs, method: Method, ask: Any, name: str, protocol: dict[str, Any]) -> PairResults:
    """What `ask` (a `runner.Measure`) says of every pair of one method, kept in `private`/`name` and gone on with there."""
    folder = report.private / name
    _forget_unlike(report, method, folder, protocol)
    with progress(f"{name}: {method.name}", len(pairs)) as advance:
        return run(pairs, method, ask, folder, protocol, batch_size=report.batch_size, on_done=advance)


def _forget_unlike(report: Report, method: Method, folder: Path, protocol: dict[str, Any]) -> None:
    if drop_unlike(method, folder, protocol, batch_size=report.batch_size):
        print(f"{folder.name}: {method.name} was measured otherwise; it is measured anew", file=sys.stderr)
