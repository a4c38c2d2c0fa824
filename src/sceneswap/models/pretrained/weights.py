"""Where the weights of frozen networks come from: a path, an environment variable, or a download kept in the cache."""

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sceneswap.errors import UserError
from sceneswap.files import atomic_path, sha256


@dataclass(frozen=True)
class Weights:
    """What the weights of a network are, and how users name them.

    network: its name. fits: in words, what holds its weights. option, variable: of the command line and of the
    environment. url: a PyTorch file to fall back on, whose name ends in the first digits of its SHA-256; `kept` begins the
    names of the tensors that are kept of it, as safetensors, in the cache.
    """

    network: str
    fits: str
    option: str
    variable: str
    url: str | None = None
    kept: str = ""

    def named(self, given: str | Path | None = None) -> str:
        """`given`, else what the environment variable says. Raises `UserError` when neither says anything."""
        name = given or os.environ.get(self.variable)
        if not name:
            raise UserError(f"this needs {self.network}: name {self.fits} with {self.option} or in {self.variable}")
        return str(name)

    def path(self, given: Path | None = None) -> Path:
        """The file `named`, else the download. Raises `UserError` when neither can be had."""
        if self.url is None or given or os.environ.get(self.variable):
            return Path(self.named(given))
        cached = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "sceneswap"
        cached /= f"{Path(self.url).stem.partition('-')[0]}.safetensors"
        if not cached.exists():
            self.download(cached)
        return cached

    def download(self, target: Path) -> None:
        """Fetch `url`, check it, and write its tensors to `target` as safetensors.

        The file is read with PyTorch's restricted tensor reader (`weights_only`), which runs no code. Raises `UserError`
        when the download or the check fails.
        """
        url = str(self.url)
        with atomic_path(target) as temporary:
            try:
                torch.hub.download_url_to_file(url, str(temporary), progress=False)
            except OSError as error:
                raise UserError(
                    f"the {self.network} weights could not be downloaded from {url} ({error}); fetch them on another "
                    f"machine and name {self.fits} in {self.variable}"
                ) from error
            wanted, digest = Path(url).stem.rsplit("-", 1)[-1], sha256(temporary)
            if not digest.startswith(wanted):
                raise UserError(
                    f"the download {url} is damaged: its SHA-256 begins {digest[:8]}, not {wanted}; try again"
                )
            state = torch.load(temporary, map_location="cpu", weights_only=True)
            save_file({k: v.contiguous() for k, v in state.items() if k.startswith(self.kept)}, temporary)

    def load(self, network: nn.Module, path: Path) -> None:
        """Load the tensors that `network` names from the safetensors file `path` (any further ones are left out).

        Weights may be int8, as `quantised` makes them.

        Freezes the network and puts it in evaluation mode. Raises `UserError` naming the file when it is missing,
        damaged, or holds other tensors.
        """
        try:
            state = load_file(path)
        except FileNotFoundError:
            raise UserError(f"the {self.network} weights {path} do not exist; name {self.fits}") from None
        except (OSError, SafetensorError) as error:
            raise UserError(
                f"the {self.network} weights {path} cannot be read ({error}); fetch the file again"
            ) from error
        wanted = network.state_dict()
        wrong = [k for k, v in wanted.items() if k not in state or state[k].shape != v.shape]
        if wrong:
            raise UserError(f"{path} does not hold {self.network}: tensor {wrong[0]} is missing or of another shape")
        if lost := [k for k in wanted if state[k].dtype == torch.int8 and _scale_name(k) not in state]:
            raise UserError(f"{path} does not hold {self.network}: tensor {_scale_name(lost[0])} is missing")
        network.load_state_dict({k: _plain(state, k) for k in wanted})
        network.requires_grad_(False).eval()


def shipped_file(name: str) -> AbstractContextManager[Path]:
    """The path of a weight file that the package carries, for the length of a `with` statement."""
    return resources.as_file(resources.files("sceneswap") / "weights" / name)


def quantised(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors for a small file: weights that are multiples of one scale as int8 (`X.weight` × `X.scale`), the rest fp16.

    For networks that were published as int8: their own integers come back, nothing is rounded anew. A scale is the least
    squares one, since the values come rounded to fp16; multiples are told within a tenth of a step.
    """
    found = {}
    for name, value in state.items():
        exact = value.float()
        steps = exact / (exact.abs().max() / 127)
        whole = steps.round()
        if name.endswith("weight") and bool(((steps - whole).abs() < 0.1).all()):
            found[name] = whole.to(torch.int8)
            found[_scale_name(name)] = (exact * whole).sum(dtype=torch.float64).div((whole**2).sum()).float().view(1)
        else:
            found[name] = value.half()
    return found


def _plain(state: dict[str, Tensor], name: str) -> Tensor:
    """A tensor of a file as fp32, with its scales where it is quantised."""
    value = state[name]
    if value.dtype == torch.int8:
        return value.float() * state[_scale_name(name)].float()
    return value.float()


def _scale_name(name: str) -> str:
    return f"{name.removesuffix('weight')}scale"
