"""How the scenes of a step are shared out among processes."""

from dataclasses import replace

import pytest

from sceneswap.config import load_train_config
from sceneswap.errors import UserError
from sceneswap.training.phases import shares


@pytest.mark.parametrize(
    ("batch_size", "accumulation", "before", "now", "expected"),
    [
        (4, 1, 1, 1, (4, 1)), (4, 1, 2, 1, (4, 2)), (4, 1, 1, 2, (2, 1)), (4, 3, 1, 3, (4, 1)), (4, 1, 8, 2, (4, 4)),
        (6, 1, 1, 4, None), (3, 2, 2, 3, (2, 2)), (1, 1, 1, 2, None), (2, 1, 1, 2, (1, 1)), (5, 1, 4, 3, None),
    ],
)  # fmt: skip
def test_a_step_takes_the_same_scenes(
    batch_size: int, accumulation: int, before: int, now: int, expected: tuple[int, int] | None
) -> None:
    settings = replace(load_train_config("tiny"), accumulation=accumulation)
    phase = replace(settings.phases[1], batch_size=batch_size)
    if expected is None:
        with pytest.raises(UserError, match="cannot share evenly; go on with a number of processes that divides it"):
            shares(phase, settings, before, now)
        return
    size, micro_steps = shares(phase, settings, before, now)
    assert (size, micro_steps) == expected
    assert size * micro_steps * now == batch_size * accumulation * before
