"""A run folder belongs to one process; what a killed one leaves behind holds nobody up."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sceneswap.cli.main import run
from sceneswap.errors import UserError
from sceneswap.training.lock import LOCK, run_lock

HOLD = """
import sys, time
from pathlib import Path
from sceneswap.training.lock import run_lock
with run_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def hold(out: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(out)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_another_process_waits_until_the_first_is_gone(tmp_path: Path) -> None:
    with hold(tmp_path) as process:
        with pytest.raises(UserError, match=rf"is being trained in by process {process.pid} on .*; wait for it"):
            run_lock(tmp_path).__enter__()
        process.send_signal(signal.SIGKILL)
    assert (tmp_path / LOCK).exists()
    with run_lock(tmp_path):
        assert f'"pid": {os.getpid()}' in (tmp_path / LOCK).read_text()
    assert not (tmp_path / LOCK).exists()


@pytest.mark.parametrize("left", [b"", b'{"pid": 1, "host": "elsewhere"}', b"\xff[", b"x" * 5000])
def test_what_is_left_of_old_locks_holds_nobody_up(tmp_path: Path, left: bytes) -> None:
    (tmp_path / LOCK).write_bytes(left)
    with run_lock(tmp_path), pytest.raises(UserError, match="is being trained in"):
        run_lock(tmp_path).__enter__()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_a_run_is_not_left_behind(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such data"), run_lock(tmp_path / "new"):
        raise UserError("no such data")
    assert not (tmp_path / "new").exists()


def test_a_second_training_is_refused(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "--preset", "tiny", "--data", str(data), "--out", str(tmp_path), "--device", "cpu"]
    with run_lock(tmp_path):
        assert run(command) == 2
    assert "is being trained in by process" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
