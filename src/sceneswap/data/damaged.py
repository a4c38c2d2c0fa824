"""Training that goes on where a scene cannot be read: never silently, and the same way every time."""

from sceneswap.errors import UserError
from sceneswap.notes import LOG
from sceneswap.scene import Scene, SceneSource

_MOST = 100  # scenes one after another; then it is no accident


class SkippingDamaged:
    """A source of scenes in which the next readable one stands in for a scene that cannot be read; a note names each.

    Which one that is depends on the number alone, so that resuming stays exact. Raises `UserError` when a hundred scenes one
    after another cannot be read.
    """

    def __init__(self, source: SceneSource) -> None:
        self.source = source

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Scene:
        """Read scene `index`, or the next that can be read."""
        first: UserError | None = None
        for ahead in range(min(_MOST, len(self))):
            try:
                return self.source[(index + ahead) % len(self)]
            except UserError as error:
                first = first or error
                LOG.warning("skipped: %s", error)
        raise UserError(f"{_MOST} scenes one after another cannot be read; the first because {first}") from first
