"""Notes: each once, the first few of a kind."""

import pytest

from sceneswap.notes import LOG, on_stderr


def test_notes_are_said_once_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    with on_stderr():
        for number in range(5):
            LOG.warning("the file %s is odd", f"{number}\n")
            LOG.warning("the file %s is odd", f"{number}\n")
        LOG.warning("another thing")
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        *(f"sceneswap: note: the file {number}\\n is odd" for number in range(3)),
        "sceneswap: note: another thing",
        "sceneswap: note: 2 more such notes: the file … is odd",
    ]
    with on_stderr():
        LOG.warning("another thing")
    assert "another thing" in capsys.readouterr().err
