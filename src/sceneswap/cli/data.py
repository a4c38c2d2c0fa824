"""`sceneswap data`: data folders, of the procedural renderer's scenes or of anybody's labelled photographs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

if TYPE_CHECKING:
    from sceneswap.data.importing import ImportSummary
    from sceneswap.data.pairing import Pair
    from sceneswap.labels.schema import LabelSchema
    from sceneswap.scene import LabelMap

Job = Callable[[int], object]
Size = tuple[int, int]

SMALLEST, LARGEST = 16, 4096  # pixels of a side


def render(
    out: Path,
    count: int = 0,
    swaps: int = 0,
    seed: int | None = None,
    size: int = 256,
    height: int | None = None,
    width: int | None = None,
    schema: Literal["outdoor", "procedural"] = "outdoor",
    workers: int | None = None,
) -> None:
    """Render procedural scenes as a data folder to train on, or style swaps whose answers are known.

    The same seeds give the same files, whatever their number and the number of workers. An interrupted run goes on
    where it stopped when it is started again. Seeds from 1,000,000 upwards are kept for evaluation: train on others.

    Scenes: images/SEED.png, labels/SEED.png, schema.toml and scenes.json, for `sceneswap train --data`.

    Swaps: pairs.jsonl, each line naming a label map, an exemplar with its label map, and the answer: the layout of the
    one in the look of the other.

    Try:

        sceneswap data render --count 2000 --out scenes/

        sceneswap data render --swaps 64 --out swaps/

    Args:
        out: Folder to write to; made if missing.
        count: Scenes to render.
        swaps: Style swaps to render instead.
        seed: The first seed; 0 for scenes and 1000000 for swaps unless given.
        size: Height and width in pixels.
        height: Height in pixels; as --size unless given.
        width: Width in pixels; as --size unless given.
        schema: What the label maps hold: the ids are the same, `procedural` lists only the classes that occur.
        workers: Processes; one per processor core unless given.
    """
    import os

    from sceneswap.errors import UserError
    from sceneswap.files import make_folder, write_json, write_text
    from sceneswap.procedural.render import TEST_SEEDS

    pixels = size if height is None else height, size if width is None else width
    if not all(SMALLEST <= side <= LARGEST for side in pixels):
        raise UserError(
            f"scenes of {pixels[0]}×{pixels[1]} pixels cannot be rendered; choose sides from {SMALLEST} to {LARGEST}"
        )
    if count < 0 or swaps < 0 or (count == 0) == (swaps == 0):
        raise UserError("nothing sensible to render; give either --count or --swaps, a number from 1 upwards")
    if workers is not None and workers < 1:
        raise UserError(f"--workers {workers}: give 1 or more")
    if seed is not None and seed < 0:
        raise UserError(f"--seed {seed}: give 0 or more")
    first = seed if seed is not None else TEST_SEEDS if swaps else 0
    seeds = range(first, first + (swaps or count))
    kind = "swaps" if swaps else "scenes"
    done = _read_index(out, kind, pixels, schema)
    make_folder(out)
    index: dict[str, Any] = {"kind": kind, "size": list(pixels), "schema": schema, "seeds": done}
    write_json(out / "scenes.json", index)
    write_text(out / "schema.toml", f'preset = "{schema}"\n')
    job: Job = partial(_render_swap if swaps else _render_scene, out=out, size=pixels, schema=schema)
    paths = _swap_paths if swaps else _scene_paths

    def complete(number: int) -> bool:
        return all(path.is_file() for path in paths(out, number).values())

    missing = [number for number in seeds if not complete(number)]
    _run_all(job, missing, workers or os.cpu_count() or 1)
    index["seeds"] = sorted(number for number in {*done, *seeds} if complete(number))
    write_json(out / "scenes.json", index)
    if swaps:
        write_text(out / "pairs.jsonl", "".join(_swap_line(out, number) for number in index["seeds"]))
    skipped = len(seeds) - len(missing)
    print(f"{kind} rendered in {out}: {len(missing):,}" + (f"; already there: {skipped:,}" if skipped else ""))


def _read_index(out: Path, kind: str, size: Size, schema: str) -> list[int]:
    """The seeds in scenes.json of a folder that holds the same kind of pictures; none of a new folder."""
    from sceneswap.errors import UserError
    from sceneswap.files import read_json

    path = out / "scenes.json"
    if not path.exists():
        if any((out / name).exists() for name in ("images", "labels", "schema.toml")):
            raise UserError(f"{out} holds data that `data render` has not written; choose another folder")
        return []
    index = read_json(path, "the index of rendered scenes")
    wanted: dict[str, Any] = {"kind": kind, "size": list(size), "schema": schema}
    try:
        seeds = [int(number) for number in index["seeds"]]
        other = [f"{name} {index[name]}" for name, value in wanted.items() if index[name] != value]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is not an index of rendered scenes; choose another folder") from error
    if other:
        raise UserError(
            f"{out} holds rendered pictures of {', '.join(other)}; choose another folder or the same options"
        )
    return seeds


def _scene_paths(out: Path, seed: int) -> dict[str, Path]:
    return {"photo": out / "images" / f"{seed:06d}.png", "label_map": out / "labels" / f"{seed:06d}.png"}


def _swap_paths(out: Path, seed: int) -> dict[str, Path]:
    folders = {"label_map": "label_maps", "exemplar": "exemplars", "exemplar_label_map": "exemplar_label_maps",
               "answer": "answers"}  # fmt: skip
    return {name: out / folder / f"{seed:06d}.png" for name, folder in folders.items()}


def _swap_line(out: Path, seed: int) -> str:
    import json

    return json.dumps({name: path.relative_to(out).as_posix() for name, path in _swap_paths(out, seed).items()}) + "\n"


def _render_scene(seed: int, out: Path, size: Size, schema: str) -> None:
    from sceneswap.images import write_png
    from sceneswap.procedural.render import scene

    one, paths = scene(seed, size), _scene_paths(out, seed)
    write_png(paths["photo"], one.photo)
    _write_label_map(paths["label_map"], one.label_map, schema)


def _render_swap(seed: int, out: Path, size: Size, schema: str) -> None:
    from sceneswap.images import write_png
    from sceneswap.procedural.render import swap_pair

    target, exemplar, answer = swap_pair(seed, size)
    paths = _swap_paths(out, seed)
    _write_label_map(paths["label_map"], target.label_map, schema)
    write_png(paths["exemplar"], exemplar.photo)
    _write_label_map(paths["exemplar_label_map"], exemplar.label_map, schema)
    write_png(paths["answer"], answer)


def _write_label_map(path: Path, label_map: LabelMap, name: str) -> None:
    from sceneswap.labels.io import write_label_map
    from sceneswap.labels.presets import load_schema

    drawn, schema = load_schema("procedural"), load_schema(name)
    write_label_map(path, drawn.convert(label_map, schema), schema)


def _run_all(job: Job, seeds: Sequence[int], workers: int) -> None:
    """Do the job for every seed, in this process or in several; on Ctrl-C started files are finished or left out."""
    from sceneswap.cli.progress import progress

    with progress("rendering", len(seeds)) as advance, _mapping(min(workers, len(seeds) // 4)) as mapping:
        for _ in mapping(job, seeds):
            advance(1)


@contextmanager
def _mapping(workers: int) -> Iterator[Callable[[Job, Sequence[int]], Iterator[object]]]:
    """`map`, over several processes when there is work for more than one."""
    if workers < 2:
        yield map
        return
    import signal
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    ignore_interrupts = partial(signal.signal, signal.SIGINT, signal.SIG_IGN)  # the parent ends them
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=ignore_interrupts)
    try:
        yield partial(pool.map, chunksize=4)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def import_(
    source: Annotated[Path, tyro.conf.Positional],
    out: Path,
    schema: str,
    to: Annotated[str, tyro.conf.arg(name="to")] = "outdoor",
    layout: str = "images+labels",
    short_side: int = 0,
    max_void: float = 1.0,
    hashes: Path | None = None,
    part: str | None = None,
) -> None:
    """Make a data folder of labelled photographs: paired, checked, converted into one schema.

    Writes images/, labels/, schema.toml and import.json, which says where every picture comes from. Photographs keep
    their bytes unless they are shrunk. An interrupted import goes on where it stopped when it is started again.

    Classes without a counterpart in the schema written become void: unlabelled, and left out of training.

    Try:

        sceneswap data import my_photos --schema ade20k-150-1based --out my_data

        sceneswap data import coco --layout train_img+train_label --schema coco-stuffthingmaps --out coco_outdoor

    Args:
        source: The folder that holds the photographs and the label maps.
        out: Folder to write to; made if missing. One for every source.
        schema: What the label maps hold: a preset (see `sceneswap labels list`), or a .toml or .json schema file.
        to: The schema to convert to: a preset or a schema file.
        layout: The folders of the photographs and of the label maps in the source, joined by +.
        short_side: Shrink photographs whose shorter side is longer than so many pixels; 0 leaves them as they are.
        max_void: Leave out pictures of which a larger share than this, 0 to 1, is void after the conversion.
        hashes: JSON file of the SHA-256 sums of photographs by part, {"train": [...], "test": [...]}: import only those.
        part: The part of --hashes to import.
    """
    from sceneswap.cli.progress import progress
    from sceneswap.data.importing import ImportOptions, import_pairs, read_hashes
    from sceneswap.data.pairing import find_pairs
    from sceneswap.errors import UserError
    from sceneswap.labels.presets import load_schema

    if (hashes is None) != (part is None):
        raise UserError("--hashes and --part belong together; give the list and the part of it to import, or neither")
    listed = read_hashes(hashes, part) if hashes is not None and part is not None else None
    options = ImportOptions(load_schema(schema), load_schema(to), short_side, max_void, listed)
    pairs = find_pairs(source, layout)
    with progress("importing", len(pairs)) as advance:

        def track(all_pairs: Sequence[Pair]) -> Iterator[Pair]:
            for pair in all_pairs:
                yield pair
                advance(1)

        summary = import_pairs(pairs, out, options, str(source), track)
    _print_summary(summary, out, options.target)


def _print_summary(summary: ImportSummary, out: Path, schema: LabelSchema, shown: int = 12) -> None:
    """Print what was imported and left out, and a table of the commonest classes."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    present = f"; already there: {summary.present:,}" if summary.present else ""
    print(f"scenes imported to {out} as {schema.name}: {summary.written:,}{present}")
    for reason, count in summary.left_out.items():
        print(f"left out: {count:,} {reason}")
    table = Table("class")
    for column in ("share", "scenes"):
        table.add_column(column, justify="right")
    pixels, maps = summary.pixels.tolist(), summary.maps.tolist()
    classes = sorted((i for i in range(schema.num_classes) if pixels[i]), key=lambda i: -pixels[i])
    rows = [(schema.names[i], pixels[i], f"{maps[i]:,}") for i in classes[:shown]]
    if len(classes) > shown:
        rows.append((f"{len(classes) - shown} more", sum(pixels[i] for i in classes[shown:]), ""))
    for name, count, scenes in [*rows, ("void", pixels[-1], f"{maps[-1]:,}")]:
        table.add_row(Text(name), f"{count / sum(pixels):.2%}", scenes)
    Console().print(table)


COMMANDS: dict[str, Callable[..., None]] = {"render": render, "import": import_}
