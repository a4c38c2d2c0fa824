"""`sceneswap attention`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import tyro

Device = Literal["auto", "cpu", "cuda", "mps"]


def matrix(
    data: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="DIR ...")],
    out: Path,
    pairs: int = 200,
    model: str | None = None,
    seed: int = 0,
    device: Device = "auto",
) -> None:
    """From which labels of exemplars does the model take the looks of which labels: a heat map over a data set.

    Can be interrupted; the same command, or one with more --pairs, goes on where it stopped.

    Try:

        sceneswap attention matrix --data scenes --pairs 500 --out attention/

    Args:
        data: Folders with images/, labels/ and schema.toml.
        out: Folder for transfer.png, transfer.csv, transfer.json and index.html; made if missing.
        pairs: Random pairs of different scenes, target and exemplar.
        model: A model folder or hub id; the model that comes with the package by default.
        seed: Of the pairs.
        device: auto takes a GPU where there is one.
    """
    _analyse(data, out, pairs, model, seed, device, dendrogram=False)


def dendrogram(
    data: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="DIR ...")],
    out: Path,
    pairs: int = 200,
    model: str | None = None,
    seed: int = 0,
    device: Device = "auto",
) -> None:
    """Which labels look alike to the model: the transfer matrix, and a hierarchical clustering of its rows.

    Takes up the pairs that `sceneswap attention matrix` has left in the same folder.

    Try:

        sceneswap attention dendrogram --data scenes --pairs 500 --out attention/

    Args:
        data: Folders with images/, labels/ and schema.toml.
        out: Folder for what `matrix` writes and dendrogram.png, dendrogram.csv, dendrogram.json; made if missing.
        pairs: Random pairs of different scenes, target and exemplar.
        model: A model folder or hub id; the model that comes with the package by default.
        seed: Of the pairs.
        device: auto takes a GPU where there is one.
    """
    _analyse(data, out, pairs, model, seed, device, dendrogram=True)


def trace(
    label_map: Path,
    exemplar: Path,
    out: Path,
    exemplar_label_map: Path | None = None,
    at: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    classes: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(name="class", metavar="NAME")] = (),
    schema: str | None = None,
    model: str | None = None,
    segmenter: str | None = None,
    long_side: int | None = None,
    device: Device = "auto",
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
        schema: What the label maps hold: a preset or schema file; the model's own by default.
        model: A model folder or hub id; the model that comes with the package by default.
        segmenter: A network to estimate label maps with instead of the model; see sceneswap synthesize --help.
        long_side: Longer side of the picture in pixels, never more than the layout has; 512 for photographs by default.
        device: auto takes a GPU where there is one.
    """  # noqa: E501 a command to copy
    from sceneswap.inference.synthesizer import Synthesizer
    from sceneswap.jobs.reader import SceneReader
    from sceneswap.jobs.swap import Source
    from sceneswap.jobs.trace import write_trace
    from sceneswap.labels.presets import load_schema

    points = [_point(words) for words in at]
    synthesizer = Synthesizer.from_pretrained(model, device=device)
    known = load_schema(schema) if schema else synthesizer.schema
    source = Source(exemplar.stem, exemplar, exemplar_label_map, known)
    reader = SceneReader(synthesizer, segmenter, long_side=long_side)
    print(write_trace(synthesizer, (label_map, known), source, points, classes, out, reader=reader))


def _point(words: str) -> tuple[int, int]:
    from sceneswap.errors import UserError

    try:
        x, y = (int(part) for part in words.split(","))
    except ValueError:
        raise UserError(f"--at {words}: give a point as x,y in whole pixels, such as 128,40") from None
    return x, y


def _analyse(
    data: tuple[Path, ...], out: Path, pairs: int, model: str | None, seed: int, device: Device, *, dendrogram: bool
) -> None:
    from sceneswap.cli.progress import progress
    from sceneswap.data.folder import FolderDataset
    from sceneswap.inference.synthesizer import Synthesizer
    from sceneswap.inference.transfer_matrix import transfer_matrix
    from sceneswap.jobs.attention import write_matrix_page

    synthesizer = Synthesizer.from_pretrained(model, device=device)
    dataset = FolderDataset(data, synthesizer.schema)
    with progress("pairs", pairs) as advance:
        found = transfer_matrix(synthesizer, dataset, pairs, out, seed=seed, on_pair=advance)
    print(write_matrix_page(out, found, synthesizer, dendrogram=dendrogram))


COMMANDS: dict[str, Callable[..., None]] = {"matrix": matrix, "dendrogram": dendrogram, "trace": trace}
