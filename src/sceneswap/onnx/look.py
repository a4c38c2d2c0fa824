"""A look as an exported model holds it: the tensors of `inference.look.Look` as arrays, from and to the same files."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sceneswap.errors import UserError
from sceneswap.files import check_regular, parse_json, write_bytes
from sceneswap.inference.look_record import FORMAT, SHARES, fields_of, look_path, record_of
from sceneswap.labels.schema import LabelSchema

_META = "sceneswap"


@dataclass(frozen=True, eq=False)
class OnnxLook:
    """An exemplar as a model reads it. tensors: `values.i` (1, N, K), `mass.i` (1, K), `summary.i` (1, M2) of every scale i,
    float32. The rest as in `Look`. Raises `UserError` for numbers that are not finite.
    """

    tensors: dict[str, NDArray[np.float32]]
    name: str
    size: tuple[int, int]
    schema: LabelSchema
    model: str
    picture: str = ""
    shares: tuple[float, ...] = ()
    thumbnail: bytes = b""

    def __post_init__(self) -> None:
        if wrong := [name for name, numbers in self.tensors.items() if not np.isfinite(numbers).all()]:
            raise UserError(f"the look {self.name} holds numbers that are not finite ({wrong[0]}); make it again")

    def save(self, path: Path | str, *, thumbnail: bool = True) -> None:
        """Write the look to `path`, NAME.look.safetensors; `Look.load` reads it too. Raises `UserError`.

        thumbnail: whether the file shows, small, the photograph that it was made of.
        """
        from safetensors.numpy import save

        path = look_path(path)
        shares = {SHARES: np.array(self.shares, np.float32)} if self.shares else {}
        record = json.dumps(record_of(self, "values", thumbnail))
        write_bytes(path, save({**self.tensors, **shares}, metadata={_META: record}))

    @classmethod
    def load(cls, path: Path | str) -> "OnnxLook":
        """Open a saved look of a model with attention. Raises `UserError` when it is missing, damaged or no such look."""
        from safetensors import SafetensorError, safe_open

        path = Path(path)
        try:
            check_regular(path, "a look")
            with safe_open(path, framework="numpy") as file:
                meta = parse_json((file.metadata() or {}).get(_META, "{}"))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if not isinstance(meta, dict) or meta.get("format") != FORMAT or meta["kind"] != "values":
                raise UserError(f"{path} is not a look of a model with attention; make one with `sceneswap encode`")
            shares = tensors.pop(SHARES, np.zeros(0))
            numbers = {name: np.asarray(one, np.float32) for name, one in tensors.items()}
            return cls(numbers, **fields_of(meta, shares, str(path)))
        except FileNotFoundError:
            raise UserError(f"{path} does not exist; it should be a look") from None
        except (OSError, SafetensorError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise UserError(f"the look {path} cannot be read ({error}); make it again") from error
