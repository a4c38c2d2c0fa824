"""`sceneswap data`: data folders, of the procedural renderer's scenes or of anybody's labelled photographs; shards of them."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import tyro

from sceneswap.bounds import Between
from sceneswap.cli.options import Share, Workers
from sceneswap.cli.printing import print_classes
from sceneswap.errors import UserError, counted, printable
from sceneswap.labels.presets import load_schema
from sceneswap.progress import tracked

Side = Annotated[int, Between(16, 4096)]  # pixels
Scenes = Annotated[int, Between(0, 1_000_000)]  # the seeds from there on are for evaluation
FAULTS_SHOWN = 20  # files that cannot be used


def render(
    out: Path,
    count: Scenes = 0,
    swaps: Scenes = 0,
    seed: Annotated[int, Between(0, 10**9)] | None = None,
    size: Side = 256,
    height: Side | None = None,
    width: Side | None = None,
    schema: Literal["outdoor", "procedural"] = "outdoor",
    workers: Workers | None = None,
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
    from sceneswap.jobs.render import render_folder
    from sceneswap.procedural.render import TEST_SEEDS

    pixels = size if height is None else height, size if width is None else width
    if (count == 0) == (swaps == 0):
        raise UserError("nothing sensible to render; give either --count or --swaps, a number from 1 upwards")
    first = seed if seed is not None else TEST_SEEDS if swaps else 0
    seeds = range(first, first + (swaps or count))
    new, old = render_folder(out, seeds, pixels, schema, swaps=swaps > 0, workers=workers or os.cpu_count() or 1)
    kind = "swaps" if swaps else "scenes"
    print(f"{kind} rendered in {out}: {new:,}" + (f"; already there: {old:,}" if old else ""))


def import_(
    source: Annotated[Path, tyro.conf.Positional],
    out: Path,
    schema: str,
    to: Annotated[str | None, tyro.conf.arg(name="to")] = None,
    layout: str = "images+labels",
    keep: Literal["outdoor", "indoor"] | None = None,
    min_share: Share | None = None,
    in_place: bool = False,
    repair: bool = False,
    short_side: Annotated[int, Between(0, 16_384)] = 0,
    max_void: Share = 1.0,
    hashes: Path | None = None,
    part: str | None = None,
    workers: Workers | None = None,
) -> None:
    """Make a data folder of labelled photographs: paired, checked, chosen, converted into one schema.

    Writes images/, labels/, schema.toml and import.json, which says where every picture comes from. Photographs keep
    their bytes unless they are shrunk. An interrupted import goes on where it stopped when it is started again.

    A file that cannot be used is listed and passed over.

    Classes without a counterpart in the schema written become void: unlabelled, and left out of training. With --keep or
    --in-place the label maps stay in their own schema unless --to is given.

    With --keep only outdoor or indoor scenes are imported: those of whose labelled pixels at least --min-share are of
    classes that occur only there (the field `setting` of the schema). kept.json lists them, with the rule.

    Try:

        sceneswap data import my_photos --schema ade20k-150-1based --out my_data

        sceneswap data import coco --layout images/train2017+stuffthingmaps/train2017 --schema coco-stuffthingmaps --keep outdoor --in-place --out coco_outdoor

    Args:
        source: The folder that holds the photographs and the label maps.
        out: Folder to write to; made if missing. One for every source.
        schema: What the label maps hold: a preset (see `sceneswap labels list`), or a .toml or .json schema file.
        to: The schema to convert to, a preset or a schema file; outdoor, or none, see above.
        layout: The folders of the photographs and of the label maps in the source, joined by +; or patterns of files with *.
        keep: Import only scenes of this setting.
        min_share: The share of labelled pixels that --keep asks for, 0 to 1; 0.5 unless given.
        in_place: Leave the photographs where they are: the folder holds an index of them.
        repair: Mend label maps that are almost such, and names that all end alike, as `sceneswap labels convert` does.
        short_side: Shrink photographs whose shorter side is longer than so many pixels; 0 leaves them as they are.
        max_void: Leave out pictures of which a larger share than this, 0 to 1, is void after the conversion.
        hashes: JSON file of the SHA-256 sums of photographs by part, {"train": [...], "test": [...]}: import only those.
        part: The part of --hashes to import.
        workers: Processes; one per processor core unless given.
    """  # noqa: E501 a command to copy
    from sceneswap.data.importing import import_pairs, read_hashes
    from sceneswap.data.pairing import find_pairs
    from sceneswap.data.record import ImportOptions
    from sceneswap.data.selection import Selection

    if (hashes is None) != (part is None):
        raise UserError("--hashes and --part belong together; give the list and the part of it to import, or neither")
    listed = read_hashes(hashes, part) if hashes is not None and part is not None else None
    if min_share is not None and keep is None:
        raise UserError("--min-share is of --keep; give --keep outdoor or --keep indoor too")
    own = load_schema(schema)
    target = load_schema(to) if to is not None else own if keep or in_place else load_schema("outdoor")
    selection = Selection(keep, 0.5 if min_share is None else min_share) if keep else None
    options = ImportOptions(own, target, short_side, max_void, listed, selection, in_place, repair)
    pairs = find_pairs(source, layout, repair=repair)
    summary = import_pairs(
        pairs, out, options, str(source), lambda pairs: tracked(pairs, "importing"), workers or os.cpu_count() or 1
    )
    present = f"; already there: {summary.present:,}" if summary.present else ""
    print(f"scenes imported to {out} as {options.target.name}: {summary.written:,}{present}")
    if summary.mended:
        done = "; ".join(f"{count:,} pixels {what}" for what, count in summary.repairs.items())
        print(f"mended: {counted(summary.mended, 'label map')}: {done}; import.json names each")
    for reason, count in summary.left_out.items():
        print(f"left out: {count:,} {reason}")
    for fault in list(summary.faults.values())[:FAULTS_SHOWN]:
        print(f"left out: {printable(fault)}")
    if len(summary.faults) > FAULTS_SHOWN:
        print(f"left out: {len(summary.faults) - FAULTS_SHOWN:,} more files; {out / 'import.json'} names them all")
    print_classes(options.target, summary.pixels, summary.maps, shown=12)


def shard(
    data: Annotated[tuple[Path, ...], tyro.conf.Positional],
    out: Path,
    size: str = "256MB",
    workers: Workers | None = None,
) -> None:
    """Pack data folders into shards: tars of about one size that WebDataset and Hugging Face datasets read.

    Photographs and label maps keep their bytes; beside every tar lies an index of its scenes with their hashes, beside all
    of them shards.json. `sceneswap train --data shards/` reads them where they lie, locally or by URL.

    An interrupted run goes on where it stopped when it is started again. Equal folders give equal bytes.

    Try:

        sceneswap data shard my_data --out shards/ --size 256MB

    Args:
        data: Data folders, with images/, labels/ and schema.toml.
        out: Folder to write to; made if missing.
        size: Bytes of a shard, about: a number with KB, MB or GB.
        workers: Processes; one per processor core unless given.
    """
    from sceneswap.data.sharding import shard_folders

    summary = shard_folders(
        data,
        out,
        size=_bytes(size),
        workers=workers or os.cpu_count() or 1,
        track=lambda plan: tracked(plan, "sharding"),
    )
    present = f"; already there: {counted(summary.present, 'shard')}" if summary.present else ""
    what = f"{counted(summary.scenes, 'scene')} in {counted(summary.shards, 'shard')}, {summary.bytes / 1e6:,.1f} MB"
    print(f"sharded to {out}: {what}{present}")


def verify(
    data: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="SHARDS ...")],
    pictures: bool = False,
    workers: Workers | None = None,
    cache: Path | None = None,
) -> None:
    """Compare every byte of shards with the hashes of their index, and look into every scene.

    Each fault is named on one line: changed bytes, a tar that is cut short or missing, links and devices, a photograph
    without its label map. Nothing is written.

    Try:

        sceneswap data verify shards/

    Args:
        data: Folders of shards, tars (shards/shard-{000000..000127}.tar), or URLs.
        pictures: Decode every photograph and label map too.
        workers: Processes; one per processor core unless given.
        cache: Folder that keeps shards fetched from URLs; sceneswap/shards in your cache unless given.
    """
    from sceneswap.data.shard_check import verify_shards
    from sceneswap.data.shard_dataset import find_shards

    shards = find_shards(data, cache)
    faults = verify_shards(
        shards,
        pictures=pictures,
        workers=workers or os.cpu_count() or 1,
        track=lambda them: tracked(them, "verifying"),
    )
    for fault in faults[:FAULTS_SHOWN]:
        print(printable(fault), file=sys.stderr)
    scenes, size = sum(one.shard.nsamples for one in shards), sum(one.shard.filesize for one in shards)
    if faults:
        more = f" ({len(faults) - FAULTS_SHOWN:,} more)" if len(faults) > FAULTS_SHOWN else ""
        raise UserError(
            f"{counted(len(faults), 'fault')} in {counted(len(shards), 'shard')}; see the lines above{more}"
        )
    print(
        f"verified: {counted(scenes, 'scene')} in {counted(len(shards), 'shard')}, {size / 1e6:,.1f} MB, nothing amiss"
    )


def _bytes(text: str) -> int:
    """A size such as 256MB in bytes. Raises `UserError`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?)B?", text.strip(), re.IGNORECASE)
    found = int(float(match[1]) * 1000 ** " KMG".index(match[2].upper() or " ")) if match else 0
    if not 1000 <= found <= 10**12:
        raise UserError(f"--size {text}: give the bytes of a shard, such as 256MB; from 1KB to 1000GB")
    return found


COMMANDS: dict[str, Callable[..., None]] = {"render": render, "import": import_, "shard": shard, "verify": verify}
