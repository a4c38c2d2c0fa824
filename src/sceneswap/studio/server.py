"""A server of fixed files on this machine alone. What is served is a table: no path of a request reaches the file system."""

import mimetypes
import sys
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sceneswap.errors import UserError

HOST = "127.0.0.1"
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",  # these two isolate the page, so that WebAssembly may use threads
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
_TYPES = {
    ".mjs": "text/javascript",
    ".js": "text/javascript",
    ".onnx": "application/octet-stream",
    ".webp": "image/webp",
}
_TYPES |= {".safetensors": "application/octet-stream", ".gz": "application/octet-stream", ".json": "application/json"}


def table_of(folders: Sequence[Path]) -> dict[str, Path]:
    """Address → file, of all files of the folders; the first folder wins."""
    table: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                table.setdefault("/" + path.relative_to(folder).as_posix(), path)
    table["/"] = table["/index.html"]
    return table


def serve(folders: Sequence[Path], port: int) -> ThreadingHTTPServer:
    """A server of the files of `folders`, not yet running; port 0 takes a free one. Raises `UserError`."""
    table = table_of(folders)
    try:
        return _Server((HOST, port), _handler(table))
    except (OSError, OverflowError) as error:
        raise UserError(f"port {port} cannot be used ({error}); name another one with --port, or 0 for any") from error


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A page that is closed while it loads is no fault."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _handler(table: Mapping[str, Path]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version, sys_version = "sceneswap", ""

        def do_GET(self) -> None:
            self._answer(body=True)

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def _answer(self, *, body: bool) -> None:
            path = table.get(unquote(urlsplit(self.path).path))
            if self.headers.get("Host", "").rpartition(":")[0] not in (
                HOST,
                "localhost",
            ):  # another name for this machine
                self._empty(HTTPStatus.FORBIDDEN)
            elif path is None:
                self._empty(HTTPStatus.NOT_FOUND)
            else:
                self._file(path, body)

        def _file(self, path: Path, body: bool) -> None:
            data = path.read_bytes()
            self.send_response(HTTPStatus.OK)
            kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            self.send_header("Content-Type", kind + ("; charset=utf-8" if kind.startswith("text/") else ""))
            self._finish(len(data))
            if body:
                self.wfile.write(data)

        def _empty(self, status: HTTPStatus) -> None:
            self.send_response(status)
            self._finish(0)

        def _finish(self, length: int) -> None:
            for name, value in HEADERS.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(length))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: whoever paints does not want to read."""

    return Handler
