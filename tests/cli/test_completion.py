"""What the shell is told: asked as bash asks."""

import shutil
import subprocess
from pathlib import Path

import pytest

from sceneswap.cli.main import COMMANDS, functions, run

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here to ask")

ASK = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
$(complete -p sceneswap | sed 's/.*-F \\([^ ]*\\).*/\\1/')
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shell") / "sceneswap"
    with pytest.MonkeyPatch.context() as patch, path.open("w", encoding="utf-8") as file:
        patch.setattr("sys.stdout", file)
        assert run(["completion", "bash"]) == 0
    return path


def completions(script: Path, *words: str) -> list[str]:
    asked = ["bash", "-c", ASK, "bash", str(script), "sceneswap", *words]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()


def test_commands_are_completed(script: Path) -> None:
    assert completions(script, "sw") == ["swap"]
    assert set(completions(script, "")) >= set(COMMANDS)
    assert set(completions(script, "attention", "")) >= {"matrix", "trace"}


def test_options_are_completed_and_are_options(script: Path) -> None:
    assert completions(script, "labels", "convert", "--fr") == ["--from"]
    for name in COMMANDS:
        found = functions(name)
        for words in [(name, sub) for sub in found] if isinstance(found, dict) else [(name,)]:
            flags = completions(script, *words, "--")
            assert "--help" in flags
            assert all(flag.startswith("--") and " " not in flag for flag in flags), words


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_a_script_too(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    assert "interpolate" in capsys.readouterr().out
    assert run(["completion", "cmd"]) == 2
