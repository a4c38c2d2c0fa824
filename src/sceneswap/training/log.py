"""What a run tells: `metrics.jsonl`, TensorBoard where it is installed, warnings for the two alarms."""

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

from sceneswap.alarms import Alarms
from sceneswap.files import parse_json, read_bytes, write_text
from sceneswap.images import read_photo
from sceneswap.notes import LOG

_COMPARED = ("validation/pixel", "validation/style", "alarms/response", "alarms/copy_distance")
"""The scalars that TensorBoard sets beside hyper-parameters; a run that has not all of them shows the others."""


class RunLog:
    """Appends JSON lines to `metrics.jsonl`: {"step", "phase", "seconds", "terms"}, {"step", "alarms"}, {"step", "validation"}.

    step: where the run is; lines of later steps (of a run that was cut off) are dropped, so that a resumed log equals
    an unbroken one. With the extra `tensorboard` installed the same values go to `out/tensorboard`, with learning rates, sample
    grids and the settings.
    """

    def __init__(self, out: Path, step: int) -> None:
        path = out / "metrics.jsonl"
        if path.exists():
            write_text(path, "".join(f"{json.dumps(line)}\n" for line in read_log(path) if line["step"] <= step))
        self._file = path.open("a", encoding="utf-8")
        self._board: Any = None
        if find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(out / "tensorboard"), purge_step=step + 1)

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._board is not None:
            self._board.close()

    def metrics(self, step: int, phase: str, terms: dict[str, float], seconds: float) -> None:
        """Log the unweighted loss terms of a step; seconds: spent in training steps so far."""
        self._write({"step": step, "phase": phase, "seconds": round(seconds, 3), "terms": terms})
        if self._board is not None:
            for name, value in terms.items():
                self._board.add_scalar(f"loss/{name}", value, step)

    def rates(self, step: int, rates: dict[str, float]) -> None:
        """Show TensorBoard the learning rate of each optimiser at a step."""
        if self._board is not None:
            for name, value in rates.items():
                self._board.add_scalar(f"learning rate/{name}", value, step)

    def grid(self, step: int, path: Path) -> None:
        """Show TensorBoard a sample grid, the picture `path`."""
        if self._board is not None:
            self._board.add_image("samples", read_photo(path), step, dataformats="HWC")

    def settings(self, settings: dict[str, Any]) -> None:
        """Show TensorBoard all settings of the run: as text, and as hyper-parameters by which runs are compared."""
        if self._board is not None:
            from torch.utils.tensorboard.summary import hparams

            self._board.add_text("settings", f"```json\n{json.dumps(settings, indent=1)}\n```", 0)
            for summary in hparams(_flat(settings), dict.fromkeys(_COMPARED)):
                self._board.file_writer.add_summary(summary)

    def validation(self, step: int, terms: dict[str, float]) -> None:
        """Log the unweighted loss terms on the validation data."""
        self._write({"step": step, "validation": terms})
        if self._board is not None:
            for name, value in terms.items():
                self._board.add_scalar(f"validation/{name}", value, step)

    def alarms(self, step: int, alarms: Alarms) -> None:
        """Log the two failure scores and warn on stderr when one is over its limit."""
        values = {"response": alarms.response, "copy_distance": alarms.copy_distance}
        self._write({"step": step, "alarms": values, "ignores": alarms.ignores, "copies": alarms.copies})
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(f"alarms/{name}", value, step)
        if alarms.ignores:
            LOG.warning(f"step {step}: the exemplar is ignored (response {alarms.response:.3f})")
        if alarms.copies:
            LOG.warning(f"step {step}: the exemplar is copied (distance {alarms.copy_distance:.2f})")

    def _write(self, values: dict[str, Any]) -> None:
        self._file.write(json.dumps(values) + "\n")
        self._file.flush()


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings under names such as `loss.style` and `phases.patch.steps`; lists as text."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list | tuple) and all(isinstance(one, dict) and "name" in one for one in value):
            for one in value:
                flat |= _flat({k: v for k, v in one.items() if k != "name"}, f"{prefix}{key}.{one['name']}.")
        else:
            flat[f"{prefix}{key}"] = value if isinstance(value, bool | int | float | str) else json.dumps(value)
    return flat


def read_log(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a `metrics.jsonl`, each an object with its step; damaged and half-written ones are passed over.

    Raises `UserError` when the file cannot be read.
    """
    for line in read_bytes(path).decode("utf-8", "replace").splitlines():
        try:
            values = parse_json(line)
        except ValueError:
            continue
        if isinstance(values, dict) and isinstance(values.get("step"), int):
            yield values
