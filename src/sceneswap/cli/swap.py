"""`sceneswap swap`."""

from pathlib import Path
from typing import Annotated

import tyro

from sceneswap.bounds import Between
from sceneswap.cli.options import BatchSize, DrawingOptions
from sceneswap.errors import UserError
from sceneswap.files import is_look
from sceneswap.images import PHOTO_SUFFIXES
from sceneswap.jobs.manifest import check_output
from sceneswap.notes import LOG
from sceneswap.progress import progress


def swap(
    inputs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="DIR_OR_PHOTO ...")],
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    drawing: DrawingOptions,
    labels: Path | None = None,
    save_labels: Path | None = None,
    limit: Annotated[int, Between(1, 1000)] = 12,
    batch_size: BatchSize = 8,
) -> None:
    """Draw one photograph in the look of another; or every layout in every look, as a sheet and a page to share.

    Pictures may be of any and of different sizes. Label maps that are not given are estimated by the model, or by the
    network named with --segmenter. The page index.html holds everything it shows and needs no network.

    Try:

        sceneswap swap beach.jpg dusk.jpg -o beach_at_dusk.png

        sceneswap swap photos/ --out swapped/ --limit 6

        sceneswap swap a.jpg b.jpg --labels maps/ --schema ade20k-150-1based --out swapped/

    Args:
        inputs: Photographs and folders of them; or folders with images/, labels/ and schema.toml. Saved looks
            (*.look.safetensors) give a look and no layout.
        out: A .png for one picture, the layout of the first photograph in the look of the second. Or a folder for
            swaps/LAYOUT__EXEMPLAR.png, grid.png, swap.json and index.html; made if missing.
        labels: Folder with the label maps of the photographs, under the same names; estimated when left out.
        save_labels: Folder for the estimated label maps, to correct them and give them back with --labels.
        limit: The most scenes to take, evenly spread over those found; the grid has this number squared.
    """
    from sceneswap.jobs import swap as job
    from sceneswap.jobs.sources import find_sources

    single = out.suffix.lower() in PHOTO_SUFFIXES and not out.is_dir()
    if single:
        check_output(out, inputs)
        if len(inputs) != 2 or any(path.is_dir() for path in inputs):
            raise UserError(
                f"one picture, {out}, takes two photographs: a layout and a look; name a folder as --out to draw all pairs"
            )
    reader = drawing.reader(fit=single)
    sources, found = find_sources(
        inputs,
        labels=labels,
        schema=reader.synthesizer.schema,
        file_schema=reader.schema,
        limit=2 if single else limit,
    )
    if single:
        layout, exemplar = sources
        job.swap_two(layout, exemplar, out, reader=reader, save_labels=save_labels)
        print(out)
        return
    if found > len(sources):
        LOG.info("taking %d of %d scenes, evenly spread; see --limit", len(sources), found)
    layouts = sum(not is_look(source.photo) for source in sources)
    with progress("drawing", layouts * len(sources)) as advance:
        page = job.swap(
            reader.synthesizer,
            sources,
            out,
            reader=reader,
            save_labels=save_labels,
            batch_size=batch_size,
            on_drawn=advance,
        )
    print(page)


COMMANDS = swap
