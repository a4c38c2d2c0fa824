"""`sceneswap restyle`."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from sceneswap.bounds import Between
from sceneswap.cli.options import BatchSize, DrawingOptions, EngineOptions, Jobs, LongSide, Place, Quality, Seed, Share
from sceneswap.cli.printing import print_actors, print_table
from sceneswap.errors import UserError, counted
from sceneswap.labels.presets import load_schema
from sceneswap.notes import LOG
from sceneswap.progress import progress, tracked
from sceneswap.remote import check_reachable

if TYPE_CHECKING:
    from sceneswap.jobs.restyle.run import Summary
    from sceneswap.labels.schema import LabelSchema

_SHOWN = 20  # errors, and names of classes


@dataclass(frozen=True, kw_only=True)
class RestyleOptions(DrawingOptions):
    """How files are read and pictures drawn."""

    schema: str | None = None
    """What the label maps hold: a preset or schema file; DATA/schema.toml by default."""
    long_side: LongSide | None = 1024
    """Longer side in pixels at which copies are drawn at most; they always get the size of their label map."""


def restyle(
    data: Annotated[Place, tyro.conf.Positional, tyro.conf.arg(metavar="DATA")],
    looks: Annotated[tuple[Place, ...], tyro.conf.arg(metavar="DIR_OR_PHOTO ...")],
    out: Annotated[Place, tyro.conf.arg(aliases=["-o"])],
    drawing: RestyleOptions,
    where: EngineOptions,
    per_image: Annotated[int, Between(1, 1000)] = 4,
    layout: str = "images+labels",
    annotations: tuple[Place, ...] = (),
    seed: Seed = 0,
    overlap: Share = 0.0,
    agreement: Share = 0.0,
    max_void: Share = 1.0,
    format: Literal["jpg", "png", "webp"] = "jpg",
    quality: Quality = 92,
    shard: str | None = None,
    jobs: Jobs = 1,
    batch_size: BatchSize = 1,
) -> None:
    """Draw every picture of a labelled data set again in other looks, its labels carried along: data for training.

    A copy has the layout of its label map and the light and materials of the look, so the labels stay true of it as far
    as the model draws what they say: look at the page, and drop what is not read as drawn with --agreement 0.6.

    Writes a data set of the same folders: images/NAME__1.jpg, labels/NAME__1.png with the bytes of the label map, and so
    on; pictures.csv lists every copy with its look, index.html shows 24. The same command goes on where it was
    stopped and gives the same files.

    Try:

        sceneswap restyle my_data --looks evenings/ --out restyled

        sceneswap restyle CamVid --layout train+trainannot --schema camvid --looks dusk.jpg rain.jpg --per-image 2 --out dusky

        sceneswap restyle coco --layout train+maps --schema coco-stuffthingmaps --looks looks/ --out more --shard 3/16

        sceneswap restyle coco --layout train+maps --schema coco-stuffthingmaps --looks looks/ --out more --engine ray

    Args:
        data: The folder that holds the photographs and the label maps.
        looks: Photographs, saved looks (*.look.safetensors), folders of both, or a folder like DATA. The classes of
            photographs are estimated where they have no label map.
        out: Folder to write to; made if missing. It, DATA and looks may lie in an object store (s3://, gs://).
        per_image: Copies of every picture, each in another look.
        layout: The folders of the photographs and of the label maps in DATA, joined by +; or patterns of the files, as for
            `sceneswap data import`.
        annotations: Folders of .txt (YOLO) or .xml (Pascal VOC) files, COCO .json files: carried to the copies by name.
        seed: Chooses the looks: a picture gets the same ones, whatever else is in DATA.
        overlap: Only looks whose classes are like the picture's: the least intersection of the two shares, 0 to 1.
        agreement: Drop copies in which less than this share of the pixels is read as the class drawn, 0 to 1.
        max_void: Leave out pictures of which a larger share than this, 0 to 1, has no class that the model knows.
        format: Of the copies; png is exact and large.
        shard: Make only a part, such as 3/16, the third of sixteen machines. Without --shard, the same command then
            gathers what all have made.
    """
    from sceneswap.data.pairing import find_pairs
    from sceneswap.engines.local import in_order
    from sceneswap.jobs.restyle.annotations import Annotations
    from sceneswap.jobs.restyle.plan import Places, RestyleSettings, Shard
    from sceneswap.jobs.restyle.run import Job, restyle
    from sceneswap.jobs.sources import find_sources

    settings = RestyleSettings(
        per_image=per_image, seed=seed, overlap=overlap, agreement=agreement, max_void=max_void,
        long_side=1024 if drawing.long_side is None else drawing.long_side, suffix=f".{format}", quality=quality,
    )  # fmt: skip
    part = Shard() if shard is None else Shard.parse(shard)
    check_reachable(data, *looks, out, *annotations)
    if where.engine == "ray" and any(str(one).startswith("memory:") for one in (data, *looks, out)):
        raise UserError("memory:// is of one process alone, so a cluster cannot reach it; name another place")
    pairs = find_pairs(data, layout)
    known = _schema_of(data, drawing.schema)
    taken = ("looks", "dropped", "restyle.json", "pictures.csv", "index.html", "schema.toml")
    carried = Annotations.of(annotations, taken)
    reader = drawing.reader()
    sources, _ = find_sources(looks, schema=reader.synthesizer.schema)
    job = Job(pairs, Places(data, layout), known, sources, out, settings, carried, part)
    _tell_unknown(known, reader.synthesizer.schema)
    ray = where.on_ray(drawing, jobs)
    with progress("restyling", len(part.of(pairs))) as advance:

        def done(so_far: "Summary") -> None:
            dropped = f"{so_far.copies['dropped']:,} dropped" if agreement > 0 else ""
            advance(note=" · ".join(filter(None, (dropped, ray.note() if ray else ""))))

        summary = restyle(
            reader,
            job,
            batch_size=batch_size,
            engine=ray or partial(in_order, workers=jobs),
            track_looks=lambda some: tracked(some, "encoding looks"),
            on_done=done,
        )
    print_actors(ray)
    _print(summary, out, settings.agreement, shard)
    if summary.errors:
        raise UserError(f"{len(summary.errors):,} of {len(part.of(pairs)):,} pictures failed; mend or remove them")
    if shard is None:
        print(out / "index.html")


def _schema_of(data: Path, named: str | None) -> "LabelSchema":
    from sceneswap.data.folder import read_folder_schema

    if named is not None:
        return load_schema(named)
    if not (data / "schema.toml").exists():
        raise UserError(
            f"what do the label maps of {data} hold? Name their schema with --schema (see `sceneswap labels list`), or "
            "write it into schema.toml there"
        )
    return read_folder_schema(data)


def _tell_unknown(schema: "LabelSchema", model: "LabelSchema") -> None:
    """Say which classes cannot be drawn."""
    lost = [c.name for c, i in zip(schema.classes, schema.mapping_to(model), strict=False) if i == model.void_index]
    if lost:
        more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
        LOG.warning(
            "the model's schema %s lacks %s%s; these areas are drawn as void, so their labels will not be true of the copies "
            "(see --max-void)", model.name, ", ".join(lost[:_SHOWN]), more,
        )  # fmt: skip


def _print(summary: "Summary", out: Path, agreement: float, shard: str | None) -> None:
    copies = summary.copies
    part = f", shard {shard}" if shard else ""
    print(f"{out}{part}: {copies['drawn']:,} drawn, {copies['there']:,} there already")
    if agreement > 0:
        print(f"dropped: {copies['dropped']:,} copies read as drawn in less than {agreement:.0%} of their pixels")
    if summary.wanting:
        print(f"wanting: {summary.wanting:,} copies, for no more looks are like enough; lower --overlap for more")
    for reason, count in summary.left_out.items():
        print(f"left out: {counted(count, 'picture')} {reason}")
    if summary.errors:
        errors = list(summary.errors.items())[:_SHOWN]
        print_table(["picture", "error"], errors, error=True)


COMMANDS = restyle
