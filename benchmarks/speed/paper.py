"""How long the preset `paper` trains, computed from its arithmetic: the table in docs/reproduce.md. Nothing is measured.

python -m benchmarks.speed.paper --scenes 34698 --teraflops 100

FLOP of one entry (a picture of 256×256) of a step, two per multiplication and addition, a backward pass as two forward ones:

- pretraining: VGG-19 twice (features and targets), label encoders and compressions forward and backward;
- images: label encoders, compressions and ladder forward and backward; VGG-19 on photograph and drawing, and back through it;
  the discriminator on both for the generator and, forward and backward, for itself.
"""

from dataclasses import replace

import torch
import tyro
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from sceneswap.config import load_train_config
from sceneswap.labels.presets import load_schema
from sceneswap.models.build import build_discriminator, build_generator, condition_channels
from sceneswap.models.generator import Generator
from sceneswap.models.pretrained.vgg import TAP_CHANNELS, VGG19
from sceneswap.training.phases import sampling_of

SIDE = 256


def forward_gigaflop() -> dict[str, float]:
    """GFLOP of one forward pass of every part on one picture."""
    settings, classes = load_train_config("paper"), load_schema("coco-stuff").num_classes
    model = replace(
        settings.model, encoder="compact", compact_channels=TAP_CHANNELS
    )  # VGG-19's place, without its weights
    with torch.device("meta"):
        generator = build_generator(model, classes)
        discriminator, vgg = build_discriminator(settings.discriminator, classes), VGG19()
        image, label_map = torch.zeros(1, 3, SIDE, SIDE), torch.zeros(1, SIDE, SIDE, dtype=torch.int64)
        taps = [torch.zeros(1, n, SIDE >> i, SIDE >> i) for i, n in enumerate(TAP_CHANNELS)]
        conditions = [torch.zeros(1, n, SIDE >> i, SIDE >> i) for i, n in enumerate(condition_channels(model))]
    assert isinstance(generator, Generator)
    return {
        "labels": _count(generator.target_encoder, label_map),
        "compress": sum(_count(one, tap) for one, tap in zip(generator.compress, taps, strict=True)),
        "ladder": _count(generator.synthesis, conditions),
        "discriminator": _count(discriminator, label_map, image),
        "vgg": _count(vgg, image),
    }


def _count(module: nn.Module, *inputs: object) -> float:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(*inputs)
    return float(counter.get_total_flops()) / 1e9


def entry_gigaflop(parts: dict[str, float]) -> dict[str, float]:
    """GFLOP of one entry of a step, by objective."""
    read = 2 * parts["labels"] + parts["compress"]
    return {
        "features": 2 * parts["vgg"] + 3 * read,
        "image": 3 * (read + parts["ladder"]) + 3 * parts["vgg"] + 9 * parts["discriminator"],
    }


def main(scenes: int = 34_698, teraflops: float = 100.0, efficiency: float = 0.85) -> None:
    """Print the hours of every phase on one accelerator and on eight.

    Args:
        scenes: Photographs of the data set; the paper's outdoor set by default.
        teraflops: What an accelerator sustains, in 10¹² operations a second; a tenth of an H100's peak in bf16 by default.
        efficiency: Of eight accelerators beside one.
    """
    settings, each = load_train_config("paper"), entry_gigaflop(forward_gigaflop())
    print(
        "| phase | epochs | entries | TFLOP per entry | EFLOP | hours, one | hours, eight |\n|---|--:|--:|--:|--:|--:|--:|"
    )
    whole = 0.0
    for phase in settings.phases:
        entries = phase.epochs * scenes * sampling_of(phase, settings).entries_per_scene
        total = entries * each[phase.objective] / 1e9
        hours = total * 1e6 / teraflops / 3600
        whole += hours
        tera = each[phase.objective] / 1000
        print(
            f"| {phase.name} | {phase.epochs:g} | {entries:,.0f} | {tera:.2f} | {total:.2f} | {hours:.1f} | "
            f"{hours / 8 / efficiency:.1f} |"
        )
    print(f"| *in all* | | | | | {whole:.1f} | {whole / 8 / efficiency:.1f} |")


if __name__ == "__main__":
    tyro.cli(main)
