"""A page of examples: a photograph, its label map, a look, and the copy drawn of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sceneswap.data.matlab import read_any_label_map
from sceneswap.data.pairing import Pair
from sceneswap.errors import counted
from sceneswap.files import is_look
from sceneswap.images import read_photo
from sceneswap.inference.thumbnail import shown_look
from sceneswap.jobs.note import class_colors, made
from sceneswap.jobs.reader import SceneReader
from sceneswap.jobs.restyle.copies import Copy, Outcome, kept
from sceneswap.jobs.restyle.looks import Looks, NamedLook
from sceneswap.labels.io import colorize
from sceneswap.labels.schema import LabelSchema
from sceneswap.pictures import evenly_spread, shrink
from sceneswap.report import write_page
from sceneswap.scene import LabelMap, Photo

EXAMPLES = 24
_SIDE = 256  # pixels, the longer side


@dataclass(frozen=True)
class Example:
    """A row of the page; pictures are shrunk."""

    name: str
    photo: Photo
    layout: Photo
    look: str
    exemplar: Photo
    copy_name: str
    copy: Photo


def write_examples(
    path: Path, reader: SceneReader, schema: LabelSchema, looks: Looks, outcomes: Sequence[Outcome]
) -> None:
    """Write the page `path` with at most 24 copies, evenly spread over all and over their looks. Raises `UserError`."""
    there, dropped = kept(outcomes), sum(copy.state == "dropped" for one in outcomes for copy in one.copies)
    shown = evenly_spread(there, EXAMPLES)
    named = {look.name: look for look in looks.named}
    examples, seen = list[Example](), set[int]()
    for pair, copy in shown:
        label_map = read_any_label_map(pair.label_map, schema)
        seen |= set(np.unique(label_map).tolist())
        examples.append(_example(path.parent, schema, pair, copy, label_map, named[copy.look]))
    write_page(
        path,
        "restyle.html",
        numbers=f"{counted(len(there), 'copy', 'copies')} of {counted(len(outcomes), 'photograph')} in "
        f"{counted(len(named), 'look')}, {dropped:,} dropped",
        examples=examples,
        colors=class_colors(schema, seen),
        made=made(reader.synthesizer, "pictures.csv lists all copies, restyle.json says how they were made"),
    )


def _example(out: Path, schema: LabelSchema, pair: Pair, copy: Copy, label_map: LabelMap, look: NamedLook) -> Example:
    return Example(
        name=pair.name,
        photo=_small(pair.photo),
        layout=shrink(colorize(label_map, schema), _SIDE, exact=True),
        look=look.name,
        exemplar=shown_look(look.look.thumbnail, look.name) if is_look(look.source) else _small(look.source),
        copy_name=Path(copy.picture).stem,
        copy=_small(out / copy.picture),
    )


def _small(path: Path) -> Photo:
    return shrink(read_photo(path, at_least=_SIDE), _SIDE)
