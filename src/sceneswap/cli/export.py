"""`sceneswap export`."""

from pathlib import Path
from typing import Annotated

import tyro

from sceneswap.errors import UserError
from sceneswap.guard import keep_files


def export(
    run: Annotated[str | None, tyro.conf.Positional] = None,
    out: Path | None = None,
    half: bool = False,
    int8: bool = False,
    name: str | None = None,
    vgg19: Path | None = None,
    label_head: bool = True,
    onnx: Path | None = None,
) -> None:
    """Turn a training run into a model folder, or a model into ONNX graphs that run without PyTorch.

    The model folder holds weights, label schema and the record of the training in two files; it is all that `--model`
    and `Synthesizer.from_pretrained` need. The newest training state is taken, and of it the moving average of the
    weights. With --onnx a model becomes read.onnx (photograph → class scores), encode.onnx (exemplar → look), draw.onnx
    (label map, look → picture) and model.json, compared with PyTorch before they are kept.

    Try:

        sceneswap export runs/first --out models/first --half

        sceneswap export models/first --onnx onnx/first

    Args:
        run: The folder that `sceneswap train --out` wrote. With --onnx alone a model folder or hub id, and left out the
            model that comes with the package.
        out: The model folder; made if missing, an older model in it is replaced.
        half: Store 16-bit weights: half the size, hardly a difference in the pictures.
        int8: Store layers in 8 bits with a scale per output, the rest in 16: half of --half, with differences that can be
            measured but hardly be seen.
        name: What pictures and pages call the model; the name of the run folder by default.
        vgg19: VGG-19 weights, only for models with that encoder.
        label_head: Whether the model's label head comes along. Without it the model reads photographs with the
            segmenter that comes with the package; the head has then served in training alone.
        onnx: The folder of the ONNX graphs; made if missing, older graphs in it are replaced. Needs the extra `onnx`.
    """
    if out is None and onnx is None:
        raise UserError("name what to make: --out MODEL for a model folder, --onnx DIR for ONNX graphs, or both")
    if out is not None:
        if run is None:
            raise UserError("name the training run that becomes the model: sceneswap export RUN --out MODEL")
        if half and int8:
            raise UserError("--half and --int8 are two ways to store weights; give one of them")
        _model(Path(run), out, half=half, int8=int8, name=name, vgg19=vgg19, label_head=label_head)
    elif half or int8 or name is not None or not label_head:
        raise UserError("--half, --int8, --name and --no-label-head are for model folders; give --out too")
    if onnx is not None:
        _onnx(str(out) if out is not None else run, onnx, vgg19)


def _model(
    run: Path, out: Path, *, half: bool, int8: bool, name: str | None, vgg19: Path | None, label_head: bool
) -> None:
    from sceneswap.training.export import export_run

    release = export_run(run, out, half=half, int8=int8, name=name, vgg19=vgg19, label_head=label_head)
    size = (out / "model.safetensors").stat().st_size
    record = release.record
    print(
        f"{record['name']}: {release.model.kind}, {release.schema.num_classes} classes of {release.schema.name}, "
        f"step {record['step']:,}, {size / 1e6:.1f} MB in {out}"
    )
    if record["alarms"] and (record["alarms"]["ignores"] or record["alarms"]["copies"]):
        what = "ignores its exemplar" if record["alarms"]["ignores"] else "copies its exemplar"
        print(f"note: by its last sample grid this model {what}; training it longer may help")


def _onnx(model: str | None, folder: Path, vgg19: Path | None) -> None:
    from sceneswap.inference.synthesizer import Synthesizer
    from sceneswap.onnx.export import export_onnx
    from sceneswap.onnx.runtime import DESCRIPTION, GRAPHS

    keep_files(folder / name for name in (*GRAPHS, DESCRIPTION))
    synthesizer = Synthesizer.from_pretrained(model, device="cpu", vgg19=vgg19)
    parity = export_onnx(synthesizer, folder)
    size = sum((folder / graph).stat().st_size for graph in GRAPHS)
    print(
        f"{synthesizer.name}: {', '.join(GRAPHS)}, {size / 1e6:.1f} MB in {folder}; over {parity.pictures} pictures off by "
        f"{parity.picture:.3f} levels of 255 on average, {parity.pixel} at most"
    )


COMMANDS = export
