"""Hostile and unusual files in every place that takes one: exit code 2, one line, nothing changed."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from sceneswap.cli.main import run

Make = Callable[[Path], object]


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(here)


FILES: dict[str, Make] = {
    "nothing": lambda p: None,
    "a folder": lambda p: p.mkdir(),
    "a pipe": lambda p: os.mkfifo(p),
    "a socket": _socket,
    "an endless device": lambda p: p.symlink_to("/dev/zero"),
    "a terminal-like device": lambda p: p.symlink_to("/dev/null"),
    "a link to itself": lambda p: p.symlink_to(p.name),
    "a link to nothing": lambda p: p.symlink_to("gone"),
    "an empty file": lambda p: p.write_bytes(b""),
    "zeros": lambda p: p.write_bytes(bytes(1000)),
    "text": lambda p: p.write_text("hello"),
    "a web page": lambda p: p.write_text("<!DOCTYPE html><html></html>"),
    "UTF-16": lambda p: p.write_bytes("a = 1".encode("utf-16")),
    "no Unicode": lambda p: p.write_bytes(b"\xff\xfe\xfd = 1"),
    "a deep list": lambda p: p.write_text("[" * 100_000),
    "a list as deep as is parsed": lambda p: p.write_text("[" * 200 + "]" * 200),
    "a deep table": lambda p: p.write_text("a = " + "[" * 20_000),
    "a long number": lambda p: p.write_text("1" * 5000),
    "null": lambda p: p.write_text("null"),
    "a number": lambda p: p.write_text("5"),
    "a list of null": lambda p: p.write_text("[null]"),
    "half a PNG": lambda p: p.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"),
    "half a JPEG": lambda p: p.write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF"),
    "half an array": lambda p: p.write_bytes(b"\x93NUMPY\x01\x00\x48\x00{'descr': '|u1'"),
}

PLACES: dict[str, list[str]] = {
    "x.jpg": ["swap", "{x}", "{photo}", "-o", "{out}/o.png", "--model", "{model}"],
    "x.png": ["synthesize", "--label-map", "{x}", "--exemplar", "{photo}", "--exemplar-label-map", "{map}",
              "-o", "{out}/o.png", "--model", "{model}"],
    "x.npy": ["labels", "check", "{x}", "--schema", "outdoor"],
    "x.toml": ["labels", "check", "{map}", "--schema", "{x}"],
    "x.json": ["labels", "check", "{map}", "--schema", "{x}"],
    "x.csv": ["synthesize", "--manifest", "{x}", "--model", "{model}"],
    "x.jsonl": ["synthesize", "--manifest", "{x}", "--model", "{model}"],
    "results.json": ["evaluate", "compare", "{x}", "{x}"],
    "map.png": ["labels", "convert", "{x}", "--from", "outdoor", "--to", "outdoor", "--out", "{out}", "--repair"],
    "map.json": ["labels", "convert", "{x}", "--from", "outdoor", "--to", "outdoor", "--out", "{out}", "--repair"],
    "labelmap.txt": ["labels", "check", "{map}", "--schema", "{x}"],
    "x": ["swap", "{photo}", "{photo}", "-o", "{out}/o.png", "--model", "{x}"],
    "split.json": ["train", "--preset", "tiny", "--data", "{data}", "--out", "{out}", "--split", "{x}", "--dry-run"],
    "preset.toml": ["train", "--preset", "{x}", "--data", "{data}", "--out", "{out}", "--dry-run"],
    "x.look.safetensors": ["swap", "{photo}", "{x}", "-o", "{out}/o.png", "--model", "{model}"],
    "weights.png": ["interpolate", "spatial", "--weight-maps", "{x}", "--label-map", "{map}", "--exemplars", "{photo}",
                    "{photo}", "--exemplar-label-maps", "{map}", "{map}", "--model", "{model}", "--out", "{out}"],
    "model/config.json": ["swap", "{photo}", "{photo}", "-o", "{out}/o.png", "--model", "{x.parent}"],
    "run/checkpoints/state-00000001.safetensors": ["export", "{x.parent.parent}", "--out", "{out}"],
    "pairs/images/a.jpg": ["data", "import", "{x.parent.parent}", "--schema", "outdoor", "--out", "{out}"],
}  # fmt: skip


def _state(folder: Path) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()
    }


def _refused(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    """Run a command that ends with exit code 2 and one printable line; return the line.

    `labels check` and mending list every file at fault before it.
    """
    assert run(arguments) == 2
    *listed, line = capsys.readouterr().err.splitlines()
    assert not listed or arguments[0] == "labels"
    assert all(one.isprintable() for one in (*listed, line))
    assert line.startswith("sceneswap: ")
    return line


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", FILES)
def test_a_bad_file_is_refused_in_one_line(
    tmp_path: Path, names: dict[str, str], capsys: pytest.CaptureFixture[str], kind: str, place: str
) -> None:
    bad = tmp_path / "bad" / place
    bad.parent.mkdir(parents=True)
    FILES[kind](bad)
    before = _state(tmp_path)
    _refused(capsys, [part.format(**names, x=bad) for part in PLACES[place]])
    assert _state(tmp_path) == before


@pytest.mark.parametrize("name", ["m" * 300 + ".png", "a\nb.png", "a\x1b[31mred.png", "caf\udce9.png"])
def test_odd_names_stay_on_one_line(
    tmp_path: Path, names: dict[str, str], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    _refused(
        capsys, ["swap", str(tmp_path / name), names["photo"], "-o", str(tmp_path / "o.png"), "--model", names["model"]]
    )


@pytest.mark.parametrize("value", ["a\0.png", "\ud800.png"])
def test_names_that_no_file_can_have(
    tmp_path: Path, names: dict[str, str], capsys: pytest.CaptureFixture[str], value: str
) -> None:
    row = {"label_map": value, "exemplar": "b", "exemplar_label_map": "c", "output": "o.png"}
    (tmp_path / "list.jsonl").write_text(json.dumps(row))
    line = _refused(capsys, ["synthesize", "--manifest", str(tmp_path / "list.jsonl"), "--model", names["model"]])
    assert "line 1: label_map" in line
    assert "is not a name that a file can have" in line
