"""The account of mended label maps: what was done to which file, and where."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sceneswap.errors import UserError, counted
from sceneswap.files import write_json
from sceneswap.images import write_png
from sceneswap.labels.mend import TOLERANCE, mend
from sceneswap.labels.schema import LabelSchema
from sceneswap.scene import LabelMap

REPAIRS = "repairs.json"


@dataclass
class Repairs:
    """Mends files of `schema` one by one and keeps account.

    tolerance: see `mend`. folder: for `repairs.json`, and pictures that are white where a class was told by the nearest
    colour; None: neither. files: for each mended file its path, steps (what was done -> pixels) and guessed pixels.
    faults: one sentence for each file that could not be mended.
    """

    schema: LabelSchema
    tolerance: int = TOLERANCE
    folder: Path | None = None
    files: list[dict[str, Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def read(self, path: Path, mask: Path | None = None) -> LabelMap | None:
        """The label map in the file `path`, mended if it must be; None, and a fault, where it cannot be.

        mask: the picture of guessed pixels to write.
        """
        try:
            mended = mend(path, self.schema, self.tolerance)
        except UserError as error:
            self.faults.append(str(error))
            return None
        if mended.steps:
            guessed = int(np.count_nonzero(mended.guessed))
            self.files.append({"file": str(path), "steps": mended.steps, "guessed": guessed})
            if mask is not None and guessed:
                write_png(mask, np.where(mended.guessed, np.uint8(255), np.uint8(0)))
        return mended.label_map

    def write(self) -> None:
        """Write `repairs.json`, if there is a folder for it."""
        if self.folder is not None:
            record = {
                "format": "sceneswap-repairs-1",
                "schema": self.schema.name,
                "tolerance": self.tolerance,
                "files": self.files,
                "faults": self.faults,
            }
            write_json(self.folder / REPAIRS, record)

    def lines(self, shown: int = 20) -> Iterator[str]:
        """What was done, in all and file by file, at most `shown` of these."""
        if not self.files:
            yield "nothing had to be mended"
            return
        steps: Counter[str] = Counter()
        for one in self.files:
            steps.update(one["steps"])
        yield f"mended {counted(len(self.files), 'file')}: " + _listed(steps)
        for one in self.files[:shown]:
            yield f"  {one['file']}: {_listed(one['steps'])}"
        if len(self.files) > shown:
            yield f"  and {len(self.files) - shown:,} more"


def _listed(steps: dict[str, int] | Counter[str]) -> str:
    return "; ".join(f"{count:,} pixels {what}" for what, count in steps.items())
