"""`sceneswap synthesize`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from sceneswap.cli.options import BatchSize, DrawingOptions, must_exist
from sceneswap.errors import UserError
from sceneswap.files import write_text
from sceneswap.jobs.manifest import Row, check_output, read_manifest
from sceneswap.jobs.recall import Recalled, recall
from sceneswap.labels.presets import load_schema
from sceneswap.progress import progress, steps

if TYPE_CHECKING:
    from sceneswap.jobs.synthesize import Outcome


def synthesize(
    drawing: DrawingOptions,
    label_map: Path | None = None,
    exemplar: Path | None = None,
    exemplar_label_map: Path | None = None,
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None,
    layout_photo: Path | None = None,
    manifest: Path | None = None,
    exemplar_schema: str | None = None,
    overwrite: bool = False,
    errors: Path | None = None,
    batch_size: BatchSize = 1,
    like: Path | None = None,
) -> None:
    """Make a photograph with the layout of a label map and the look of an exemplar, or many from a list.

    Both pictures may be of any size; the output has the size of the label map and carries its settings inside. Where
    there is a photograph but no label map, the model estimates one, or the network named with --segmenter.

    Try:

        sceneswap synthesize --label-map map.png --exemplar dusk.jpg --exemplar-label-map dusk.png -o out.png

        sceneswap synthesize --label-map beach.jpg --exemplar dusk.jpg -o out.png

        sceneswap synthesize --manifest list.csv

        sceneswap synthesize --like out.png --exemplar rain.jpg -o another.png

    A JPEG or WebP file as --label-map is a photograph, and so is a colour PNG of very many colours; all else is a label map.

    A manifest has the columns label_map, exemplar, output and, if wanted, exemplar_label_map, schema and
    exemplar_schema; paths are relative to it. Outputs that are there with the same settings are skipped, so a run that
    was stopped goes on with the same command.

    Args:
        label_map: The layout, a label map or a photograph.
        exemplar: The photograph whose look is wanted, or a saved look (*.look.safetensors).
        exemplar_label_map: The label map of the exemplar, of the same size as it; estimated when left out.
        output: The picture to write, .png, .jpg or .webp.
        layout_photo: Instead of --label-map: a photograph whose layout is taken, whatever the file looks like.
        manifest: A .csv or .jsonl list of many pictures, instead of the five above.
        exemplar_schema: What the exemplar's label map holds; the same as --schema by default.
        overwrite: Replace a picture that sceneswap has not written; with --manifest, draw again what is there already.
        errors: With --manifest: where failed rows are listed; errors.jsonl beside the outputs by default.
        batch_size: With --manifest: how many pictures of one size are drawn at once: 1 is best for a processor, more for a
            GPU. It may change a picture by one grey level; what is drawn with what never does.
        like: A picture that sceneswap has drawn: whatever is not given is as it was there (see `sceneswap note`).
    """
    if label_map is not None and layout_photo is not None:
        raise UserError("--label-map and --layout-photo both name the layout; leave out one of them")
    layout, from_photo = label_map or layout_photo, True if layout_photo else None
    again = recall(like) if like is not None else None
    if again is not None:
        if manifest is not None:
            raise UserError("--manifest names all files itself; leave out --like")
        if layout is None:
            layout, from_photo = again.file("label_map", "--label-map"), again.read_off_photo("label_map")
        if exemplar is None:
            exemplar = again.file("exemplar", "--exemplar")
            exemplar_schema = exemplar_schema or again.schema("exemplar_label_map")
            if exemplar_label_map is None and not again.read_off_photo("exemplar_label_map"):
                exemplar_label_map = again.file("exemplar_label_map", "--exemplar-label-map")
        drawing = _as_before(drawing, again)
    single = {
        "--label-map": layout, "--exemplar": exemplar, "--output": output, "--exemplar-label-map": exemplar_label_map
    }  # fmt: skip
    given = [name for name, value in single.items() if value is not None]
    missing = [name for name in single if name not in (*given, "--exemplar-label-map")]
    if manifest is None and missing:
        raise UserError(f"{', '.join(missing)} is missing; give it, or a list of pictures with --manifest")
    look_schema = load_schema(exemplar_schema) if exemplar_schema else None
    if manifest is not None:
        if given:
            raise UserError(f"--manifest names all files itself; leave out {given[0]}")
        rows = [
            replace(row, exemplar_schema=row.exemplar_schema or look_schema or row.schema)
            for row in read_manifest(manifest)
        ]
        _draw_manifest(rows, drawing, overwrite, errors, batch_size)
    elif layout and exemplar and output:
        must_exist(layout, exemplar, exemplar_label_map)
        from sceneswap.jobs.synthesize import synthesize as draw

        row = Row(0, layout, exemplar, exemplar_label_map, output, None, look_schema, from_photo)
        check_output(output, row.inputs)
        reader = drawing.reader()
        if again is not None and drawing.model is None:
            again.check_model(reader.synthesizer.weights_sha256)
        with steps("drawing tiles") as on_tile:
            draw(reader, row, on_tile)
        print(output)


def _as_before(drawing: DrawingOptions, again: Recalled) -> DrawingOptions:
    """The options, those that are not given as they were for a picture."""
    return replace(
        drawing,
        schema=drawing.schema or again.schema("label_map"),
        long_side=drawing.long_side or again.long_side,
        precision="bf16" if again.precision == "bf16" else drawing.precision,
    )


def _draw_manifest(
    rows: list[Row], drawing: DrawingOptions, overwrite: bool, errors: Path | None, batch_size: int
) -> None:
    from sceneswap.jobs import synthesize as job

    listed = errors or job.failures_path(rows)
    job.check_failures_path(listed)
    reader = drawing.reader()
    with progress("drawing", len(rows)) as advance:
        outcome = job.run_manifest(reader, rows, overwrite=overwrite, batch_size=batch_size, on_done=advance)
    print(f"{outcome.drawn:,} drawn, {outcome.skipped:,} there already, {len(outcome.failures):,} failed")
    if outcome.failures:
        _print_failures(outcome)
        write_text(listed, job.failure_lines(outcome))
        raise UserError(f"{len(outcome.failures):,} of {len(rows):,} rows failed; they are listed in {listed}")
    if listed.is_file():
        write_text(listed, "")  # an earlier run's failures are settled


def _print_failures(outcome: "Outcome") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("line", "output", "error")
    for failure in outcome.failures[:50]:
        table.add_row(str(failure.line), Text(failure.output), Text(failure.error))
    Console(stderr=True).print(table)


COMMANDS = synthesize
