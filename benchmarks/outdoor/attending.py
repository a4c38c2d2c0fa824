"""The parts of the report about attention: what labels take from their like, and how much lies on the border."""

import shutil
from typing import Any

from benchmarks.outdoor import border as ring
from benchmarks.outdoor.like import GROUPS, like_to_like, publish_likeness
from benchmarks.outdoor.settings import Report
from sceneswap.data.folder import FolderDataset
from sceneswap.files import read_json
from sceneswap.inference.control import POOLED, control_matrices
from sceneswap.inference.transfer_matrix import transfer_matrix
from sceneswap.jobs.attention import write_matrix_page
from sceneswap.pictures import evenly_spread
from sceneswap.progress import progress

UNTRAINED = 3  # seeds of the control beside the attention


def attention(report: Report) -> dict[str, Any]:
    """The transfer matrix of ours, its dendrogram, and what labels take from their like."""
    model = report.models[report.ours]
    work = report.private / "attention" / f"{model.weights_sha256[:12]}-{report.transfers}"
    dataset = FolderDataset(report.data, model.schema, cache=True)
    with progress("transfer matrix", report.transfers * (1 + UNTRAINED)) as advance:
        matrix = transfer_matrix(model, dataset, report.transfers, work, seed=report.seed, on_pair=advance)
        controls = control_matrices(model, dataset, matrix, work, range(UNTRAINED), seed=report.seed, on_pair=advance)
    write_matrix_page(work, matrix, model, controls, dendrogram=True)
    groups = GROUPS.get(model.schema.name, {})
    like = like_to_like(matrix, groups=groups, untrained=[one for name, one in controls.items() if name != POOLED])
    publish_likeness(like, report.out / "like.png", report.ours)
    for name in ("transfer.png", "dendrogram.png"):
        shutil.copyfile(work / name, report.out / name)
    record = read_json(work / "transfer.json", "the transfer matrix")
    record |= {"groups": groups, "like": [one.record() for one in like]}
    return report.publish("attention.json", record)


def border(report: Report) -> dict[str, Any]:
    """The share of ours' attention on the outermost ring of the test exemplars, per scale."""
    scenes = evenly_spread(report.scenes, report.border_scenes)
    scales = ring.measure(report.models[report.ours], scenes)
    record = {
        "model": report.models[report.ours].describe(), "exemplars": len(scenes), "size": report.size,
        "scales": scales,
    }  # fmt: skip
    return report.publish("border.json", record)
