"""The studio with a tiny model, served, and Chromium to drive it with."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sceneswap.errors import UserError
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.studio.folder import page_folder, write_model
from sceneswap.studio.server import serve
from tests.tiny import vivid_release

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytest.importorskip("onnxruntime", reason="the studio needs the extra `onnx`")
pytest.importorskip("onnx", reason="the studio needs the extra `onnx`")

Studio = Callable[..., "Page"]
DESKTOP, PHONE = {"width": 1300, "height": 860}, {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def model() -> Synthesizer:
    """A tiny model with a label head, its weights in 16 bits as the graphs hold them: the page's model, for comparisons."""
    release = vivid_release(label_head=8)
    release.network.half().float()
    return Synthesizer(release, name="tiny", device="cpu")


@pytest.fixture(scope="session")
def built(model: Synthesizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its graphs, looks and layouts."""
    folder = tmp_path_factory.mktemp("studio") / "built"
    write_model(model, folder)
    return folder


@pytest.fixture(scope="session")
def page_files() -> Path:
    """The page, where npm has been."""
    try:
        return page_folder()
    except UserError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def address(page_files: Path, built: Path) -> Iterator[str]:
    server = serve([page_files, built], 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def contexts(browser: "Browser") -> Iterator[Callable[..., "BrowserContext"]]:
    """`contexts(**options)`: a browser without a past."""
    made: list[BrowserContext] = []

    def make(**options: Any) -> "BrowserContext":
        made.append(browser.new_context(**({"viewport": DESKTOP} | options)))
        made[-1].set_default_timeout(60_000)
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def studio(contexts: Callable[..., "BrowserContext"], address: str) -> Iterator[Studio]:
    """`studio(**options)`: the page, its first picture drawn. What it complains of, or asks of others, fails the test."""
    complaints: list[str] = []

    def open_it(context: "BrowserContext | None" = None, at: str = address, **options: Any) -> "Page":
        page = (context or contexts(**options)).new_page()
        page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("requestfailed", lambda r: complaints.append(f"{r.url}: {r.failure}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda r: complaints.append(r.url) if not r.url.startswith((at, "blob:", "data:")) else None)
        page.goto(at)
        page.wait_for_selector("body[data-ready]")
        settle(page)
        return page

    yield open_it
    assert complaints == []


def settle(page: "Page") -> None:
    """Wait until the picture is drawn, and drawn again at rest."""
    page.wait_for_selector("#picture[data-count]")
    page.wait_for_timeout(150)
    page.wait_for_function("() => !studio.engine.drawing && !studio.engine.next && studio.engine.waiting.size === 0")


def drop(page: "Page", name: str, data: bytes, kind: str = "") -> None:
    """Open a file as if it were chosen."""
    page.set_input_files("#file", {"name": name, "mimeType": kind or "application/octet-stream", "buffer": data})
