"""The studio in Chromium: seconds to the first picture, seconds of a drawing, memory of the page over many drawings.

    make studio
    python -m benchmarks.speed.studio --json studio.json

Seconds to the first picture run from opening the address to the picture, the files coming from this machine. Memory is
the resident set of the process that holds the page and its worker.
"""

import os
import shutil
import statistics
import threading
import time
from pathlib import Path
from typing import Annotated

import psutil
import tyro

from benchmarks.common import save_record
from sceneswap.studio.folder import package_folder, page_folder
from sceneswap.studio.server import serve

_DRAW = """async ([count, side]) => {
  const taken = [];
  for (let i = 0; i < count; i++)
    taken.push((await studio.engine.ask("draw", studio.project.request(side))).milliseconds);
  return taken;
}"""


def main(
    size: int = 256,
    drawings: int = 500,
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None,
) -> None:
    """Measure the page that `make studio` built.

    Args:
        size: Longer side of the drawings, pixels.
        drawings: How many are drawn.
        json_file: Write the record here.
    """
    from playwright.sync_api import sync_playwright

    server = serve([page_folder(), package_folder() / "built"], 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    program = next(found for name in ("chromium", "google-chrome") if (found := shutil.which(name)))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program)
        page = browser.new_page()
        page.set_default_timeout(0)
        start = time.perf_counter()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        page.wait_for_selector("#picture[data-count]")
        first = time.perf_counter() - start
        page.wait_for_selector("body[data-whole]")
        before = _resident()
        taken = page.evaluate(_DRAW, [drawings, size])
        record = {
            "size": size,
            "drawings": drawings,
            "threads": page.evaluate("crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency) : 1"),
            "first_picture_seconds": first,
            "drawing_seconds": statistics.median(taken) / 1000,
            "memory_before_mebibytes": before,
            "memory_after_mebibytes": _resident(),
        }
        browser.close()
    server.shutdown()
    for name, value in record.items():
        print(f"{name:<26} {value:,.4g}")
    save_record(json_file, record)


def _resident() -> float:
    """Mebibytes of the largest of Chromium's renderers below this process."""
    children = psutil.Process(os.getpid()).children(recursive=True)
    renderers = [child for child in children if "--type=renderer" in child.cmdline()]
    return max(renderer.memory_info().rss for renderer in renderers) / 2**20


if __name__ == "__main__":
    tyro.cli(main)
