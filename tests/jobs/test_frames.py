"""Frames that lie where the picture changes."""

import numpy as np

from sceneswap.jobs.frames import by_change
from sceneswap.scene import Photo


def grey(t: float) -> list[Photo]:
    """A picture that brightens late: most of its change lies beyond 0.8."""
    return [np.full((2, 2, 3), round(200 * t**8), np.uint8)]


def test_frames_are_spaced_by_change() -> None:
    even = np.linspace(0, 1, 9)
    spaced = by_change(grey, even, 2)
    assert spaced[0] == 0
    assert spaced[-1] == 1
    assert (np.diff(spaced) > 0).all()

    def steps(positions: np.ndarray) -> np.ndarray:
        return np.diff([grey(t)[0].mean() for t in positions])

    assert steps(spaced).std() < 0.3 * steps(even).std()


def test_inner_exemplars_stand_alone_once() -> None:
    for exemplars in (3, 4):
        spaced = by_change(grey, np.linspace(0, 1, 9), exemplars)
        assert set(np.linspace(0, 1, exemplars)) <= set(spaced)
        assert (np.diff(spaced) >= 0).all()


def test_where_nothing_changes_steps_are_even() -> None:
    even = np.linspace(-0.5, 1.5, 5)
    np.testing.assert_allclose(by_change(lambda t: grey(0), even, 2), even)
