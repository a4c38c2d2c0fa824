"""`sceneswap`: the table of commands, its help and its exit codes."""

import os
import re
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

from sceneswap import __version__
from sceneswap.cli.main import COMMANDS, functions, main, run
from sceneswap.cli.options import MeasuringOptions
from sceneswap.images import write_png


def helps() -> list[tuple[str, ...]]:
    """Every command line that should print help: commands, and commands with sub-commands."""
    found: list[tuple[str, ...]] = []
    for name in COMMANDS:
        commands = import_module(f"sceneswap.cli.{name}").COMMANDS
        found += [(name, sub) for sub in commands] if isinstance(commands, dict) else [(name,)]
    return found


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_every_command_with_an_example(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 0
    text = capsys.readouterr().out
    for name, (what, example) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(what)}$", text, re.MULTILINE)
        assert example.startswith(f"sceneswap {name}")
        assert example in text


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_version(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([flag]) == 0
    assert capsys.readouterr().out == f"sceneswap {__version__}\n"


def test_help_is_a_command_too(capsys: pytest.CaptureFixture[str]) -> None:
    for asked, meant in (["help"], ["--help"]), (["help", "labels"], ["labels"]), (["help", "swap"], ["swap", "-h"]):
        assert run(asked) == 0
        told = capsys.readouterr().out
        assert run(meant) == 0
        assert capsys.readouterr().out == told


@pytest.mark.parametrize("name", [name for name in COMMANDS if isinstance(functions(name), dict)])
def test_help_of_a_group_has_a_line_for_each_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for sub in functions(name):  # type: ignore[union-attr]
        assert len([line for line in lines if line.startswith(f"  {sub} ")]) == 1


def test_quiet_and_verbose(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schema = tmp_path / "labels" / "a.png"
    write_png(schema, np.zeros((4, 4), np.uint8))
    check = ["labels", "check", str(tmp_path), "--schema", "outdoor"]
    assert run(["--quiet", *check]) == run([*check, "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    assert run([*check, "--verbose"]) == 0
    assert "sceneswap: done after" in capsys.readouterr().err
    missing = ["labels", "check", str(tmp_path / "nothing"), "--schema", "outdoor"]
    assert run([*missing, "--quiet"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert run([*missing, "--verbose"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_python_dash_m(tmp_path: Path) -> None:
    asked = [sys.executable, "-m", "sceneswap", "--version"]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout == f"sceneswap {__version__}\n"


def test_an_unknown_command_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    for words, hint in (["swop"], "did you mean sceneswap swap?"), (["labels", "chek"], "sceneswap labels check"):
        assert run(words) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert hint in captured.err
    assert run(["qqq"]) == 2
    assert ", ".join(COMMANDS) in capsys.readouterr().err


@pytest.mark.parametrize("command", helps(), ids=" ".join)
def test_help_of_every_command_shows_an_example(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command, "--help"]) == 0
    text = capsys.readouterr().out
    assert re.search(rf"^ *sceneswap {' '.join(command)}( |$)", text, re.MULTILINE), text


def test_every_example_names_flags_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    for name, (_, example) in COMMANDS.items():
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


@pytest.mark.parametrize("columns", ["0", "1", "5", "39"])
def test_help_on_a_narrow_terminal(columns: str) -> None:
    command = [sys.executable, "-m", "sceneswap.cli.main", "data", "render", "--help"]
    done = subprocess.run(command, env=os.environ | {"COLUMNS": columns}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "--seed" in done.stdout


@pytest.mark.parametrize("arguments", [[], *([name, "--help"] for name in COMMANDS)], ids=" ".join)
def test_help_loads_no_pytorch(arguments: list[str]) -> None:
    code = f"import sys; from sceneswap.cli.main import run; run({arguments!r}); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["swap", "nowhere.jpg", "nothing.jpg", "-o", "out.png"],
        ["swap", "--layouts", "nowhere.jpg", "--looks", "nothing.jpg", "--out", "out"],
        ["synthesize", "--label-map", "nowhere.jpg", "--exemplar", "nothing.jpg", "-o", "out.png"],
        ["encode", "nowhere.jpg", "-o", "out.look.safetensors"],
        ["interpolate", "global", "--label-map", "nowhere.jpg", "--exemplars", "a.jpg", "b.jpg", "--out", "out"],
        ["attention", "trace", "--label-map", "nowhere.jpg", "--exemplar", "nothing.jpg", "--out", "out"],
    ],
    ids=lambda words: words[0],
)
def test_missing_files_are_told_before_pytorch_is_loaded(words: list[str], tmp_path: Path) -> None:
    code = f"import sys; from sceneswap.cli.main import run; print(run({words!r}), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "2 False"
    assert done.stderr == "sceneswap: nowhere.jpg does not exist; check the path\n"


UNTORCHED = """
import sys
from sceneswap.cli.main import run
for line in sys.argv[1:]:
    print(run(line.split("|")), "torch" in sys.modules)
"""


def test_a_mistyped_path_is_told_before_pytorch_is_loaded(tmp_path: Path) -> None:
    """Loading PyTorch takes seconds; a typing error takes none."""
    photo = tmp_path / "photo.png"
    write_png(photo, np.full((8, 8, 3), 99, np.uint8))
    good, missing, out = str(photo), str(tmp_path / "mistyped.png"), str(tmp_path / "out")
    lines = [
        ["swap", missing, good, "-o", f"{out}.png"],
        ["swap", "--layouts", good, "--looks", missing, "--out", out],
        ["swap", good, good, "-o", f"{out}.png", "--model", missing],
        ["synthesize", "--label-map", good, "--exemplar", missing, "-o", f"{out}.png"],
        ["synthesize", "--label-map", missing, "--exemplar", good, "-o", f"{out}.png"],
        ["synthesize", "--label-map", good, "--exemplar", good, "--exemplar-label-map", missing, "-o", f"{out}.png"],
        ["encode", missing, "-o", f"{out}.look.safetensors"],
        ["interpolate", "global", "--label-map", good, "--exemplars", good, missing, "--out", out],
        ["attention", "trace", "--label-map", good, "--exemplar", missing, "--out", out],
        ["attention", "matrix", "--data", str(tmp_path), "--out", out, "--model", missing],
    ]
    words = ["|".join(line) for line in lines]
    done = subprocess.run([sys.executable, "-c", UNTORCHED, *words], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["2 False"] * len(lines)
    told = done.stderr.splitlines()
    assert len(told) == len(lines)
    assert all("mistyped.png" in line for line in told)
    assert not Path(out).exists()


def test_threads(release_folder: Path, data: Path, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    try:
        words = ["encode", data / "images" / "a.png", "--label-map", data / "labels" / "a.png", "--threads", 3]
        words += ["--device", "cpu", "--model", release_folder, "-o", tmp_path / "a.look.safetensors"]
        assert run([str(word) for word in words]) == 0
        assert torch.get_num_threads() == 3
        MeasuringOptions(out=tmp_path, model=((f"a={release_folder}",),), device="cpu", threads=2).open()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("device", ["tpu", "cuda:77", ""])
def test_a_device_that_is_not_there(
    device: str, release_folder: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "encode",
        str(data / "images" / "a.png"),
        "-o",
        str(data / "a.look.safetensors"),
        "--model",
        str(release_folder),
    ]
    assert run([*words, "--device", device]) == 2
    assert "device" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["swap", "a.jpg", "b.jpg", "-o", ""], "-o"),
        (["swap", "a.jpg", "", "-o", "c.png"], "an argument"),
        (["data", "import", "x", "--schema", "outdoor", "--out="], "--out"),
        (["labels", "check", "", "--schema", "outdoor"], "an argument"),
    ],
)
def test_nothing_is_no_value(
    words: list[str], what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unset variable of a script; taken as a path it would be the folder where the command runs."""
    monkeypatch.chdir(tmp_path)
    assert run(words) == 2
    assert capsys.readouterr().err.startswith(f"sceneswap: {what} is empty; give it a value")
    assert not list(tmp_path.iterdir())


def test_streams_that_are_closed(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", np.zeros((8, 8), np.uint8))
    line = f"{sys.executable} -m sceneswap.cli.main labels colorize a.png --schema outdoor --out out"
    for closed in (">&-", "2>&-", ">&- 2>&- <&-"):
        assert subprocess.run(f"{line} --overwrite {closed}", shell=True, cwd=tmp_path, check=False).returncode == 0
    assert (tmp_path / "out" / "a.png").is_file()


def test_the_folder_where_it_runs_may_be_gone(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    try:
        assert (
            run(["labels", "colorize", str(data / "labels"), "--schema", "outdoor", "--out", str(tmp_path / "out")])
            == 0
        )
        assert run(["train", "--preset", "tiny", "--data", str(data), "--out", "out", "--device", "cpu"]) == 2
    finally:
        monkeypatch.undo()  # nothing else works here
    assert capsys.readouterr().err.splitlines()[-1].startswith("sceneswap: ")


def test_interrupted_before_it_has_begun(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("sceneswap.cli.main.run", interrupted)
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as end:
            main()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert end.value.code == 130
    assert capsys.readouterr().err == "sceneswap: interrupted\n"
