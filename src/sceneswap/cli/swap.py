"""`sceneswap swap`."""

from pathlib import Path
from typing import Annotated, Literal

import tyro


def swap(
    inputs: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="DIR_OR_PHOTO ...")],
    out: Path,
    model: str | None = None,
    labels: Path | None = None,
    schema: str | None = None,
    limit: int = 12,
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
    precision: Literal["fp32", "bf16"] = "fp32",
    batch_size: int = 8,
) -> None:
    """Draw every layout in the look of every exemplar: single pictures, one sheet, and a page to look at and share.

    Pictures may be of any and of different sizes. The page index.html holds everything it shows and needs no network.

    Try:

        sceneswap swap scenes/ --out swapped/ --limit 6

        sceneswap swap a.jpg b.jpg --labels maps/ --schema ade20k-150-1based --out swapped/

    Args:
        inputs: Folders with images/, labels/ and schema.toml; or photographs and folders of them, with --labels.
        out: Folder for swaps/LAYOUT__EXEMPLAR.png, grid.png, swap.json and index.html; made if missing.
        model: A model folder or hub id; the model that comes with the package by default.
        labels: Folder with the label maps of the photographs, under the same names.
        schema: What the maps in --labels hold: a preset or schema file; the model's own by default.
        limit: The most scenes to take, evenly spread over those found; the grid has this number squared.
        device: auto takes a GPU where there is one.
        precision: bf16 is faster on many machines and hardly different.
        batch_size: The most pictures drawn at once.
    """
    import sys

    from sceneswap.cli.progress import progress
    from sceneswap.errors import UserError
    from sceneswap.inference.swap import find_sources
    from sceneswap.inference.swap import swap as draw_swaps
    from sceneswap.inference.synthesizer import Synthesizer
    from sceneswap.labels.schema import load_schema

    if batch_size < 1:
        raise UserError("--batch-size must be at least 1")
    synthesizer = Synthesizer.from_pretrained(model, device=device, precision=precision)
    file_schema = load_schema(schema) if schema else None
    sources, found = find_sources(
        inputs, labels=labels, schema=synthesizer.schema, file_schema=file_schema, limit=limit
    )  # fmt: skip
    if found > len(sources):
        print(f"sceneswap: taking {len(sources)} of {found:,} scenes, evenly spread; see --limit", file=sys.stderr)
    with progress("drawing", len(sources) ** 2) as advance:
        page = draw_swaps(synthesizer, sources, out, batch_size=batch_size, on_drawn=advance)
    print(page)


COMMANDS = swap
