"""A page of examples: a photograph, its label map, a look, and the copy drawn of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sceneswap.data.pairing import Pair
from sceneswap.files import is_look
from sceneswap.images import read_photo
from sceneswap.jobs.note import classes_section, made_section
from sceneswap.jobs.reader import SceneReader
from sceneswap.jobs.restyle.copies import Copy, Outcome, kept
from sceneswap.jobs.restyle.looks import Looks, NamedLook
from sceneswap.labels.io import colorize, read_label_map
from sceneswap.labels.schema import LabelSchema
from sceneswap.pictures import evenly_spread, placeholder, shrink
from sceneswap.report import Html, figure, paragraph, picture, picture_grid, section, text, write_page
from sceneswap.scene import Photo

EXAMPLES = 24
_SIDE = 256  # pixels, the longer side


def write_examples(
    path: Path, reader: SceneReader, schema: LabelSchema, looks: Looks, outcomes: Sequence[Outcome]
) -> None:
    """Write the page `path` with at most 24 copies, evenly spread over all and over their looks. Raises `UserError`."""
    there, dropped = kept(outcomes), sum(copy.state == "dropped" for one in outcomes for copy in one.copies)
    shown = evenly_spread(there, EXAMPLES)
    named = {look.name: look for look in looks.named}
    rows, seen = list[tuple[Html, list[Html]]](), set[int]()
    for pair, copy in shown:
        header, cells, classes = _row(path.parent, schema, pair, copy, named[copy.look])
        rows.append((header, cells))
        seen |= classes
    numbers = f"{len(there):,} copies of {len(outcomes):,} photographs in {len(named):,} looks, {dropped:,} dropped"
    sections = [
        section(
            "Examples",
            "Every copy has the label map of its photograph and the look of another. Click a picture to enlarge it.",
            picture_grid("photograph", [text(name) for name in ("label map", "look", "copy")], rows)
            if rows
            else paragraph("There are no copies: every one was dropped or left out."),
        ),
        classes_section(schema, seen),
        made_section(reader.synthesizer, "pictures.csv lists all copies, restyle.json says how they were made"),
    ]
    write_page(path, "A restyled data set", sections, lead=numbers)


def _row(out: Path, schema: LabelSchema, pair: Pair, copy: Copy, look: NamedLook) -> tuple[Html, list[Html], set[int]]:
    """The header and cells of an example, and the classes seen in its label map."""
    label_map = read_label_map(pair.label_map, schema)
    exemplar: Photo = placeholder(f"saved look\n{look.name}", 128) if is_look(look.source) else _small(look.source)
    cells = [
        picture(shrink(colorize(label_map, schema), _SIDE, exact=True), f"label map of {pair.name}"),
        figure(exemplar, look.name),
        figure(_small(out / copy.picture), Path(copy.picture).stem),
    ]
    return figure(_small(pair.photo), pair.name), cells, set(np.unique(label_map).tolist())


def _small(path: Path) -> Photo:
    return shrink(read_photo(path, at_least=_SIDE), _SIDE)
