"""`sceneswap export`."""

from pathlib import Path
from typing import Annotated

import tyro


def export(
    run: Annotated[Path, tyro.conf.Positional],
    out: Path,
    half: bool = False,
    name: str | None = None,
    vgg19: Path | None = None,
    label_head: bool = True,
) -> None:
    """Turn a training run into a model folder: weights, label schema and the record of the training in two files.

    The folder is all that `--model` and `Synthesizer.from_pretrained` need. The newest training state is taken, and of
    it the moving average of the weights.

    Try:

        sceneswap export runs/first --out models/first --half

    Args:
        run: The folder that `sceneswap train --out` wrote.
        out: The model folder; made if missing, an older model in it is replaced.
        half: Store 16-bit weights: half the size, hardly a difference in the pictures.
        name: What pictures and pages call the model; the name of the run folder by default.
        vgg19: VGG-19 weights, only for models with that encoder.
        label_head: Whether the model's label head comes along. Without it the model reads photographs with the
            segmenter that comes with the package; the head has then served in training alone.
    """
    from sceneswap.training.export import export_run

    release = export_run(run, out, half=half, name=name, vgg19=vgg19, label_head=label_head)
    size = (out / "model.safetensors").stat().st_size
    record = release.record
    print(
        f"{record['name']}: {release.model.kind}, {release.schema.num_classes} classes of {release.schema.name}, "
        f"step {record['step']:,}, {size / 1e6:.1f} MB in {out}"
    )
    if record["alarms"] and (record["alarms"]["ignores"] or record["alarms"]["copies"]):
        what = "ignores its exemplar" if record["alarms"]["ignores"] else "copies its exemplar"
        print(f"note: by its last sample grid this model {what}; training it longer may help")


COMMANDS = export
