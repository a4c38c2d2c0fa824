"""Where the weights of frozen networks come from: a path, an environment variable, a download kept in the cache."""

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from sceneswap.errors import UserError
from sceneswap.files import atomic_path, sha256


@dataclass(frozen=True)
class Weights:
    """What a network's weights are, and how users name them.

    name: for messages and records. option, variable: of the command line and of the environment. fits: in words, what
    file holds them. url: of a download to fall back on, whose name ends in the first digits of its SHA-256.
    """

    name: str
    option: str
    variable: str
    fits: str
    url: str | None = None

    def named(self, given: str | Path | None = None) -> str:
        """`given`, else what the environment variable says. Raises `UserError` when neither says anything."""
        if name := str(given or os.environ.get(self.variable, "")):
            return name
        raise UserError(f"this needs {self.name}: name {self.fits} with {self.option} or in {self.variable}")

    def path(self, given: Path | None = None) -> Path:
        """The file `named`, else the download. Raises `UserError` when there is no such file."""
        if self.url and not given and not os.environ.get(self.variable):
            cached = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "sceneswap" / f"{self._slug}.safetensors"
            if not cached.exists():
                self.download(cached)
            return cached
        path = Path(self.named(given))
        if not path.is_file():
            raise UserError(f"{path} does not exist; it should hold {self.name}: {self.fits} (named with {self.option} or in {self.variable})")
        return path

    def load(self, network: nn.Module, path: Path) -> None:
        """Load the tensors that `network` names from a safetensors file (any further ones are left out).

        Freezes the network and puts it in evaluation mode. Raises `UserError` naming the file when it is missing,
        damaged, or holds other tensors.
        """
        try:
            state = load_file(path)
        except FileNotFoundError:
            raise UserError(f"the {self.name} weights {path} do not exist; name {self.fits}") from None
        except (OSError, SafetensorError) as error:
            raise UserError(f"the {self.name} weights {path} cannot be read ({error}); fetch the file again") from error
        wanted = network.state_dict()
        wrong = [k for k, v in wanted.items() if k not in state or state[k].shape != v.shape]
        if wrong:
            raise UserError(f"{path} does not hold {self.name}: tensor {wrong[0]} is missing or of another shape")
        network.load_state_dict({k: state[k].float() for k in wanted})
        network.requires_grad_(False).eval()
