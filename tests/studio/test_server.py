"""The studio's folder and server: what is served, to whom, and nothing else."""

import http.client
import json
import socket
import struct
import time
from pathlib import Path

import pytest

from sceneswap.cli.main import run
from sceneswap.errors import UserError
from sceneswap.inference.look import Look
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.labels.io import read_label_map
from sceneswap.studio import folder as studio_folder
from sceneswap.studio.folder import export_studio, package_folder
from sceneswap.studio.server import HEADERS, serve


def ask(address: str, path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(address.split("/")[2], timeout=20)
    connection.putrequest(method, path, skip_host=bool(headers))
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    answer.content = answer.read()  # type: ignore[attr-defined]
    connection.close()
    return answer


def test_files_are_served_isolated(address: str) -> None:
    for path in ("/", "/index.html", "/js/main.js", "/model/model.json", "/looks/shelf.json?x=1"):
        answer = ask(address, path)
        assert answer.status == 200
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert ask(address, "/js/worker.js").headers["Content-Type"].startswith("text/javascript")
    assert ask(address, "/", "HEAD").content == b""  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "path",
    [
        "/../server.py",
        "/js/../../server.py",
        "/%2e%2e/server.py",
        "/js",
        "/js/",
        "//etc/passwd",
        "/etc/passwd",
        "/index.html/",
        "/x" * 999,
    ],
)
def test_nothing_else_is_served(address: str, path: str) -> None:
    answer = ask(address, path)
    assert answer.status == 404
    assert answer.content == b""  # type: ignore[attr-defined]


def test_only_this_machine_is_answered_and_nothing_is_taken(address: str) -> None:
    assert ask(address, "/", Host="studio.example:80").status == 403
    assert ask(address, "/", "POST").status == 501
    assert ask(address, "/", "PUT").status == 501


def test_a_browser_that_goes_away_is_no_fault(address: str, capfd: pytest.CaptureFixture[str]) -> None:
    connection = socket.create_connection(("127.0.0.1", int(address.split(":")[2].strip("/"))))
    connection.sendall(b"GET /vendor/ort.wasm.gz HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not a farewell
    connection.close()
    assert ask(address, "/").status == 200
    time.sleep(0.5)
    assert "Traceback" not in capfd.readouterr().err


def test_a_port_that_is_taken_is_one_sentence(address: str, page_files: Path) -> None:
    with pytest.raises(UserError, match="name another one with --port"):
        serve([page_files], int(address.split(":")[2].strip("/")))


def test_the_shelf_is_credited_and_its_looks_are_the_models(model: Synthesizer, built: Path) -> None:
    entries = json.loads((built / "looks" / "shelf.json").read_text())["looks"]
    assert len(entries) >= 24
    assert all(entry["author"] and entry["licence"] and entry["source"] for entry in entries)
    size = 0
    for entry in entries:
        look = Look.load(built / "looks" / f"{entry['name']}.look.safetensors")
        model.check_look(look)
        labels = read_label_map(built / "looks" / f"{entry['name']}.png", model.schema)
        assert look.size == model.working_shape(labels.shape)
        size = max(size, (package_folder() / "shelf" / f"{entry['name']}.webp").stat().st_size)
    assert size < 40_000


def test_the_folder_is_whole_and_replaces_only_itself(
    model: Synthesizer, built: Path, page_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studio_folder, "built_folder", lambda _: built)
    export_studio(model, tmp_path / "site" / "studio")
    export_studio(model, tmp_path / "site" / "studio")
    files = {
        path.relative_to(tmp_path / "site").as_posix() for path in (tmp_path / "site").rglob("*") if path.is_file()
    }
    assert {
        "studio/index.html",
        "studio/model/draw.onnx.gz",
        "studio/vendor/ort.wasm.gz",
        "studio/looks/shelf.json",
    } <= files
    assert all(name.startswith("studio/") for name in files)
    page = tmp_path / "site" / "studio" / "index.html"
    for mine in (tmp_path / "site" / "studio" / "model" / "CNAME", page):
        before = mine.read_bytes() if mine.exists() else None
        mine.write_text("mine")
        with pytest.raises(UserError, match=f"{mine.name} was added or changed since the studio was written"):
            export_studio(model, tmp_path / "site" / "studio")
        assert mine.read_text() == "mine"
        mine.unlink() if before is None else mine.write_bytes(before)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="is not empty and no studio"):
        export_studio(model, tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_a_checkout_without_npm_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(studio_folder, "package_folder", lambda: tmp_path)
    assert run(["studio", "--no-browser"]) == 2
    assert "run `make studio`" in capsys.readouterr().err
    assert run(["studio", "--port", "70000"]) == 2


def test_every_file_of_the_page_is_short_and_typed() -> None:
    for path in (package_folder() / "page" / "js").glob("*.js"):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines[0] == "// @ts-check"
        assert len(lines) <= 360, path.name
