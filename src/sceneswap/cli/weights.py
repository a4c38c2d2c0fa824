"""`sceneswap weights`: the frozen networks that metrics and some trainings ask."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from sceneswap.cli.printing import print_table
from sceneswap.errors import UserError

if TYPE_CHECKING:
    from sceneswap.models.pretrained.weights import Weights

Fetchable = Literal["vgg19", "lpips", "inception"]
Network = Annotated[Fetchable, tyro.conf.Positional]


def list_weights() -> None:
    """List the feature networks: what asks them, where their weights come from, and what is here.

    Try:

        sceneswap weights list
    """
    rows, sources = [], []
    for weights, use in _known():
        rows.append((weights.key, use, weights.variable, _where(weights)))
        sources += [(weights.key, s.url, f"{s.megabytes:g} MB", s.sha256, s.licence) for s in weights.sources]
    print_table(["network", "asked by", "a file of your own in", "here"], rows)
    print_table(["network", "published file", "size", "SHA-256 (begins)", "licence"], sources, wide=True)


def fetch(
    networks: Annotated[tuple[Fetchable, ...], tyro.conf.Positional, tyro.conf.arg(metavar="NETWORK ...")],
    overwrite: bool = False,
) -> None:
    """Download the published weights of feature networks, check them, and keep them where every command finds them.

    They are kept as safetensors in the cache (XDG_CACHE_HOME, or ~/.cache). `sceneswap weights list` shows sizes, licences
    and hashes before anything is fetched.

    Try:

        sceneswap weights fetch lpips inception

    Args:
        networks: vgg19, lpips, inception.
        overwrite: Fetch again what is there.
    """
    if not networks:
        raise UserError("name at least one network: vgg19, lpips or inception")
    for name in networks:
        weights = _named(name)
        if overwrite or not weights.cached.exists():
            weights.fetch(weights.cached)
        print(weights.cached)


def convert(network: Network, files: Annotated[tuple[Path, ...], tyro.conf.Positional], out: Path) -> None:
    """Make a weight file of published ones that you have fetched yourself, for machines without a network.

    `sceneswap weights list` names the files, in the order in which they are wanted here.

    Try:

        sceneswap weights convert lpips alexnet-owt-7be5be79.pth alex.pth --out lpips.safetensors

    Args:
        network: vgg19, lpips or inception.
        files: The published PyTorch files; their SHA-256 is checked.
        out: The safetensors file to write; name it in the network's environment variable, or with its option.
    """
    from sceneswap.guard import keep_files

    if out.suffix != ".safetensors":
        raise UserError(f"--out {out}: name a .safetensors file")
    keep_files([out], files)
    weights = _named(network)
    weights.convert(files, out)
    print(f"{out}; use it with {weights.option} {out}, or in {weights.variable}")


def _known() -> list[tuple["Weights", str]]:
    from sceneswap.models.pretrained.deeplab import SEGMENTER_WEIGHTS
    from sceneswap.models.pretrained.inception import INCEPTION_WEIGHTS
    from sceneswap.models.pretrained.lpips import LPIPS_WEIGHTS
    from sceneswap.models.pretrained.vgg import VGG19_WEIGHTS

    return [
        (VGG19_WEIGHTS, "evaluate swap, layout; the preset paper"),
        (LPIPS_WEIGHTS, "evaluate known-answer, duplicate, mirror"),
        (INCEPTION_WEIGHTS, "FID of evaluate duplicate, mirror, retrieve"),
        (SEGMENTER_WEIGHTS, "label maps of photographs; evaluate layout"),
    ]


def _named(name: str) -> "Weights":
    return next(weights for weights, _ in _known() if weights.key == name)


def _where(weights: "Weights") -> str:
    if named := os.environ.get(weights.variable):
        return named
    if not weights.sources:
        return "in the package"
    if weights.cached.exists():
        return str(weights.cached)
    return "fetched when needed" if weights.fetched else "not yet: sceneswap weights fetch"


COMMANDS: dict[str, Callable[..., None]] = {"list": list_weights, "fetch": fetch, "convert": convert}
