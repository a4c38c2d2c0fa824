"""`sceneswap labels`: check, convert, estimate and look at label maps and their schemas."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.text import Text

from sceneswap.bounds import Between
from sceneswap.cli.options import EngineOptions, LabellerOptions, LongSide
from sceneswap.cli.printing import print_actors, print_classes, print_table
from sceneswap.data.pairing import constant_suffix
from sceneswap.errors import UserError, counted, printable
from sceneswap.guard import keep_files, keep_inputs
from sceneswap.images import write_png
from sceneswap.labels import io
from sceneswap.labels.check import Census, find_label_maps, find_mendable, find_photographs, look_for, take_census
from sceneswap.labels.presets import PRESETS, load_schema
from sceneswap.labels.repairs import REPAIRS, Repairs
from sceneswap.labels.schema import LabelSchema
from sceneswap.notes import LOG
from sceneswap.progress import progress, tracked

Source = Annotated[
    Path, tyro.conf.Positional, tyro.conf.arg(help="A label map, or a folder of them (its subfolders are kept).")
]
Out = Annotated[Path, tyro.conf.arg(help="The folder to write to; made if missing.")]
Overwrite = Annotated[bool, tyro.conf.arg(help="Replace files that exist.")]


def check(directory: Annotated[Path, tyro.conf.Positional], schema: str) -> None:
    """Check every label map of a folder against a schema and count its classes. Nothing is written.

    Each file that breaks the schema is named on one line, with the ids at fault and what they look like.

    Try:

        sceneswap labels check my_data/labels --schema ade20k-150-1based

    Args:
        directory: The folder (searched with its subfolders), or one label map.
        schema: A preset (see `sceneswap labels list`), or a .toml or .json schema file.
    """
    known = load_schema(schema)
    paths, unread = look_for(directory)
    census = take_census(tracked(paths, "checking"), known)
    valid = census.files - len(census.faults)
    if valid:
        void = census.shares[known.void_index]
        pixels = int(census.pixels.sum())
        print(f"{directory}: {counted(valid, 'label map')} of {known.name}, {pixels:,} pixels, void {void:.1%}")
        print_classes(known, census.pixels, census.maps)
    for fault in (*census.faults, *unread):
        print(printable(fault), file=sys.stderr)
    if census.faults:
        hint = f"all together, {census.hint}" if census.hint else "the lines above say why and what to do"
        share = f"{len(census.faults):,} of {counted(census.files, 'label map')}"
        raise UserError(f"{share} in {directory} do not fit schema {known.name}; {hint}")
    if valid and void == 1:
        raise UserError(f"every label map in {directory} is void everywhere: nothing can be drawn or learned")
    if unread:
        raise UserError(f"{counted(len(unread), 'folder')} in {directory} cannot be read; see the lines above")
    if census.hint:
        LOG.info("%s", census.hint)


def convert(
    source: Source,
    from_: Annotated[str, tyro.conf.arg(name="from")],
    to: Annotated[str, tyro.conf.arg(name="to")],
    out: Out,
    overwrite: Overwrite = False,
    repair: bool = False,
    tolerance: Annotated[int, Between(0, 255)] = 24,
    report: Path | None = None,
) -> None:
    """Rewrite label maps of one schema in the ids of another, class by class name; mend them if wanted.

    Classes without a counterpart become void and are listed with their share of the pixels. The preset `outdoor` has a
    counterpart for most classes that occur outdoors.

    With --repair, files that are almost label maps become such: blended borders and colours a little off take the nearest
    colour; exchanged red and blue, another gamma, ids in three channels, instance ids (id · 1000 + number) and labelme's
    polygons (.json) are understood; an end that all names share, such as _mask, is left out. What was done is listed.

    Try:

        sceneswap labels convert ade/labels --from ade20k-150-1based --to outdoor --out ade_outdoor/labels

        sceneswap labels convert painted/ --from outdoor --to outdoor --out mended/ --repair --report repairs/

    Args:
        from_: The schema of the maps: a preset, or a .toml, .json or labelmap.txt file.
        to: The schema to write.
        repair: Mend what is no label map yet; what cannot be mended is listed and left out.
        tolerance: With --repair: how far off a colour may be, 0 to 255, in its worst channel.
        report: With --repair: a folder for repairs.json and, for each mended file, a picture that is white where a class
            had to be told by the nearest colour.
    """
    old, new = load_schema(from_), load_schema(to)
    if np.all(old.mapping_to(new) == new.void_index):
        raise UserError(
            f"no class of schema {old.name} has a counterpart in {new.name}, so everything would be void; choose another --to"
        )
    if not repair and report is not None:
        raise UserError("--report is about what --repair does; give both")
    repairs = Repairs(old, tolerance, report) if repair else None
    found = find_mendable(source) if repair else find_label_maps(source)
    pairs = _outputs(source, found, out, overwrite, suffix=None, strip=repair)
    masks = dict(_outputs(source, found, report, overwrite, suffix=".png", strip=repair)) if report else {}
    if report:
        keep_files([report / REPAIRS], found)
    census = Census(old)
    for path, target in tracked(pairs, "converting"):
        label_map = repairs.read(path, masks.get(path)) if repairs else io.read_label_map(path, old)
        if label_map is not None:
            census.count(label_map)
            io.write_label_map(target, old.convert(label_map, new), new)
    _print_converted(census, new, len(pairs) - len(repairs.faults if repairs else []), out)
    if repairs:
        _print_repairs(repairs, len(pairs))


def _print_converted(census: Census, new: LabelSchema, count: int, out: Path) -> None:
    """Say what was written, and which classes were lost. Raises `UserError` when nothing but void is left."""
    old, pixels = census.schema, census.pixels
    void = (old.mapping_to(new) == new.void_index) & (np.arange(old.num_classes + 1) < old.void_index)
    lost = np.where(void, pixels, 0)
    print(f"{counted(count, 'label map')} of {old.name} written to {out} as {new.name}")
    if lost.any():
        share, number = lost.sum() / pixels.sum(), np.count_nonzero(lost)
        have = "class of it has" if number == 1 else "of its classes have"
        print(f"{number} {have} no counterpart there and became void ({share:.1%} of the pixels)")
        print_classes(old, lost, census.maps, total=int(pixels.sum()))
    if count and lost.sum() + pixels[old.void_index] == pixels.sum():
        raise UserError(f"what was written to {out} is void everywhere; choose another --to, or correct --from")


def _print_repairs(repairs: Repairs, count: int) -> None:
    """Say what was mended; raise `UserError` for what could not be."""
    repairs.write()
    for line in repairs.lines():
        print(line)
    for fault in repairs.faults:
        print(printable(fault), file=sys.stderr)
    if repairs.faults:
        raise UserError(f"{len(repairs.faults):,} of {counted(count, 'label map')} could not be mended; see above")


def colorize(source: Source, schema: str, out: Out, overwrite: Overwrite = False) -> None:
    """Write label maps as pictures in the colours of their schema, to look at; void is black.

    Try:

        sceneswap labels colorize my_data/labels --schema outdoor --out my_data/colors

    Args:
        schema: The schema of the maps: a preset, or a .toml or .json file.
    """
    known = load_schema(schema)
    pairs = _outputs(source, find_label_maps(source), out, overwrite, suffix=".png")
    for path, target in tracked(pairs, "colouring"):
        write_png(target, io.colorize(io.read_label_map(path, known), known))
    print(f"{counted(len(pairs), 'label map')} of {known.name} written to {out} in colour")


def estimate(
    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="PHOTO_OR_DIR")],
    out: Out,
    labeller: LabellerOptions,
    where: EngineOptions,
    long_side: LongSide | None = None,
    overwrite: Overwrite = False,
) -> None:
    """Estimate the label maps of photographs, to look at, to correct and to draw from.

    Writes OUT/labels/NAME.png with the ids of the model's schema and OUT/colors/NAME.png in its colours. Either is a label
    map to every command, so either may be corrected in a picture editor: without smoothing, in the colours of the schema.

    Try:

        sceneswap labels estimate beach.jpg --out maps

        sceneswap labels estimate photos/ --segmenter org/name --out maps --long-side 1024

    Args:
        source: A photograph, or a folder of them (its subfolders are kept).
        long_side: Longer side of the maps in pixels; the size of the photograph by default.
    """
    from sceneswap.engines.local import in_order
    from sceneswap.inference.labelling import choose_labeller
    from sceneswap.jobs.estimate import Estimator, Photograph

    photos = find_photographs(source)
    pairs = _outputs(source, photos, out / "labels", overwrite, suffix=".png")
    colors = dict(_outputs(source, photos, out / "colors", overwrite, suffix=".png"))
    synthesizer = labeller.open()
    known, ray = synthesizer.schema, where.on_ray(labeller)
    estimate = Estimator(choose_labeller(synthesizer, labeller.segmenter), known, long_side)
    items, faults = [Photograph(path, target, colors[path]) for path, target in pairs], list[str]()
    with progress("estimating", len(items)) as advance:
        for fault in (ray or in_order)(estimate, items):
            faults += [fault] if fault else []
            advance(note=ray.note() if ray else "")
    print_actors(ray)
    written = counted(len(items) - len(faults), "label map")
    print(f"{written} of {known.name} written to {out / 'labels'}, in colour to {out / 'colors'}")
    if len(faults) == 1:
        raise UserError(faults[0])
    for fault in faults:
        print(printable(fault), file=sys.stderr)
    if faults:
        raise UserError(
            f"{len(faults):,} of {counted(len(items), 'photograph')} could not be read; see the lines above"
        )


def list_presets() -> None:
    """List the label schemas that come with sceneswap.

    Try:

        sceneswap labels list
    """
    outdoor = load_schema("outdoor")
    rows = []
    for preset in map(load_schema, PRESETS):
        kept = int((preset.mapping_to(outdoor)[:-1] != outdoor.void_index).sum())
        rows.append((preset.name, str(preset.num_classes), preset.describe_values(), str(kept)))
    print_table(["schema", "classes", "numbers in files", "of them in outdoor"], rows)


def show(schema: Annotated[str, tyro.conf.Positional]) -> None:
    """Show the classes of a schema: number in files, name, colour, and the `outdoor` class each becomes.

    Try:

        sceneswap labels show camvid

    Args:
        schema: A preset, or a .toml or .json schema file.
    """
    known, outdoor = load_schema(schema), load_schema("outdoor")
    rows = []
    for c, value, coarse in zip(known.classes, known.file_values, known.mapping_to(outdoor), strict=False):
        swatch = Text("    ", style="on #{:02x}{:02x}{:02x}".format(*c.color))
        rows.append((str(value), c.name, swatch, c.setting, (*outdoor.names, "void")[coarse]))
    title = f"{known.name}: {known.describe_values()}"
    print_table(["number", "class", "colour", "where", "outdoor"], rows, title=title)


def _outputs(
    source: Path, found: Sequence[Path], out: Path, overwrite: bool, suffix: str | None, *, strip: bool = False
) -> list[tuple[Path, Path]]:
    """Pair every file `found` in `source` with the file to write in `out`: `suffix` by default .png, an array stays one.

    strip: leave out what all names end in.
    """
    root = source if source.is_dir() else source.parent
    end = constant_suffix([path.stem for path in found]) if strip else ""
    targets: dict[Path, Path] = {}
    for path in found:
        target = out / path.relative_to(root)
        target = target.with_name(target.stem.removesuffix(end) + target.suffix)
        target = target.with_suffix(suffix or (".npy" if path.suffix.lower() == ".npy" else ".png"))
        if target in targets:
            raise UserError(f"{path} and {targets[target]} would both become {target}; rename one of them")
        if target.exists() and not overwrite:
            raise UserError(f"{target} exists; name another --out, or pass --overwrite to replace it")
        targets[target] = path
    keep_inputs(targets, targets.values())
    return [(path, target) for target, path in targets.items()]


COMMANDS: dict[str, Callable[..., None]] = {
    "check": check,
    "convert": convert,
    "colorize": colorize,
    "estimate": estimate,
    "list": list_presets,
    "show": show,
}
