"""Where the weights of frozen networks come from: a path, an environment variable, or a download kept in the cache."""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from http.client import HTTPException
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sceneswap.errors import UserError
from sceneswap.files import atomic_path, make_folder, sha256
from sceneswap.models.int8 import plain, scale_name
from sceneswap.notes import LOG


@dataclass(frozen=True)
class Source:
    """A published file of PyTorch tensors.

    url: where it is. sha256: its SHA-256, or the first digits of it. megabytes: its size. licence: of the weights in it.
    kept: beginnings of the names of the tensors that are kept → what they become in our file.
    """

    url: str
    sha256: str
    megabytes: float
    licence: str
    kept: Mapping[str, str]

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.url.rsplit("/", 1)[-1]

    def read(self, path: Path) -> dict[str, Tensor]:
        """The tensors that are kept of the file `path`, by their new names. Raises `UserError` unless it is this file.

        It is read with PyTorch's restricted tensor reader (`weights_only`), which runs no code.
        """
        digest = sha256(path)
        if not digest.startswith(self.sha256):
            raise UserError(
                f"{path} is not {self.name}, or damaged: its SHA-256 begins {digest[:8]}, not {self.sha256[:8]}; fetch it again"
            )
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {
            new + name.removeprefix(old): value.contiguous()
            for name, value in state.items()
            for old, new in self.kept.items()
            if name.startswith(old)
        }


@dataclass(frozen=True)
class Weights:
    """What the weights of a network are, and how users name them.

    network: its name. fits: in words, what holds its weights. option, variable: of the command line and of the
    environment. key: its short name. sources: published files that its weights can be made of, `fetched` to the cache
    when they are first needed, or else when the user asks for it (`sceneswap weights fetch`).
    """

    network: str
    fits: str
    option: str
    variable: str
    key: str = ""
    sources: tuple[Source, ...] = ()
    fetched: bool = False

    @property
    def cached(self) -> Path:
        """Where the weights are kept that are made of the sources."""
        folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        return folder / "sceneswap" / f"{self.key}.safetensors"

    def named(self, given: str | Path | None = None) -> str:
        """`given`, else what the environment variable says. Raises `UserError` when neither says anything."""
        name = given or os.environ.get(self.variable)
        if not name:
            fetch = f"fetch it once with `sceneswap weights fetch {self.key}`, or " if self.sources else ""
            raise UserError(
                f"{self.network} is needed: {fetch}name {self.fits} with {self.option} or in {self.variable}"
            )
        return str(name)

    def path(self, given: Path | None = None) -> Path:
        """The file `named`, else what the cache holds, else the download. Raises `UserError` when none can be had."""
        if given or os.environ.get(self.variable) or not self.sources:
            return Path(self.named(given))
        if not self.cached.exists():
            if not self.fetched:
                self.named()  # says what to do
            self.fetch(self.cached)
        return self.cached

    def fetch(self, target: Path) -> None:
        """Download the sources, check them, and write their tensors to `target` as safetensors. Raises `UserError`."""
        make_folder(target.parent)
        with TemporaryDirectory(dir=target.parent, prefix=".sceneswap-") as folder:
            paths = [Path(folder) / source.name for source in self.sources]
            for source, path in zip(self.sources, paths, strict=True):
                LOG.info("fetching %s (%g MB)", source.url, source.megabytes)
                try:
                    torch.hub.download_url_to_file(source.url, str(path), progress=sys.stderr.isatty())
                except (OSError, HTTPException) as error:
                    raise UserError(
                        f"the {self.network} weights could not be downloaded from {source.url} ({error}); fetch them "
                        f"elsewhere, make a file with `sceneswap weights convert {self.key}`, and name it in {self.variable}"
                    ) from error
            self.convert(paths, target)

    def convert(self, files: Sequence[Path], target: Path) -> None:
        """Write the tensors of the published files, in the order of `sources`, to `target` as safetensors.

        Raises `UserError` when a file is missing or is not the one it should be.
        """
        if len(files) != len(self.sources):
            wanted = " and ".join(source.url for source in self.sources)
            raise UserError(
                f"{self.network} is made of {len(self.sources)} files, not {len(files)}: {wanted}, in order"
            )
        tensors: dict[str, Tensor] = {}
        for source, path in zip(self.sources, files, strict=True):
            tensors |= source.read(path)
        with atomic_path(target) as temporary:
            save_file(tensors, temporary)

    def load(self, network: nn.Module, path: Path) -> None:
        """Load the tensors that `network` names from the safetensors file `path` (any further ones are left out).

        Weights may be int8, see `models.int8`.

        Freezes the network and puts it in evaluation mode. Raises `UserError` naming the file when it is missing,
        damaged, or holds other tensors.
        """
        try:
            state = load_file(path)
        except FileNotFoundError:
            raise UserError(f"the {self.network} weights {path} do not exist; name {self.fits}") from None
        except (OSError, SafetensorError) as error:
            raise UserError(f"the {self.network} weights {path} cannot be read ({error}); fetch it again") from error
        wanted = network.state_dict()
        wrong = [k for k, v in wanted.items() if k not in state or state[k].shape != v.shape]
        if wrong:
            raise UserError(f"{path} does not hold {self.network}: tensor {wrong[0]} is missing or of another shape")
        if lost := [k for k in wanted if state[k].dtype == torch.int8 and scale_name(k) not in state]:
            raise UserError(f"{path} does not hold {self.network}: tensor {scale_name(lost[0])} is missing")
        network.load_state_dict({k: plain(state, k).float() for k in wanted})
        network.requires_grad_(False).eval()


def shipped_file(name: str) -> AbstractContextManager[Path]:
    """The path of a weight file that the package carries, for the length of a `with` statement."""
    return resources.as_file(resources.files("sceneswap") / "weights" / name)
