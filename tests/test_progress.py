"""Progress: a bar that fits its terminal, lines where there is none, and neither when nobody wants to hear."""

import logging
import re

import pytest

from sceneswap import progress as module
from sceneswap.progress import progress, steps, time_in_words, tracked

NOTE = "adversarial 0.123 feature_matching 1.234 perceptual 2.345 style 0.456 pixel 0.567"


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def test_off_a_terminal_a_line_a_minute(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_EVERY", -1)
    with progress("train", 1600, 190) as advance:
        advance(10, "patch", NOTE)
    assert re.fullmatch(rf"sceneswap: patch 200/1,600 · {NOTE} · \d+ s left\n", shown(capsys))
    monkeypatch.setattr(module, "_EVERY", 60)
    assert list(tracked([1, 2, 3], "counting")) == [1, 2, 3]
    assert shown(capsys) == ""


def test_the_bar_fits_a_terminal_of_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    with progress("patch-coarse", 1600, 190) as advance:
        advance(10, "patch-coarse", NOTE)
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in re.split(r"[\r\n]+", shown(capsys))]
    told = [line for line in lines if "200/1600" in line]
    assert told
    assert all(len(line) <= 80 and "patch-coarse" in line and "adversarial" in line for line in told)


@pytest.mark.parametrize("level", [logging.WARNING, logging.ERROR])
def test_quiet(level: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_EVERY", -1)
    monkeypatch.setattr(module.LOG, "level", level)
    with progress("train", 10) as advance:
        advance(5)
    assert shown(capsys) == ""


def test_times_in_words() -> None:
    assert [time_in_words(s) for s in (4, 89, 120, 5340, 12600)] == ["4 s", "89 s", "2 min", "89 min", "3.5 h"]


def test_steps_of_a_job_that_knows_its_length_late(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_EVERY", -1)
    with steps("drawing") as at:
        assert capsys.readouterr().err == ""  # nothing is shown before it begins
        for done in range(3):
            at(done + 1, 3)
    assert re.search(r"drawing 1/3 .*\n.*drawing 2/3", capsys.readouterr().err)
