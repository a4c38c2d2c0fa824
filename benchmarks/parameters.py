"""Parameters of the preset `paper`, layer by layer, beside SPADE's: the table in docs/fidelity.md.

python -m benchmarks.parameters

SPADE's numbers follow from the sizes of its published layers (Park et al., CVPR 2019; NVlabs/SPADE, defaults for COCO-Stuff:
ngf = ndf = 64, spectralspadesyncbatch3x3, two discriminators of four layers), for 183 input channels: 182 classes and void, no
instance edges. Ours are counted in the networks themselves, built without memory.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import torch
from torch import nn

from sceneswap.config import load_train_config
from sceneswap.labels.presets import load_schema
from sceneswap.models.build import build_discriminator, build_generator

HIDDEN, WIDTH = 128, 64
BLOCKS = {  # SPADE's names and widths, from the coarsest on
    "head_0": (1024, 1024), "G_middle_0": (1024, 1024), "G_middle_1": (1024, 1024),
    "up_0": (1024, 512), "up_1": (512, 256), "up_2": (256, 128), "up_3": (128, 64),
}  # fmt: skip
OURS = ("middle.0", "middle.1", "blocks.4", "blocks.3", "blocks.2", "blocks.1", "blocks.0")
"""The same blocks here, in that order: the first stands at 1/16 of the size, where SPADE's stands at 1/32."""


def convolution(inputs: int, outputs: int, kernel: int, *, bias: bool = True) -> int:
    """Parameters of a convolution."""
    return inputs * outputs * kernel**2 + bias * outputs


def spade_block(inputs: int, outputs: int, semantic: int) -> dict[str, int]:
    """Parameters of SPADE's residual block: hidden layers, γ and β, convolutions of activations with the shortcut."""
    middle, learned = min(inputs, outputs), inputs != outputs
    normalised = [inputs, middle, *[inputs] * learned]
    return {
        "hidden": len(normalised) * convolution(semantic, HIDDEN, 3),
        "modulation": sum(2 * convolution(HIDDEN, channels, 3) for channels in normalised),
        "convolutions": convolution(inputs, middle, 3) + convolution(middle, outputs, 3)
        + learned * convolution(inputs, outputs, 1, bias=False),
    }  # fmt: skip


def spade(classes: int = 182) -> dict[str, int]:
    """SPADE's parameters by layer, for `classes` classes and void."""
    semantic = classes + 1
    found = {"start": convolution(semantic, 16 * WIDTH, 3)}
    for name, (inputs, outputs) in BLOCKS.items():
        found |= {f"{name} {part}": count for part, count in spade_block(inputs, outputs, semantic).items()}
    found["to image"] = convolution(WIDTH, 3, 3)
    one = [
        convolution(semantic + 3, WIDTH, 4),  # no bias where instance normalisation follows
        *(convolution(a, 2 * a, 4, bias=False) for a in (WIDTH, 2 * WIDTH, 4 * WIDTH)),
        convolution(8 * WIDTH, 1, 4),
    ]
    found |= {f"discriminator, layer {i}": 2 * count for i, count in enumerate(one, 1)}
    widths = [3, *(WIDTH * factor for factor in (1, 2, 4, 8, 8, 8))]
    encoder = sum(convolution(a, b, 3, bias=False) for a, b in pairwise(widths))
    found["VAE: image encoder"] = encoder
    found["VAE: μ and log σ²"] = 2 * (16 * widths[-1] + 1) * 256
    found["VAE: latent to features"] = (256 + 1) * 16 * WIDTH * 8 * 8
    return found


def ours() -> dict[str, int]:
    """The parameters of the preset `paper` by the same layers, and by those that SPADE has not."""
    settings, classes = load_train_config("paper"), load_schema("coco-stuff").num_classes
    bare = replace(settings.model, encoder="compact")  # VGG-19 is frozen and the same for all
    bare = replace(bare, compact_channels=(64, 128, 256, 512, 512))
    with torch.device("meta"):
        generator = build_generator(bare, classes)
        discriminator = build_discriminator(settings.discriminator, classes)
        vae = build_generator(settings.with_model("spade-vae").model, classes)
    ladder = _by_prefix(generator.synthesis)
    found = {"start": ladder["start"]}
    for name, own in zip(BLOCKS, OURS, strict=True):
        parts = _block(generator.synthesis.get_submodule(own))
        found |= {f"{name} {part}": count for part, count in parts.items()}
    found["to image"] = ladder["to_image"]
    patch = discriminator.get_submodule("scales.0")
    layers = [patch.get_submodule("first"), *patch.get_submodule("middle").children(), patch.get_submodule("score")]
    found |= {f"discriminator, layer {i}": 2 * _count(layer) for i, layer in enumerate(layers, 1)}
    found["VAE: image encoder"] = _count(vae.image_encoder)
    found["VAE: μ and log σ²"] = _count(vae.get_submodule("to_mean")) + _count(vae.get_submodule("to_log_variance"))
    found["VAE: latent to features"] = _count(vae.get_submodule("from_latent"))
    for part in ("target_encoder", "exemplar_encoder", "compress", "attention"):
        found[f"ours: {part.replace('_', ' ')}"] = _count(generator.get_submodule(part))
    found["ours: discriminator's embedding"] = _count(discriminator.get_submodule("embedding"))
    return found


def _block(block: nn.Module) -> dict[str, int]:
    hidden = modulation = rest = 0
    for name, parameter in block.named_parameters():
        if name.startswith("modulation_"):
            first = name.split(".")[1] == "0"
            hidden, modulation = hidden + first * parameter.numel(), modulation + (not first) * parameter.numel()
        else:
            rest += parameter.numel()
    return {"hidden": hidden, "modulation": modulation, "convolutions": rest}


def _by_prefix(module: nn.Module) -> dict[str, int]:
    return {name: _count(child) for name, child in module.named_children()}


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def table(theirs: Mapping[str, int], mine: Mapping[str, int]) -> str:
    """Both as a Markdown table with their sums; what only one has is a dash in the other column."""
    names = [*theirs, *(name for name in mine if name not in theirs)]
    rows = [(name, theirs.get(name), mine.get(name)) for name in names]
    for title, chosen in (
        (
            "*generator of SPADE, and of ours*",
            [n for n in names if not n.startswith(("discriminator", "VAE", "ours: disc"))],
        ),
        ("*discriminator*", [n for n in names if "discriminator" in n]),
    ):
        rows.append((title, sum(theirs.get(n, 0) for n in chosen), sum(mine.get(n, 0) for n in chosen)))
    cells = [
        f"| {name} | " + " | ".join("–" if v is None else f"{v:,}" for v in values) + " |" for name, *values in rows
    ]
    return "\n".join(["| layer | SPADE | `paper` |", "|---|--:|--:|", *cells])


if __name__ == "__main__":
    print(table(spade(), ours()))
