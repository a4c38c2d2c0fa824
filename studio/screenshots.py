"""Make the pictures of docs/studio.md: the studio with the model that is shipped, driven in Chromium.

python studio/screenshots.py        after `make studio`
"""

import io
import shutil
import threading
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from sceneswap.files import write_bytes
from sceneswap.studio.folder import package_folder, page_folder
from sceneswap.studio.server import serve

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
DESKTOP: dict[str, Any] = {"viewport": {"width": 1360, "height": 860}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
    "color_scheme": "dark",
}
PATIENCE = 120_000  # milliseconds


def settle(page: Page) -> None:
    """Wait until the picture is drawn at its own size."""
    page.wait_for_selector("#picture[data-count]")
    page.wait_for_timeout(900)
    page.wait_for_function("() => !studio.engine.drawing && !studio.engine.next && studio.engine.waiting.size === 0")


def opened(browser: Browser, address: str, options: dict[str, Any]) -> Page:
    """The page in a browser without a past."""
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("body[data-ready]")
    settle(page)
    return page


def keep(page: Page, name: str) -> None:
    """Write docs/pictures/studio-NAME.webp."""
    file = io.BytesIO()
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(file, "WEBP", quality=84, method=6)
    write_bytes(PICTURES / f"studio-{name}.webp", file.getvalue())


def mixed(page: Page) -> None:
    """Two looks in the mix, the second painted over a part."""
    page.locator("#shelf").get_by_label("Mix in Autumn slopes").click(force=True)
    page.wait_for_function("() => studio.project.looks.length === 2")
    page.locator("#mix li").nth(1).get_by_label("Paint with").click()
    page.evaluate("() => { studio.painter.radius = 34; }")
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.55, box["y"] + box["height"] * 0.35)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.65, box["y"] + box["height"] * 0.6, steps=8)
    page.mouse.up()
    settle(page)


def main() -> None:
    server = serve([page_folder(), package_folder() / "built"], 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/"
    program = next(found for name in ("chromium", "google-chrome") if (found := shutil.which(name)))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program)
        page = opened(browser, address, DESKTOP)
        mixed(page)
        keep(page, "mix")
        page.click("#origin")
        page.locator("#picture").click(position={"x": 240, "y": 140})
        page.wait_for_selector("#trace-list[data-done]")
        page.wait_for_timeout(300)
        keep(page, "trace")
        page.keyboard.press("Escape")
        page.click("#new")
        page.wait_for_timeout(300)
        keep(page, "start")
        keep(opened(browser, address, PHONE), "phone")
        browser.close()
    server.shutdown()


if __name__ == "__main__":
    main()
