"""Every command of README.md, pasted into a shell in its order, does what it says; so does its Python."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.M | re.S)
INSTALLING = ("pip install ",)  # the tests run where it is installed; the wheel is tried in an environment of its own


def shell_lines() -> list[str]:
    lines = [line for kind, block in BLOCKS if kind == "sh" for line in block.replace("\\\n", "").splitlines()]
    return [line for line in lines if not line.startswith(INSTALLING)]


def script() -> str:
    """All blocks of the README as one program of the shell."""
    parts = []
    for kind, block in BLOCKS:
        if kind == "sh":
            parts += [line for line in block.splitlines() if not line.startswith(INSTALLING)]
        elif kind == "python":
            parts.append(f"{sys.executable} - <<'PYTHON'\n{block}PYTHON")
    return "\n".join(parts)


def test_the_readme_shows_commands_and_nothing_unknown() -> None:
    assert {kind for kind, _ in BLOCKS} == {"sh", "python", "bibtex"}
    assert len(shell_lines()) >= 10
    assert shell_lines()[0] == "sceneswap examples"
    assert all(line.startswith("sceneswap ") for line in shell_lines())
    assert not [line for line in shell_lines() if "#" in line], "zsh takes a comment for words of the command"


@pytest.mark.slow
def test_every_command_of_the_readme_runs_as_printed(tmp_path: Path) -> None:
    commands = Path(sys.executable).parent
    if shutil.which("sceneswap", path=str(commands)) is None:
        pytest.skip("the console script sceneswap is not installed beside this Python")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SCENESWAP_")}
    environment |= {"PATH": f"{commands}{os.pathsep}{os.environ['PATH']}", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    place = tmp_path / "here"
    place.mkdir()
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", script()], cwd=place, env=environment, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:]
    written = {name for line in shell_lines() for name in re.findall(r" (?:-o|--out) (\S+)", line)}
    written |= set(re.findall(r'save\("([^"]+)"\)', README))
    assert len(written) >= 10
    for name in written:
        assert (place / name).exists(), name
        assert (place / name).is_file() or any((place / name).iterdir()), name
