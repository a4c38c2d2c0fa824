"""Odd names of files, in every command that makes names of its own from them: nothing lost, nothing elsewhere, no traceback."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sceneswap.cli.main import run

NAMES = [
    "sp ace", "quo\"te'", "ünï-日本-😀", "-dash", "new\nline", "[bold]x[red]", "<b>&amp;{{x}}", "$(touch pwned);", "*?[a]",
    "x.", "\u202egnp", "n" * 240, "caf\udce9", "%s%d", "a=b", "~", "a__b",
]  # fmt: skip

DRAW = ["--model", "{model}", "--device", "cpu", "--long-side", "48"]
COMMANDS: dict[str, tuple[list[str], list[str]]] = {  # a command line, and what it writes
    "swap": (["swap", "{photo}", "{data}/images/b.png", "-o", "{out}/{name}.webp", *DRAW], ["{name}.webp"]),
    "grid": (["swap", "{data}", "--limit", "2", "--out", "{out}", *DRAW], ["grid.png", "index.html"]),
    "encode": (["encode", "{photo}", "--label-map", "{map}", "-o", "{out}/a.look.safetensors", *DRAW[:4]],
               ["a.look.safetensors"]),
    "import": (["data", "import", "{data}", "--schema", "outdoor", "--out", "{out}", "--workers", "1"],
               ["images/{name}.png", "labels/{name}.png"]),
    "restyle": (["restyle", "{data}", "--looks", "{photo}", "--per-image", "1", "--format", "png", "--out", "{out}", *DRAW],
                ["restyle.json", "images/b__1.png"]),
    "colorize": (["labels", "colorize", "{data}/labels", "--schema", "outdoor", "--out", "{out}"], ["{name}.png"]),
    "strips": (["interpolate", "classes", "--class", "sky-other={name}.png", "--label-map", "{map}", "--exemplars",
                "{photo}", "{data}/images/b.png", "--exemplar-label-maps", "{map}", "{data}/labels/b.png", "--frames", "2",
                "--out", "{out}", *DRAW[:4]], ["strips.png"]),
    "trace": (["attention", "trace", "--at", "3,3", "--label-map", "{map}", "--exemplar", "{photo}", "--exemplar-label-map",
               "{map}", "--out", "{out}", *DRAW[:4]], ["trace.json"]),
}  # fmt: skip

SLOW = ("strips", "trace")  # seconds each: some names are enough
CASES = [
    (name, command) for name in NAMES for command in COMMANDS if command not in SLOW or name in (NAMES[4], "caf\udce9")
]


@pytest.fixture
def named(data: Path, tmp_path: Path, head_folder: Path) -> Callable[[str], dict[str, str]]:
    def make(name: str) -> dict[str, str]:
        for part in ("images", "labels"):
            (data / part / "a.png").rename(data / part / f"{name}.png")
        photo, label_map = (str(data / part / f"{name}.png") for part in ("images", "labels"))
        places = {"data": str(data), "out": str(tmp_path / "out"), "model": str(head_folder)}
        return {"name": name, "photo": photo, "map": label_map, **places}

    return make


def _files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("name", "command"), CASES, ids=[f"{ascii(name)[1:13]}-{command}" for name, command in CASES])
def test_a_name_is_only_a_name(
    named: Callable[[str], dict[str, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, name: str, command: str,
) -> None:  # fmt: skip
    known, (line, written) = named(name), COMMANDS[command]
    before = _files(tmp_path)
    monkeypatch.chdir(tmp_path)
    words = [word.format(**known) for word in line]
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # as `main` does
    assert run(words) == 0, capsys.readouterr().err
    said = capsys.readouterr()
    assert all(one.isprintable() for one in said.err.splitlines())
    after = _files(tmp_path)
    assert {path: after[path] for path in before} == before
    assert all(path.is_relative_to(tmp_path / "out") for path in after.keys() - before.keys())
    for file in written:
        assert (tmp_path / "out" / file.format(name=name)).is_file()
    pictures = {path: data for path, data in after.items() if path.suffix in (".png", ".webp") and path not in before}
    assert run(words) == 0 if command != "colorize" else True, capsys.readouterr().err  # it knows its own files again
    assert {path: path.read_bytes() for path in pictures} == pictures
    shutil.rmtree(tmp_path / "out")
