"""A labelled data set restyled: the plan is checked, every row made into its copies, and what they are is gathered.

Files of the folder written:

    images/NAME__1.jpg …   labels/NAME__1.png …   schema.toml     a data set like the one read (folders named as there)
    restyle.json                                                  the plan, and how it went
    pictures.csv           index.html                             every copy and its look; examples
    looks/                 dropped/                               the looks, encoded; notes of copies that were not kept
"""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sceneswap.data.pairing import Pair
from sceneswap.data.record import schema_text
from sceneswap.engines import Engine
from sceneswap.engines.local import in_order
from sceneswap.errors import UserError
from sceneswap.files import is_look, make_folder, read_json, sweep, write_json, write_text
from sceneswap.guard import keep_files, keep_inputs
from sceneswap.jobs.reader import SceneReader
from sceneswap.jobs.restyle.annotations import Annotations
from sceneswap.jobs.restyle.copies import CopyMaker, Outcome, kept
from sceneswap.jobs.restyle.looks import Looks, encode_looks
from sceneswap.jobs.restyle.page import write_examples
from sceneswap.jobs.restyle.plan import DROPPED, RECORD, Places, RestyleSettings, Shard, check_folder, header
from sceneswap.jobs.sources import Source
from sceneswap.labels.schema import LabelSchema
from sceneswap.remote import is_remote

LOOKS = "looks"
"""The folder of the encoded looks: others may have begun it, for a look's name says what it was made of."""
_TABLES = ("schema.toml", "pictures.csv", "index.html")
_TRIED = 8  # rows that all fail, after which the rest would too


@dataclass(frozen=True)
class Job:
    """What to restyle, after what, and where to. places: root and layout of the data set that the pairs were found in."""

    pairs: Sequence[Pair]
    places: Places
    schema: LabelSchema
    looks: Sequence[Source]
    out: Path
    settings: RestyleSettings = field(default_factory=RestyleSettings)
    annotations: Annotations = field(default_factory=Annotations)
    shard: Shard = field(default_factory=Shard)

    @cached_property
    def folders(self) -> list[str]:
        """Those in the folder written that copies, looks, notes and annotations are written to."""
        carried = (one.name for one in self.annotations.folders)
        return [*self.places.folders(self.pairs), DROPPED, LOOKS, *carried]

    @property
    def tables(self) -> list[str]:
        """The files in the folder written that tell of all copies."""
        return [RECORD, *_TABLES, *(one.name for one in self.annotations.coco)]


@dataclass
class Summary:
    """How it went. copies: per state ("drawn", "there", "dropped"). left_out: reason -> pictures. errors: picture -> why."""

    copies: Counter[str] = field(default_factory=Counter)
    wanting: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    errors: dict[str, str] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Count one picture."""
        self.copies.update(copy.state for copy in outcome.copies)
        self.wanting += outcome.wanting
        if outcome.left_out:
            self.left_out[outcome.left_out] += 1
        if outcome.error:
            self.errors[outcome.pair.name] = outcome.error


def restyle(
    reader: SceneReader,
    job: Job,
    *,
    batch_size: int = 1,
    engine: Engine = in_order,
    track_looks: Callable[[Sequence[Source]], Iterable[Source]] = iter,
    on_done: Callable[[Summary], None] = lambda summary: None,
) -> Summary:
    """Make the copies of every picture of the job's shard; when all of the data set is one shard, gather what there is.

    The same job gives the same files, bit for bit, however often it was interrupted; finished copies are left alone.
    After shards, the same job without one finds all copies there and gathers them. on_done: called after every picture.

    Raises `UserError` for a plan that cannot be carried out, before anything is drawn; when a file cannot be written;
    and when the first pictures all fail.
    """
    known = reader.synthesizer.schema
    if bool(np.all(job.schema.mapping_to(known) == known.void_index)):
        raise UserError(
            f"no class of schema {job.schema.name} has a counterpart in the model's {known.name}, so nothing could be "
            "drawn; give the classes their counterparts in a schema file"
        )
    job.annotations.check(job.pairs)
    _check_places(job)
    if job.settings.agreement > 0 or any(one.label_map is None and not is_look(one.photo) for one in job.looks):
        _ = reader.labeller  # says at once when there is none
    looks = _prepare(reader, job, track_looks)
    make = CopyMaker(reader, job.schema, looks, job.settings, job.out, job.places, job.annotations, batch_size)
    rows = job.shard.of(job.pairs)
    summary, outcomes = Summary(), list[Outcome]()
    for outcome in engine(make, rows):
        outcomes.append(outcome)
        summary.add(outcome)
        on_done(summary)
        if len(outcomes) == len(summary.errors) == min(_TRIED, len(rows)):
            raise UserError(outcomes[0].error)
    if job.shard.count == 1:
        _gather(reader, job, looks, outcomes, summary)
    return summary


def _check_places(job: Job) -> None:
    """Raise `UserError` when the copies would come to lie among what is read."""
    inputs = [file for pair in job.pairs for file in (pair.photo, pair.label_map)]
    inputs += [file for source in job.looks for file in source.files if file is not None]
    outputs, folders = ([job.out / name for name in names] for names in (job.tables, job.folders))
    keep_inputs(outputs, [*inputs, *job.annotations.coco], filled=folders)


def _prepare(reader: SceneReader, job: Job, track: Callable[[Sequence[Source]], Iterable[Source]]) -> Looks:
    """Open or begin the folder, with the looks in it."""
    settings, out = job.settings, job.out
    if settings.overlap == 0 and settings.per_image > len(job.looks):
        raise UserError(
            f"{settings.per_image} copies of every picture need as many looks, but there are {len(job.looks)}; name more with "
            "--looks, or ask for fewer with --per-image"
        )
    wanted = header(
        settings,
        schema=schema_text(job.schema),
        layout=job.places.layout,
        model=reader.synthesizer.describe() | ({"read_by": reader.labeller.record} if settings.agreement > 0 else {}),
        looks=[reader.exemplar_notes(one.photo, one.label_map, one.schema) for one in job.looks],
    )
    begun = check_folder(out, wanted, [name for name in (*job.folders, *job.tables) if name not in (LOOKS, RECORD)])
    keep_files(out / name for name in (RECORD, *_TABLES))
    looks = encode_looks(reader, job.looks, out / LOOKS, track)
    if settings.overlap > 0:
        looks.check_shares()
    make_folder(out)
    if not begun or read_json(out / RECORD, "the record")["settings"] != wanted["settings"]:
        write_json(out / RECORD, wanted)
    write_text(out / "schema.toml", schema_text(job.schema))
    _sweep(job)
    return looks


def _sweep(job: Job) -> None:
    """Delete what processes left behind that were killed while they wrote, unless other machines may be writing."""
    if job.shard.count == 1 and not is_remote(job.out):
        for folder in {job.out, *(job.out / name for name in job.folders)}:
            sweep(folder, alone=True)


def _gather(reader: SceneReader, job: Job, looks: Looks, outcomes: Sequence[Outcome], summary: Summary) -> None:
    """Write what is known of all copies together: pictures.csv, COCO annotations, the page, the record."""
    out, there = job.out, kept(outcomes)
    _sweep(job)
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["picture", "label_map", "photograph", "look", "agreement"])
    for pair, copy in there:
        agreement = "" if copy.agreement is None else copy.agreement
        table.writerow([copy.picture, copy.label_map, pair.photo.name, copy.look, agreement])
    write_text(out / "pictures.csv", text.getvalue())
    of: dict[str, list[str]] = {}
    for pair, copy in there:
        of.setdefault(pair.photo.stem, []).append(Path(copy.picture).name)
    job.annotations.write_coco(out, of)
    write_examples(out / "index.html", reader, job.schema, looks, outcomes)
    record: dict[str, Any] = read_json(out / RECORD, "the record of a restyled data set")
    record["pictures"] = {
        "photographs": len(outcomes),
        "copies": len(there),
        "dropped": summary.copies["dropped"],
        "without_a_fitting_look": summary.wanting,
        "left_out": dict(summary.left_out),
        "failed": summary.errors,
    }
    write_json(out / RECORD, record)
