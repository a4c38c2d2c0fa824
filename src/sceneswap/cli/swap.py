"""`sceneswap swap`."""

from pathlib import Path
from typing import Annotated, Literal

import tyro


def swap(
    inputs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="DIR_OR_PHOTO ...")],
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    model: str | None = None,
    labels: Path | None = None,
    schema: str | None = None,
    segmenter: str | None = None,
    long_side: int | None = None,
    save_labels: Path | None = None,
    limit: int = 12,
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
    precision: Literal["fp32", "bf16"] = "fp32",
    batch_size: int = 8,
) -> None:
    """Draw one photograph in the look of another; or every layout in every look, as a sheet and a page to share.

    Pictures may be of any and of different sizes. Label maps that are not given are estimated by the model, or by the
    network named with --segmenter. The page index.html holds everything it shows and needs no network.

    Try:

        sceneswap swap beach.jpg dusk.jpg -o beach_at_dusk.png

        sceneswap swap photos/ --out swapped/ --limit 6

        sceneswap swap a.jpg b.jpg --labels maps/ --schema ade20k-150-1based --out swapped/

    Args:
        inputs: Photographs and folders of them; or folders with images/, labels/ and schema.toml.
        out: A .png for one picture, the layout of the first photograph in the look of the second. Or a folder for
            swaps/LAYOUT__EXEMPLAR.png, grid.png, swap.json and index.html; made if missing.
        model: A model folder or hub id; the model that comes with the package by default.
        labels: Folder with the label maps of the photographs, under the same names; estimated when left out.
        schema: What the maps in --labels hold: a preset or schema file; the model's own by default.
        segmenter: A network to estimate label maps with instead of the model: a transformers folder or Hugging Face id
            (pip install 'sceneswap[segmenter]'), or a safetensors file of DeepLabV3+ for ADE20K.
        long_side: Longer side of the pictures in pixels, never more than a layout has. By default 512, and in a folder of
            all pairs the size of the label maps where they are given.
        save_labels: Folder for the estimated label maps, to correct them and give them back with --labels.
        limit: The most scenes to take, evenly spread over those found; the grid has this number squared.
        device: auto takes a GPU where there is one.
        precision: bf16 is faster on many machines and hardly different.
        batch_size: The most pictures drawn at once.
    """
    import sys

    from sceneswap.cli.progress import progress
    from sceneswap.errors import UserError
    from sceneswap.images import PHOTO_SUFFIXES
    from sceneswap.inference.synthesizer import Synthesizer
    from sceneswap.jobs.manifest import check_output
    from sceneswap.jobs.reader import PHOTO_SIDE, SceneReader
    from sceneswap.jobs.swap import find_sources, swap_two
    from sceneswap.jobs.swap import swap as draw_swaps
    from sceneswap.labels.presets import load_schema

    if batch_size < 1:
        raise UserError("--batch-size must be at least 1")
    single = out.suffix.lower() in PHOTO_SUFFIXES and not out.is_dir()
    if single:
        check_output(out, inputs)
        if len(inputs) != 2 or any(path.is_dir() for path in inputs):
            raise UserError(
                f"one picture, {out}, takes two photographs: a layout and a look; name a folder as --out to draw all pairs"
            )
        long_side, limit = long_side or PHOTO_SIDE, 2
    synthesizer = Synthesizer.from_pretrained(model, device=device, precision=precision)
    file_schema = load_schema(schema) if schema else None
    sources, found = find_sources(
        inputs, labels=labels, schema=synthesizer.schema, file_schema=file_schema, limit=limit
    )  # fmt: skip
    reader = SceneReader(synthesizer, segmenter, long_side=long_side)
    if single:
        layout, exemplar = sources
        swap_two(synthesizer, layout, exemplar, out, reader=reader, save_labels=save_labels)
        print(out)
        return
    if found > len(sources):
        print(f"sceneswap: taking {len(sources)} of {found:,} scenes, evenly spread; see --limit", file=sys.stderr)
    with progress("drawing", len(sources) ** 2) as advance:
        page = draw_swaps(
            synthesizer, sources, out, reader=reader, save_labels=save_labels, batch_size=batch_size, on_drawn=advance
        )  # fmt: skip
    print(page)


COMMANDS = swap
