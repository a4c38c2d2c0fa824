"""Which scenes of a data set are kept, and whether there is anything to learn from them."""

from collections.abc import Callable, Sequence

import numpy as np

from sceneswap.data.pairing import composed, some
from sceneswap.errors import UserError
from sceneswap.labels.schema import LabelSchema
from sceneswap.pictures import evenly_spread
from sceneswap.scene import LabelMap


def selected(titles: Sequence[str], only: Sequence[str]) -> list[int]:
    """Which scenes of `titles` (folder/stem each) are named, by it or by stem. Raises `UserError` for a name of none."""
    wanted = {composed(str(name)) for name in only}
    found: set[str] = set()
    kept = []
    for number, title in enumerate(titles):
        names = {title.partition("/")[2], title} & wanted
        if names:
            kept.append(number)
            found |= names
    missing = sorted(wanted - found)
    if missing or not kept:
        raise UserError(
            f"{len(missing)} of the {len(wanted)} scenes to keep are in none of the data folders: "
            f"{some(missing)}; correct the list"
        )
    return kept


def void_share(label_map: Callable[[int], LabelMap], count: int, schema: LabelSchema, most: int) -> float:
    """The share of void in at most `most` of `count` label maps; see `FolderDataset.void_share`."""
    shares = [np.mean(label_map(index) == schema.void_index) for index in evenly_spread(range(count), most)]
    if min(shares) == 1 and all(np.all(label_map(index) == schema.void_index) for index in range(count)):
        raise UserError(
            f"every label map is void everywhere in the classes of {schema.name}: there is nothing to learn; "
            "look at them with `sceneswap labels check`, and correct them or their schema.toml"
        )
    return float(np.mean(shares))
