"""Which scenes of a large data set are outdoors, or indoors: a rule on their label maps, by the classes' `setting`.

The paper trains on the outdoor and on the indoor scenes of COCO-Stuff and does not say how these were found; the rule is ours.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sceneswap.errors import UserError
from sceneswap.labels.schema import LabelSchema

Setting = Literal["outdoor", "indoor"]


@dataclass(frozen=True)
class Selection:
    """Keep a scene when at least `min_share`, 0 … 1, of its labelled pixels are of classes that occur only in `keep`.

    Void does not count as labelled; classes of both settings, such as persons, do.
    """

    keep: Setting
    min_share: float = 0.5

    def check(self, schema: LabelSchema) -> None:
        """Raise `UserError` when no class of `schema` is of the setting, so that nothing would be kept."""
        if not any(c.setting == self.keep for c in schema.classes):
            raise UserError(
                f'no class of schema {schema.name} has setting = "{self.keep}", by which --keep chooses; give its classes '
                "their setting in a schema file, or leave --keep out"
            )

    def share(self, pixels: NDArray[np.int64], schema: LabelSchema) -> float:
        """The share that decides, of the pixels (C + 1,) of every class, void last; 0 where all is void."""
        return float(pixels[:-1][schema.settings == self.keep].sum() / max(1, pixels[:-1].sum()))

    def describe(self, schema: LabelSchema) -> str:
        """The rule in words."""
        return (
            f"at least {self.min_share:g} of the labelled pixels are of classes whose setting in {schema.name} is "
            f'"{self.keep}"; void does not count as labelled, classes of both settings do'
        )
