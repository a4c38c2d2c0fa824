"""`sceneswap swap`."""

from pathlib import Path
from typing import Annotated, Literal

import tyro

from sceneswap.bounds import Between
from sceneswap.cli.options import BatchSize, DrawingOptions, Jobs, Quality, must_exist
from sceneswap.errors import UserError
from sceneswap.files import is_look
from sceneswap.images import PHOTO_SUFFIXES
from sceneswap.jobs.manifest import check_output
from sceneswap.notes import LOG
from sceneswap.progress import progress, steps


def swap(
    inputs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="DIR_OR_PHOTO ...")],
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    drawing: DrawingOptions,
    layouts: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="DIR_OR_FILE ...")] = (),
    looks: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="DIR_OR_PHOTO ...")] = (),
    labels: Path | None = None,
    save_labels: Path | None = None,
    limit: Annotated[int, Between(1, 1000)] = 12,
    format: Literal["png", "jpg", "webp"] = "png",
    quality: Quality = 92,
    jobs: Jobs = 1,
    batch_size: BatchSize = 1,
) -> None:
    """Draw one photograph in the look of another; or every layout in every look, as a sheet and a page to share.

    Pictures may be of any and of different sizes. Label maps that are not given are estimated by the model, or by the
    network named with --segmenter. The page index.html holds everything it shows and needs no network.

    Try:

        sceneswap swap beach.jpg dusk.jpg -o beach_at_dusk.png

        sceneswap swap photos/ --out swapped/ --limit 6

        sceneswap swap --layouts maps/ --looks evenings/ --out swapped/ --format webp

        sceneswap swap a.jpg b.jpg --labels maps/ --schema ade20k-150-1based --out swapped/

    Args:
        inputs: Photographs and folders of them; or folders with images/, labels/ and schema.toml. Saved looks
            (*.look.safetensors) give a look and no layout.
        out: A .png, .jpg or .webp for one picture, the layout of the first photograph in the look of the second. Or a
            folder for swaps/LAYOUT__EXEMPLAR.png, grid.png, swap.json and index.html; made if missing.
        layouts: The rows of the grid, if they are not to be its columns too: photographs, label maps or folders.
        looks: The columns of the grid, with --layouts: photographs, saved looks or folders.
        labels: Folder with the label maps of the photographs (of --layouts), under the same names; estimated when left out.
        save_labels: Folder for the estimated label maps, to correct them and give them back with --labels.
        limit: The most scenes to take, evenly spread over those found; as many rows and as many columns.
        format: Of the pictures in swaps/; jpg and webp are smaller, and no longer exact.
    """
    must_exist(*inputs, *layouts, *looks, labels)
    from sceneswap.jobs import swap as job
    from sceneswap.jobs.sources import find_sources

    if bool(layouts) != bool(looks) or (layouts and inputs):
        raise UserError("--layouts and --looks belong together, in place of other photographs; give both alone")
    single = out.suffix.lower() in PHOTO_SUFFIXES and not out.is_dir()
    if single:
        check_output(out, inputs)
        if len(inputs) != 2 or any(path.is_dir() for path in inputs):
            raise UserError(
                f"one picture, {out}, takes two photographs: a layout and a look; name a folder as --out to draw all pairs"
            )
    reader = drawing.reader(fit=single)
    schema = reader.synthesizer.schema
    sources, found = find_sources(
        layouts or inputs,
        labels=labels,
        schema=schema,
        file_schema=reader.schema,
        limit=2 if single else limit,
        maps=bool(layouts),
    )
    if single:
        layout, exemplar = sources
        with steps("drawing tiles") as on_tile:
            job.swap_two(layout, exemplar, out, reader=reader, save_labels=save_labels, on_tile=on_tile)
        print(out)
        return
    if own := [path for path in (*inputs, *layouts, *looks) if path.is_dir() and out.is_dir() and path.samefile(out)]:
        raise UserError(
            f"--out {out} is the folder of the photographs {own[0]}, where grid.png would be taken for one next time; name "
            f"another, such as {out / 'swapped'}"
        )
    columns, more = find_sources(looks, schema=schema, limit=limit) if looks else (sources, 0)
    for taken, there in ((sources, found), (columns, more)):
        if there > len(taken):
            LOG.info("taking %d of %d scenes, evenly spread; see --limit", len(taken), there)
    rows = sum(not is_look(source.photo) for source in sources)
    with progress("drawing", rows * len(columns)) as advance:
        page = job.swap(
            reader.synthesizer, sources, out, looks=columns if looks else None, reader=reader, save_labels=save_labels,
            suffix=f".{format}", quality=quality, batch_size=batch_size, workers=jobs, on_drawn=advance,
        )  # fmt: skip
    print(page)


COMMANDS = swap
