"""`sceneswap`: the table of commands, its help and its exit codes."""

import re
import subprocess
import sys
from importlib import import_module

import pytest

from sceneswap import __version__
from sceneswap.cli.main import COMMANDS, main, run


def helps() -> list[tuple[str, ...]]:
    """Every command line that should print help: commands, and commands with sub-commands."""
    found: list[tuple[str, ...]] = []
    for name, (module, _, _) in COMMANDS.items():
        commands = import_module(module).COMMANDS
        found += [(name, sub) for sub in commands] if isinstance(commands, dict) else [(name,)]
    return found


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_every_command_with_an_example(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 0
    text = capsys.readouterr().out
    for name, (_, what, example) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(what)}$", text, re.MULTILINE)
        assert example.startswith(f"sceneswap {name}")
        assert example in text


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"sceneswap {__version__}\n"


def test_an_unknown_command_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["swop"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("sceneswap: there is no command 'swop'; the commands are examples, swap, ")


@pytest.mark.parametrize("command", helps(), ids=" ".join)
def test_help_of_every_command_shows_an_example(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command, "--help"]) == 0
    text = capsys.readouterr().out
    assert re.search(rf"^ *sceneswap {' '.join(command)}( |$)", text, re.MULTILINE), text


def test_every_example_names_flags_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    for name, (_, _, example) in COMMANDS.items():
        words = example.split()[1:]
        sub = [w for w in words[:2] if (w,) == (name,) or (name, w) in helps()]
        assert run([*sub, "--help"]) == 0
        text = capsys.readouterr().out
        for flag in (w for w in words if w.startswith("-")):
            assert re.search(rf"{flag}\b", text), f"{example}: {flag}"


@pytest.mark.parametrize("name", COMMANDS)
def test_a_wrong_flag_is_a_mistake(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--no-such-flag"]) == 2
    assert capsys.readouterr().err


def test_the_console_script_exits_with_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["sceneswap", "nonsense"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2


@pytest.mark.parametrize("arguments", [[], *([name, "--help"] for name in COMMANDS)], ids=" ".join)
def test_help_loads_no_pytorch(arguments: list[str]) -> None:
    code = f"import sys; from sceneswap.cli.main import run; run({arguments!r}); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
