"""Fetching from and pushing to a hub: a small server speaks the hub's protocol on this machine."""

import base64
import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sceneswap.errors import UserError
from sceneswap.inference import hub

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FakeHub(ThreadingHTTPServer):
    """One repository `org/tiny` in memory. files: name → content. asked: the paths requested. pushed: likewise as files."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.asked, self.pushed = files, list[str](), dict[str, bytes]()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        self.server.asked.append(path)
        files = self.server.files
        if path.startswith("/api/models/org/tiny/tree/"):
            self._json([{"type": "file", "path": n, "size": len(c), "oid": "0" * 40} for n, c in files.items()])
        elif path.startswith("/api/models/org/tiny"):
            self._json({"id": "org/tiny", "sha": COMMIT, "siblings": [{"rfilename": name} for name in files]})
        elif path.startswith("/org/tiny/resolve/") and path.rsplit("/", 1)[1] in files:
            content = files[path.rsplit("/", 1)[1]]
            etag = hashlib.sha1(content).hexdigest()  # the name of the file in the client's cache
            self._send(200, content, {"X-Repo-Commit": COMMIT, "ETag": f'"{etag}"'})
        else:
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(self.path)
        if self.path == "/api/repos/create":
            self._json({"url": f"{self.server.address}/org/tiny"})
        elif self.path == "/api/validate-yaml":
            self._json({"warnings": [], "errors": []})
        elif "/preupload/" in self.path:
            names = [file["path"] for file in json.loads(body)["files"]]
            self._json({"files": [{"path": n, "uploadMode": "regular", "shouldIgnore": False} for n in names]})
        elif "/commit/" in self.path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.server.pushed[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            self._json({"commitUrl": f"{self.server.address}/org/tiny/commit/{COMMIT}", "commitOid": COMMIT})
        else:
            self._send(404, b"{}")

    def _json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, code: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(code)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@pytest.fixture
def server(release_folder: Path) -> Iterator[FakeHub]:
    files = {file.name: file.read_bytes() for file in release_folder.iterdir()}
    with FakeHub({**files, "pickled.bin": b"never to be fetched"}) as one:
        threading.Thread(target=one.serve_forever, daemon=True).start()
        yield one
        one.shutdown()


def ask(code: str, address: str, cache: Path, **settings: str) -> str:
    """Run a line with `hub` imported, against a hub, in a process of its own; what it prints, or the sentence it raises."""
    program = f"from sceneswap.errors import UserError\nfrom sceneswap.inference import hub\ntry:\n    print({code})\n"
    program += "except UserError as error:\n    print('UserError:', error)\n"
    environment = {
        **os.environ,
        "HF_ENDPOINT": address,
        "HF_HOME": str(cache),
        "HF_TOKEN": "hf_test",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        **settings,
    }
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_hub_model_is_fetched_and_kept(server: FakeHub, release_folder: Path, tmp_path: Path) -> None:
    folder = Path(ask("hub.locate('org/tiny')", server.address, tmp_path))
    assert sorted(file.name for file in folder.iterdir()) == ["config.json", "model.safetensors"]
    for file in release_folder.iterdir():
        assert (folder / file.name).read_bytes() == file.read_bytes()
    assert not any("pickled" in path for path in server.asked)


def test_a_hub_without_the_model(server: FakeHub, tmp_path: Path) -> None:
    answer = ask("hub.locate('org/other')", server.address, tmp_path)
    assert answer.startswith("UserError: there is no folder org/other here, and the hub has no public model org/other")


def test_a_hub_repository_that_is_no_model(server: FakeHub, tmp_path: Path) -> None:
    del server.files["config.json"]
    answer = ask("hub.locate('org/tiny')", server.address, tmp_path)
    assert answer == "UserError: the hub model org/tiny is no sceneswap model: it has no config.json"


def test_no_network(tmp_path: Path) -> None:
    answer = ask("hub.locate('org/tiny')", "http://127.0.0.1:9", tmp_path, HF_HUB_OFFLINE="1")
    assert answer.startswith("UserError: there is no folder org/tiny here, and the hub could not be asked")
    assert len(answer.splitlines()) == 1


def test_a_hub_that_does_not_answer(tmp_path: Path, server: FakeHub) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes questions and is silent
        address, soon = (
            f"http://127.0.0.1:{silent.getsockname()[1]}",
            "(setattr(hub, '_PATIENCE', 1), hub.locate('org/tiny'))[1]",
        )
        started = time.monotonic()
        answer = ask(soon, address, tmp_path)
        assert answer.startswith("UserError: there is no folder org/tiny here, and the hub could not be asked")
        assert time.monotonic() - started < 30  # it would go on for minutes
        fetched = ask("hub.locate('org/tiny')", server.address, tmp_path)
        assert ask(soon, address, tmp_path) == fetched


@pytest.mark.parametrize("name", ["tiny", "./org/tiny", "org/tiny/more", "/org", "org/", "a b/c"])
def test_what_is_no_hub_id_is_never_asked_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "_fetch", lambda *_: pytest.fail("asked"))
    with pytest.raises(UserError):
        hub.locate(name)


def test_pushing_uploads_the_release_and_its_card_alone(server: FakeHub, release_folder: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    for file in release_folder.iterdir():
        (model / file.name).write_bytes(file.read_bytes())
    (model / "README.md").write_text("# tiny")
    (model / "notes.txt").write_text("private")
    answer = ask(
        f"hub.push(hub.Path({str(model)!r}), 'org/tiny', private=False, message='first')", server.address, tmp_path
    )
    assert answer.endswith(COMMIT)
    assert sorted(server.pushed) == ["README.md", "config.json", "model.safetensors"]
    assert server.pushed["model.safetensors"] == (model / "model.safetensors").read_bytes()


def test_pushing_without_a_network(release_folder: Path, tmp_path: Path) -> None:
    answer = ask(
        f"hub.push(hub.Path({str(release_folder)!r}), 'org/tiny', private=False, message='')",
        "http://127.0.0.1:9",
        tmp_path,
    )
    assert answer.startswith("UserError: the model was not uploaded to org/tiny")
    assert len(answer.splitlines()) == 1
