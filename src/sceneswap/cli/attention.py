"""`sceneswap attention`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from sceneswap.bounds import Between
from sceneswap.cli.options import Count, DataFolders, DrawingOptions, ModelOptions, Seed, must_exist
from sceneswap.errors import UserError
from sceneswap.guard import keep_files
from sceneswap.progress import progress


@dataclass(frozen=True, kw_only=True)
class Pairs(ModelOptions):
    """What the attention is analysed on."""

    data: DataFolders
    out: Path
    """Folder for transfer.png, transfer.csv, transfer.json, those of the dendrogram, and index.html; made if missing."""
    pairs: Count = 200
    """Random pairs of different scenes, target and exemplar."""
    seed: Seed = 0
    """Of the pairs."""
    controls: Annotated[int, Between(0, 16)] = 3
    """Untrained models of the same configuration, of the seeds 0, 1, …, that the model is set beside."""


def matrix(options: Pairs, dendrogram: tyro.conf.Suppress[bool] = False) -> None:
    """From which labels of exemplars does the model take the looks of which labels: a heat map over a data set.

    The model stands beside what its network does untrained (--controls) and beside global average pooling: that is what
    training has added.

    Can be interrupted; the same command, or one with more --pairs, goes on where it stopped.

    Try:

        sceneswap attention matrix --data scenes --pairs 500 --out attention/
    """
    from sceneswap.data.folder import FolderDataset
    from sceneswap.inference.control import control_matrices
    from sceneswap.inference.transfer_matrix import transfer_matrix
    from sceneswap.jobs.attention import matrix_files, write_matrix_page

    synthesizer = options.open()
    dataset = FolderDataset(options.data, synthesizer.schema)
    keep_files(matrix_files(options.out, dendrogram=dendrogram), dataset.files)
    seeds = range(options.controls)
    with progress("pairs", options.pairs * (1 + len(seeds))) as advance:
        found = transfer_matrix(synthesizer, dataset, options.pairs, options.out, seed=options.seed, on_pair=advance)
        controls = control_matrices(synthesizer, dataset, found, options.out, seeds, seed=options.seed, on_pair=advance)
    print(write_matrix_page(options.out, found, synthesizer, controls, dendrogram=dendrogram))


def dendrogram(options: Pairs) -> None:
    """Which labels look alike to the model: the transfer matrix, and a hierarchical clustering of its rows.

    Takes up the pairs that `sceneswap attention matrix` has left in the same folder.

    Try:

        sceneswap attention dendrogram --data scenes --pairs 500 --out attention/
    """
    matrix(options, dendrogram=True)


def trace(
    label_map: Path,
    exemplar: Path,
    out: Path,
    drawing: DrawingOptions,
    exemplar_label_map: Path | None = None,
    at: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    classes: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(name="class", metavar="NAME")] = (),
) -> None:
    """Where in the exemplar does a pixel of the picture, or a whole class, take its look from; and all attention maps.

    Try:

        sceneswap attention trace --at 128,40 --class sky --label-map map.png --exemplar dusk.jpg --exemplar-label-map dusk.png --out trace/

    Args:
        label_map: The layout, a label map or a photograph.
        exemplar: The photograph whose look it takes.
        out: Folder for trace-REGION.png, maps.png, trace.json and index.html; made if missing.
        exemplar_label_map: The exemplar's label map; estimated when left out.
        at: A point of the layout as x,y in pixels from its upper left corner; once per point.
        classes: A class of the layout, by its name or a word or beginning of it that no other has; once per class.
    """  # noqa: E501 a command to copy
    must_exist(label_map, exemplar, exemplar_label_map)
    from sceneswap.jobs.sources import Source
    from sceneswap.jobs.trace import write_trace

    points = [_point(words) for words in at]
    source = Source(exemplar.stem, exemplar, exemplar_label_map)
    print(write_trace(drawing.reader(), label_map, source, points, classes, out))


def _point(words: str) -> tuple[int, int]:
    try:
        x, y = (int(part) for part in words.split(","))
    except ValueError:
        raise UserError(f"--at {words}: give a point as x,y in whole pixels, such as 128,40") from None
    return x, y


COMMANDS: dict[str, Callable[..., None]] = {"matrix": matrix, "dendrogram": dendrogram, "trace": trace}
