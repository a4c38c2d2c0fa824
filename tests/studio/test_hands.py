"""The studio in the hand: fingers, pens, the clipboard, the first visit, and what a long sitting costs."""

import base64
import io
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
from PIL import Image

from sceneswap.inference.synthesizer import Synthesizer
from tests.studio.conftest import PHONE, Studio, settle
from tests.studio.test_page import layout, mix_in, picture

if TYPE_CHECKING:
    from playwright.sync_api import Page

_COPIED = """async () => {
  const [item] = await navigator.clipboard.read();
  const bytes = new Uint8Array(await (await item.getType('image/png')).arrayBuffer());
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}"""


def middle(page: "Page") -> tuple[float, float]:
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_the_picture_is_copied_pixel_by_pixel(studio: Studio) -> None:
    page = studio()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    shown = picture(page)
    page.click("[popovertarget=save-menu]")
    page.click("#copy")
    page.wait_for_selector("#message:not([hidden])")
    assert page.inner_text("#message") == "The picture is copied."
    copied = Image.open(io.BytesIO(base64.b64decode(page.evaluate(_COPIED))))
    assert (np.asarray(copied.convert("RGB")) == shown).all()


def test_two_fingers_zoom_and_move_and_paint_nothing(studio: Studio) -> None:
    page = studio(viewport=PHONE, has_touch=True, is_mobile=True)
    before = layout(page)
    x, y = middle(page)
    fingers = page.context.new_cdp_session(page)

    def touch(kind: str, *apart: float) -> None:
        points = [{"x": x + side * d, "y": y, "id": n} for d in apart for n, side in enumerate((-1, 1))]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    zoom = page.evaluate("studio.painter.zoom")
    fingers.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x - 20, "y": y, "id": 0}]})
    touch("touchStart", 20)  # the second finger: what the first began to paint is taken back
    for apart in (30, 45, 60):
        touch("touchMove", apart)
    touch("touchEnd")
    assert 2 < page.evaluate("studio.painter.zoom") / zoom < 4
    assert (layout(page) == before).all()
    assert page.evaluate("studio.project.history.done.length") == 0
    page.click("#fit")
    assert page.evaluate("studio.painter.zoom") == zoom


def test_a_pen_paints_wider_when_it_is_pressed(studio: Studio, model: Synthesizer) -> None:
    page = studio()
    x, y = middle(page)
    pen = page.context.new_cdp_session(page)

    def dab(force: float, button: str = "left") -> int:
        before = layout(page)
        event: dict[str, Any] = {
            "x": x,
            "y": y,
            "pointerType": "pen",
            "force": force,
            "button": button,
            "clickCount": 1,
        }
        pen.send("Input.dispatchMouseEvent", event | {"type": "mousePressed", "buttons": 1 if button == "left" else 2})
        pen.send("Input.dispatchMouseEvent", event | {"type": "mouseReleased", "buttons": 0})
        changed = layout(page) != before
        page.evaluate("() => studio.project.step(false)")
        return int(changed.sum())

    page.evaluate("() => { studio.painter.label = studio.schema.void - 1; }")
    light, firm = dab(0.1), dab(0.9)
    assert 0 < light < firm / 2
    before = layout(page)
    event = {"x": x, "y": y, "pointerType": "pen", "force": 0.5, "button": "right", "clickCount": 1}
    pen.send("Input.dispatchMouseEvent", event | {"type": "mousePressed", "buttons": 2})
    pen.send("Input.dispatchMouseEvent", event | {"type": "mouseReleased", "buttons": 0})
    after = layout(page)
    assert set(after[after != before]) == {model.schema.void_index}


def test_a_first_visit_is_told_what_to_do_once(studio: Studio) -> None:
    page = studio()
    assert "Paint here with tree" in page.inner_text("#hint")
    assert page.locator("#loading").is_hidden()
    page.mouse.click(*middle(page))
    assert page.locator("#hint").is_hidden()
    page.wait_for_selector("body[data-kept]")
    page.wait_for_selector("body[data-whole]")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert page.locator("#hint").is_hidden()


def test_the_pixel_that_is_asked_is_the_one_under_the_pointer(studio: Studio) -> None:
    page = studio()
    box = page.locator("#picture").bounding_box()
    assert box is not None
    width, height = page.evaluate("[studio.project.map.width, studio.project.map.height]")
    assert abs(box["width"] / box["height"] - width / height) < 0.02  # no bars beside the picture
    page.click("#origin")
    page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + 0.75 * box["height"])
    page.wait_for_selector("#trace-list[data-done='1']")
    x, y = (int(part) for part in page.inner_text("#trace-class").split(" · ")[1].split(", "))
    assert abs(x - 0.25 * width) <= 1
    assert abs(y - 0.75 * height) <= 1


def test_a_look_is_mixed_in_and_taken_out_on_the_shelf(studio: Studio) -> None:
    page = studio()
    mix_in(page, 2)
    page.wait_for_function("() => studio.project.looks.length === 2")
    assert page.locator("#shelf .card[aria-pressed=true]").count() == 2
    mix_in(page, 2)
    page.wait_for_function("() => studio.project.looks.length === 1")
    assert page.locator("#mix li").count() == 1


def test_layouts_are_resized_and_begun_from_the_page(studio: Studio) -> None:
    page = studio()
    page.click("#new")
    assert page.locator("#layouts li").count() >= 8
    page.fill("#begin [name=width]", "600")
    page.fill("#begin [name=height]", "320")
    page.click("#begin [value=resize]")
    page.wait_for_function("() => studio.project.map.width === 600")
    settle(page)
    assert page.locator("#full").is_visible()
    page.wait_for_function("() => Math.max(studio.picture.drawn.width, studio.picture.drawn.height) === 512")  # at rest
    page.click("#full")
    page.wait_for_function("() => studio.picture.drawn.width === 600")
    page.keyboard.press("Control+z")
    page.wait_for_function("() => studio.project.map.width !== 600")


def test_too_little_memory_is_a_sentence_that_names_the_way_on(studio: Studio) -> None:
    page = studio()
    page.evaluate(
        """() => {
          const ask = studio.engine.ask.bind(studio.engine);
          studio.engine.ask = (action, given) =>
            action === "draw" ? Promise.reject(new Error("std::bad_alloc")) : ask(action, given);
          void studio.picture.soon();
        }"""
    )
    page.wait_for_selector("#message[data-kind=trouble]:not([hidden])")
    assert "too little memory" in page.inner_text("#message")
    assert "Resize this layout" in page.inner_text("#message")


def test_five_hundred_drawings_leave_no_memory_behind(studio: Studio) -> None:
    page = studio()
    page.wait_for_selector("body[data-whole]")
    draw = """async (count) => {
      for (let i = 0; i < count; i++) await studio.engine.ask("draw", studio.project.request(256));
    }"""
    page.evaluate(draw, 50)
    before = resident()
    page.evaluate(draw, 500)
    assert resident() - before < 100
    assert resident() < 1000


def resident() -> float:
    """Mebibytes of the largest of Chromium's pages below this process."""
    children = psutil.Process(os.getpid()).children(recursive=True)
    return max(child.memory_info().rss for child in children if "--type=renderer" in child.cmdline()) / 2**20
