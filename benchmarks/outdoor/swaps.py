"""The parts of the report that measure swaps: style and identification, layout by class, FID."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.outdoor import classes
from benchmarks.outdoor.page import SWAP
from benchmarks.outdoor.settings import Report, gather, measure
from sceneswap import charts
from sceneswap.evaluation.aggregate import ratio
from sceneswap.evaluation.figures import panels
from sceneswap.evaluation.methods import PHOTOGRAPH, Method, ModelMethod
from sceneswap.evaluation.metrics import fid as frechet
from sceneswap.evaluation.metrics.layout import LayoutAgreement
from sceneswap.evaluation.metrics.metric import Scorer
from sceneswap.evaluation.pairs import Scenes, own_pairs, random_pairs
from sceneswap.evaluation.protocol import protocol, versions
from sceneswap.evaluation.runner import read_rows
from sceneswap.evaluation.tasks import layout_task, swap_task
from sceneswap.files import write_bytes

_FEWEST_HALF = 2  # pictures in each half of the photographs


def swap(report: Report) -> dict[str, Any]:
    """The paper's table, identification, ratios of ours to the others, curves over similarity."""
    task = swap_task(
        report.scenes, report.pairs, report.seed, report.networks, locations=report.locations or None, identify=True
    )
    record = measure(report, task, "swap")
    rows = {name: read_rows(report.private / "swap", name) for name in record["methods"]}
    record["ratios"] = {
        f"{report.ours} / {other}": {
            metric: ratio([row[metric] for row in rows[report.ours]], [row[metric] for row in rows[other]])
            for metric in SWAP
        }
        for other in rows
        if other != report.ours
    }
    binned = {name: {metric: by[metric] for metric in SWAP} for name, by in record["binned"].items()}
    write_bytes(report.out / "similarity.png", charts.curves(panels(binned, record["better"])).png)
    return report.publish("swap.json", record)


def layout(report: Report) -> dict[str, Any]:
    """Layout agreement, as a whole and by class, and copying; the same drawings."""
    task = layout_task(report.scenes, report.pairs, report.seed, report.networks, identify=False)
    record = measure(report, task, "layout")
    agreement = LayoutAgreement(report.networks.segmenter(), report.scenes.schema)
    ask = classes.ClassCounts(agreement, report.networks.device)
    definitions = {"found": f"{classes.DEFINITION}; {agreement.segmenter.description}"}
    asked = protocol("classes", task.pairs, report.size, metrics=definitions, extractors=report.networks.hashes)
    methods: list[Method] = [*report.drawers(task.pairs), PHOTOGRAPH]
    counts = {m.name: gather(report, task.pairs, m, ask, "classes", asked).features() for m in methods}
    record["classes"] = classes.by_class(counts, agreement.common.names, PHOTOGRAPH.name)
    record["classes definition"] = definitions["found"]
    return report.publish("layout.json", record)


def fid(report: Report) -> dict[str, Any]:
    """FID of many swaps of every model, the same pairs, against the photographs of the training split.

    No picture is kept: a batch is drawn, Inception is asked, its features stay. As a scale, the distance of two halves of the
    photographs from each other.
    """
    if not report.train:
        return {}
    inception = Scorer([], report.networks.device, report.networks.inception())
    hashes, definition = report.networks.hashes, {"FID": frechet.FEATURES_OF}
    seen = Scenes(report.train, report.size, report.scenes.schema, keep=False)
    photographs = own_pairs(seen, report.fid_photographs or len(seen), report.seed, mirrored=False)
    pairs = random_pairs(report.scenes, report.fid_pairs, report.seed)
    asked = {
        name: protocol("fid", listed, report.size, metrics=definition, extractors=hashes)
        for name, listed in (("swaps", pairs), ("photographs", photographs))
    }
    real = gather(report, photographs, PHOTOGRAPH, inception, "fid-photographs", asked["photographs"]).features()
    drawn: dict[str, NDArray[np.float32]] = {}
    for name, model in report.models.items():
        method = ModelMethod(name, model, pairs, report.batch_size)
        drawn[name] = gather(report, pairs, method, inception, "fid", asked["swaps"]).features()
    record = {
        "protocol": {**asked, "definition": frechet.against(len(pairs), len(photographs))},
        "methods": {name: model.describe() for name, model in report.models.items()},
        "scores": distances(drawn, real, report.seed),
        "versions": versions(),
    }
    return report.publish("fid.json", record)


def distances(
    drawn: Mapping[str, NDArray[np.float32]], real: NDArray[np.float32], seed: int
) -> dict[str, dict[str, float | None]]:
    """Name → FID of its features against `real`, and ours, the first one's, over it; of the photographs: half to half."""
    all_real = frechet.gaussian(real)
    found = {name: frechet.frechet_distance(frechet.gaussian(rows), all_real) for name, rows in drawn.items()}
    ours = next(iter(found.values()))
    scores: dict[str, dict[str, float | None]] = {
        name: {"FID": value, "ours / this": ours / value if value else None} for name, value in found.items()
    }
    halves = np.array_split(np.random.default_rng(seed).permutation(len(real)), 2)
    if min(map(len, halves)) >= _FEWEST_HALF:
        one, other = (frechet.gaussian(real[half]) for half in halves)
        scores["one half of the photographs to the other"] = {"FID": frechet.frechet_distance(one, other)}
    return scores
