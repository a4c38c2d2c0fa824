"""`sceneswap synthesize`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

if TYPE_CHECKING:
    from sceneswap.jobs.manifest import Row
    from sceneswap.jobs.reader import SceneReader


def synthesize(
    label_map: Path | None = None,
    exemplar: Path | None = None,
    exemplar_label_map: Path | None = None,
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None,
    layout_photo: Path | None = None,
    manifest: Path | None = None,
    model: str | None = None,
    segmenter: str | None = None,
    long_side: int | None = None,
    schema: str | None = None,
    exemplar_schema: str | None = None,
    overwrite: bool = False,
    errors: Path | None = None,
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
    precision: Literal["fp32", "bf16"] = "fp32",
    batch_size: int = 8,
) -> None:
    """Make a photograph with the layout of a label map and the look of an exemplar, or many from a list.

    Both pictures may be of any size; the output has the size of the label map and carries its settings inside. Where
    there is a photograph but no label map, the model estimates one, or the network named with --segmenter.

    Try:

        sceneswap synthesize --label-map map.png --exemplar dusk.jpg --exemplar-label-map dusk.png -o out.png

        sceneswap synthesize --label-map beach.jpg --exemplar dusk.jpg -o out.png

        sceneswap synthesize --manifest list.csv

    A JPEG or WebP file as --label-map is a photograph, and so is a colour PNG of very many colours; all else is a label map.

    A manifest has the columns label_map, exemplar, output and, if wanted, exemplar_label_map, schema and
    exemplar_schema; paths are relative to it. Outputs that are there with the same settings are skipped, so a run that
    was stopped goes on with the same command.

    Args:
        label_map: The layout, a label map or a photograph.
        exemplar: The photograph whose look is wanted.
        exemplar_label_map: The label map of the exemplar, of the same size as it; estimated when left out.
        output: The picture to write, a .png; one that exists is replaced.
        layout_photo: Instead of --label-map: a photograph whose layout is taken, whatever the file looks like.
        manifest: A .csv or .jsonl list of many pictures, instead of the five above.
        model: A model folder or hub id; the model that comes with the package by default.
        segmenter: A network to estimate label maps with instead of the model: a transformers folder or Hugging Face id
            (pip install 'sceneswap[segmenter]'), or a safetensors file of DeepLabV3+ for ADE20K.
        long_side: Longer side of the output in pixels, never more than the layout has; 512 for photographs by default.
        schema: What the label maps hold: a preset or schema file; the model's own by default.
        exemplar_schema: What the exemplar's label map holds; the same as --schema by default.
        overwrite: With --manifest: draw again what is there already.
        errors: With --manifest: where failed rows are listed; errors.jsonl beside the outputs by default.
        device: auto takes a GPU where there is one.
        precision: bf16 is faster on many machines and hardly different.
        batch_size: With --manifest: the most pictures drawn at once.
    """
    from dataclasses import replace

    from sceneswap.errors import UserError
    from sceneswap.inference.synthesizer import Synthesizer
    from sceneswap.jobs.manifest import Row, check_output, read_manifest
    from sceneswap.jobs.reader import SceneReader
    from sceneswap.labels.presets import load_schema

    if label_map is not None and layout_photo is not None:
        raise UserError("--label-map and --layout-photo both name the layout; leave out one of them")
    layout = label_map or layout_photo
    single = {
        "--label-map": layout, "--exemplar": exemplar, "--output": output, "--exemplar-label-map": exemplar_label_map
    }  # fmt: skip
    given = [name for name, value in single.items() if value is not None]
    missing = [name for name in single if name not in (*given, "--exemplar-label-map")]
    if manifest is None and missing:
        raise UserError(f"{', '.join(missing)} is missing; give it, or a list of pictures with --manifest")
    if batch_size < 1:
        raise UserError("--batch-size must be at least 1")
    layout_schema = load_schema(schema) if schema else None
    look_schema = load_schema(exemplar_schema) if exemplar_schema else None

    if manifest is not None:
        if given:
            raise UserError(f"--manifest names all files itself; leave out {given[0]}")
        rows = [
            replace(
                row,
                schema=row.schema or layout_schema,
                exemplar_schema=row.exemplar_schema or look_schema or row.schema or layout_schema,
            )
            for row in read_manifest(manifest)
        ]
        synthesizer = Synthesizer.from_pretrained(model, device=device, precision=precision)
        _draw_manifest(SceneReader(synthesizer, segmenter, long_side=long_side), rows, overwrite, errors, batch_size)
    elif layout and exemplar and output:
        look_schema = look_schema or layout_schema
        from_photo = True if layout_photo else None
        row = Row(0, layout, exemplar, exemplar_label_map, output, layout_schema, look_schema, from_photo)
        check_output(output, row.inputs)
        synthesizer = Synthesizer.from_pretrained(model, device=device, precision=precision)
        _draw_one(SceneReader(synthesizer, segmenter, long_side=long_side), row)


def _draw_one(reader: "SceneReader", row: "Row") -> None:
    from sceneswap.images import write_png
    from sceneswap.jobs.synthesize import row_note

    synthesizer = reader.synthesizer
    layout = reader.layout(row.label_map, row.schema, photo=row.from_photo)
    look = synthesizer.encode(reader.scene(row.exemplar, row.exemplar_label_map, row.exemplar_schema))
    write_png(row.output, synthesizer.draw(layout, look), row_note(reader, row))
    print(row.output)


def _draw_manifest(
    reader: "SceneReader",
    rows: "list[Row]",
    overwrite: bool,
    errors: Path | None,
    batch_size: int,
) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from sceneswap.cli.progress import progress
    from sceneswap.errors import UserError
    from sceneswap.files import write_text
    from sceneswap.jobs.synthesize import failure_lines, failures_path, run_manifest

    if any(row.exemplar_label_map is None for row in rows):
        _ = reader.labeller  # says at once when there is none
    with progress("drawing", len(rows)) as advance:
        outcome = run_manifest(
            reader.synthesizer, rows, reader=reader, overwrite=overwrite, batch_size=batch_size, on_done=advance
        )  # fmt: skip
    print(f"{outcome.drawn:,} drawn, {outcome.skipped:,} there already, {len(outcome.failures):,} failed")
    listed = errors or failures_path(rows)
    if not outcome.failures:
        if listed.is_file():
            write_text(listed, "")  # an earlier run's failures are settled
        return
    table = Table("line", "output", "error")
    for failure in outcome.failures[:50]:
        table.add_row(str(failure.line), Text(failure.output), Text(failure.error))
    Console(stderr=True).print(table)
    write_text(listed, failure_lines(outcome))
    raise UserError(f"{len(outcome.failures):,} of {len(rows):,} rows failed; they are listed in {listed}")


COMMANDS = synthesize
