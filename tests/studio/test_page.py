"""The studio in a real browser: paint, drop, mix, keep. Its numbers are compared with Python's."""

import base64
import io
import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from sceneswap.inference.blend import BORDER, blend
from sceneswap.inference.look import Look
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.labels.io import read_label_map
from sceneswap.scene import Scene
from sceneswap.studio import folder as studio_folder
from sceneswap.studio.folder import export_studio
from tests.studio.conftest import PHONE, Studio, drop, settle
from tests.studio.files import hostile, jpeg, png

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

_BYTES = "(data) => { let t = ''; for (const b of data) t += String.fromCharCode(b); return btoa(t); }"


def array(page: "Page", expression: str, kind: str) -> NDArray[Any]:
    """A typed array of the page."""
    script = (
        f"() => {{ const d = {expression}; return ({_BYTES})(new Uint8Array(d.buffer, d.byteOffset, d.byteLength)); }}"
    )
    return np.frombuffer(base64.b64decode(page.evaluate(script)), kind)


def layout(page: "Page") -> NDArray[np.int16]:
    width, height = page.evaluate("[studio.project.map.width, studio.project.map.height]")
    return array(page, "studio.project.map.data", "<u2").reshape(height, width).astype(np.int16)


def picture(page: "Page") -> NDArray[np.uint8]:
    """The picture at the layout's own size."""
    page.evaluate("() => studio.picture.full()")
    width, height = page.evaluate("[studio.picture.drawn.width, studio.picture.drawn.height]")
    return array(page, "studio.picture.drawn.rgba", "u1").reshape(height, width, 4)[:, :, :3]


def shelf_look(page: "Page", built: "Path", number: int) -> Look:
    return Look.load(built / "looks" / f"{page.evaluate(f'studio.shelf.entries[{number}].name')}.look.safetensors")


def mix_in(page: "Page", number: int) -> None:
    """Add a look of the shelf to the mix."""
    page.locator("#shelf .add").nth(number).click(force=True)


def stroke(page: "Page", *points: tuple[float, float]) -> None:
    """Drag over the layout canvas, in parts of its box."""
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def test_painting_changes_the_picture_which_is_pythons(studio: Studio, model: Synthesizer, built: "Path") -> None:
    page = studio()
    before, first = layout(page), picture(page)
    page.click("[data-tool=brush]")
    page.locator(".pick", has_text="boat").first.click()
    stroke(page, (0.4, 0.5), (0.6, 0.5))
    settle(page)
    after = layout(page)
    changed = after != before
    assert 0 < changed.sum() < before.size / 2
    assert set(after[changed]) == {model.schema.index_of("boat")}
    drawn = picture(page)
    assert np.abs(drawn.astype(int) - first).max() > 3
    expected = model.draw(after, shelf_look(page, built, 0))
    assert np.abs(drawn.astype(int) - expected).max() <= 1


def test_mixes_are_pythons(studio: Studio, model: Synthesizer, built: "Path") -> None:
    page = studio()
    mix_in(page, 1)
    mix_in(page, 2)
    page.wait_for_function("() => studio.project.looks.length === 3")
    looks = [shelf_look(page, built, n) for n in range(3)]
    labels = layout(page)

    def near(expected: NDArray[np.uint8], most: int = 1) -> None:
        assert np.abs(picture(page).astype(int) - expected).max() <= most

    def weights(*values: float) -> None:
        for row, value in enumerate(values):
            slider = page.locator("#mix input[type=range]").nth(row)
            slider.evaluate("(s, v) => { s.value = v; s.dispatchEvent(new Event('input')); }", value)

    weights(0, 1, 0)
    near(model.draw(labels, looks[1]))
    weights(1, 0, 0)
    near(model.draw(labels, looks[0]))
    weights(0.2, 0.5, 0.3)
    near(model.draw(labels, blend(looks, [0.2, 0.5, 0.3])))
    page.check("#beyond")
    weights(1.4, -0.4, 0)
    near(model.draw(labels, blend(looks, [1.4, -0.4, 0], extrapolate=True)))
    page.uncheck("#beyond")
    weights(1, 1, 0)
    used = int(np.unique(labels)[0])
    page.evaluate(f"() => studio.classes.give({used}, studio.project.looks[2].id)")
    own = gaussian_filter((labels == used).astype(np.float32), BORDER / 4, mode="nearest")
    near(model.draw(labels, blend(looks, maps=[(1 - own) / 2, (1 - own) / 2, own])))
    weights(1, 1, 1)
    near(model.draw(labels, blend(looks, classes={model.schema.names[used]: 2})))
    weights(1, 1, 0)
    page.evaluate(f"() => studio.classes.give({used}, null)")
    page.locator("#mix li").nth(1).get_by_label("Paint with").click()
    page.evaluate("() => { studio.painter.radius = 40; }")
    stroke(page, (0.3, 0.3), (0.6, 0.6))
    settle(page)
    painted = array(page, "studio.project.painted.get(studio.project.looks[1].id)", "u1").reshape(labels.shape) / 255
    assert painted.max() > 0.2
    assert (layout(page) == labels).all()
    rest = ((1 - painted) / 2).astype(np.float32)
    maps = [rest, (rest + painted).astype(np.float32), np.zeros_like(rest)]
    near(model.draw(labels, blend(looks, maps=maps)))


def test_a_photograph_gives_layout_and_look(studio: Studio, model: Synthesizer) -> None:
    page = studio()
    data = jpeg()
    drop(page, "hill.jpg", data, "image/jpeg")
    page.click("#drop button[value=both]")
    page.wait_for_function("() => studio.project.looks[0].title === 'hill.jpg' && studio.project.map.width === 128")
    settle(page)
    photo = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    read = model.estimate_labels(photo)
    assert np.mean(layout(page) == read) > 0.97  # the browser's JPEG decoder may round otherwise
    look = model.encode(Scene(photo, layout(page)))
    for name, tensor in look.encoded.tensors().items():
        found = array(page, f"studio.project.looks[0].tensors['{name}'].data", "<f4").reshape(tensor.shape)
        assert np.abs(found - tensor.numpy()).max() < 0.03 * max(1, float(tensor.abs().max()))


def test_label_maps_go_in_and_out_with_their_ids(studio: Studio, model: Synthesizer) -> None:
    page = studio()
    random = np.random.default_rng(0)
    ids = random.choice([0, 3, 19, 35, 255], (80, 100)).astype(np.uint8)
    for name, data in {
        "ids.png": png(ids),
        "colours.png": png(model.schema.colors[model.schema.indices_of(ids)]),
    }.items():
        drop(page, name, data, "image/png")
        page.wait_for_function("() => studio.project.map.width === 100")
        assert (layout(page) == model.schema.indices_of(ids)).all()
        page.click("[popovertarget=save-menu]")
        with page.expect_download() as kept:
            page.click("#save-map" if name == "ids.png" else "#save-colors")
        saved = kept.value.path()
        assert (
            read_label_map(saved.rename(saved.with_suffix(".png")), model.schema) == model.schema.indices_of(ids)
        ).all()
        page.keyboard.press("Control+z")
        page.wait_for_function("() => studio.project.map.width !== 100")


def test_a_saved_picture_brings_everything_back(studio: Studio) -> None:
    page = studio()
    drop(page, "sea.jpg", jpeg(seed=3), "image/jpeg")
    page.click("#drop button[value=look]")
    page.wait_for_function("() => studio.project.looks[0].title === 'sea.jpg'")
    mix_in(page, 4)
    page.wait_for_function("() => studio.project.looks.length === 2")
    stroke(page, (0.4, 0.6), (0.6, 0.4))
    page.evaluate("() => { studio.project.looks[0].weight = 0.25; studio.project.tell('mix'); }")
    settle(page)
    before, shown = layout(page), picture(page)
    page.click("[popovertarget=save-menu]")
    with page.expect_download() as kept:
        page.click("#save-picture")
    data = kept.value.path().read_bytes()
    assert np.abs(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int) - shown).max() == 0
    other = studio()
    drop(other, "scene.png", data, "image/png")
    other.wait_for_function("() => studio.project.looks.length === 2")
    settle(other)
    assert (layout(other) == before).all()
    assert np.abs(picture(other).astype(int) - shown).max() <= 1
    assert other.evaluate("studio.project.looks.map((l) => l.weight)") == [0.25, 1]


def test_an_animation_goes_from_one_look_to_the_other_and_back(studio: Studio) -> None:
    page = studio()
    page.click("[popovertarget=save-menu]")
    page.click("#save-strip")
    page.wait_for_selector("#message[data-kind=trouble]:not([hidden])")
    assert "two looks" in page.inner_text("#message")
    mix_in(page, 3)
    page.wait_for_function("() => studio.project.looks.length === 2")
    page.click("[popovertarget=save-menu]")
    with page.expect_download() as kept:
        page.click("#save-strip")
    with Image.open(kept.value.path()) as animation:
        count = int(getattr(animation, "n_frames", 1))
        frames = []
        for number in range(count):
            animation.seek(number)
            frames.append(np.asarray(animation.convert("RGB")).astype(int))
    assert count == 24
    assert np.abs(frames[12] - frames[0]).mean() > np.abs(frames[1] - frames[0]).mean() > 0
    assert np.abs(frames[23] - frames[1]).mean() < 2


def test_work_survives_a_reload(studio: Studio) -> None:
    page = studio()
    stroke(page, (0.4, 0.4), (0.5, 0.6))
    before = layout(page)
    page.evaluate("() => { delete document.body.dataset.kept; }")
    page.wait_for_selector("body[data-kept]")
    page.wait_for_selector("body[data-whole]")  # a reload cuts off what is still being fetched, which is no fault
    page.reload()
    page.wait_for_selector("body[data-ready]")
    settle(page)
    assert (layout(page) == before).all()


def test_two_hundred_random_gestures_stay_legal_and_are_undone(studio: Studio, model: Synthesizer) -> None:
    page = studio()
    before = layout(page)
    page.evaluate(
        """() => {
          let seed = 7;
          const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
          const { painter, project } = studio;
          const tools = ["brush", "eraser", "line", "polygon", "bucket", "replace", "look"];
          for (let i = 0; i < 200; i++) {
            painter.cancel();
            painter.tool = tools[Math.floor(random() * tools.length)];
            painter.label = Math.floor(random() * (project.schema.void + 1));
            painter.radius = 0.5 + random() * 40;
            const place = (side) => (random() * 1.4 - 0.2) * side;
            const point = () => ({ x: place(project.map.width), y: place(project.map.height) });
            painter.press(point());
            for (let j = 0; j < 4; j++) painter.tool === "polygon" ? painter.press(point()) : painter.drag(point());
            painter.tool === "polygon" ? painter.closePolygon() : painter.release(true);
          }
        }"""
    )
    after = layout(page)
    assert after.max() <= model.schema.void_index
    assert (after != before).any()
    page.evaluate("() => { while (studio.project.history.done.length) studio.project.step(false); }")
    assert (layout(page) == before).all()
    page.evaluate("() => { while (studio.project.history.undone.length) studio.project.step(true); }")
    assert (layout(page) == after).all()
    assert picture(page).shape == (*after.shape, 3)


def test_hostile_files_give_a_sentence_and_change_nothing(studio: Studio) -> None:
    page = studio()
    page.wait_for_timeout(100)
    before = layout(page)
    files = hostile()
    assert len(files) >= 40
    for name, data in files.items():
        page.evaluate("() => { document.getElementById('message').hidden = true; }")
        drop(page, name, data)
        page.wait_for_selector("#message[data-kind=trouble]:not([hidden])")
        text = page.inner_text("#message")
        assert text.endswith("."), (name, text)
        assert len(text) < 400
        assert "Something went wrong" not in text, (name, text)
        assert page.query_selector("dialog[open]") is None, name
    assert (layout(page) == before).all()
    assert page.evaluate("document.querySelectorAll('img[onerror], script:not([src])').length") == 0


def test_a_project_cannot_bring_markup(studio: Studio) -> None:
    page = studio()
    text = "<img src=x onerror=\"document.title='taken'\">"
    kept = page.evaluate(
        """async () => {
          const { packed } = await import(new URL('js/keep.js', location.href));
          return packed(studio.project, studio.model);
        }"""
    )
    kept["looks"][0] |= {"title": text, "credit": text, "id": text}
    drop(page, "p.json", json.dumps(kept).encode())
    settle(page)
    assert page.title() == "sceneswap studio"
    assert page.query_selector("img[onerror]") is None


def test_it_works_without_a_network_once_it_is_loaded(studio: Studio) -> None:
    page = studio()
    page.wait_for_selector("body[data-whole]")
    page.context.set_offline(True)
    drop(page, "hill.jpg", jpeg(seed=1), "image/jpeg")
    page.click("#drop button[value=both]")
    page.wait_for_function("() => studio.project.looks[0].title === 'hill.jpg'")
    settle(page)
    stroke(page, (0.4, 0.5), (0.6, 0.5))
    settle(page)
    assert picture(page).std() > 1


def test_where_a_look_comes_from(studio: Studio) -> None:
    page = studio()
    page.click("#origin")
    page.locator("#picture").click(position={"x": 300, "y": 120})
    page.wait_for_selector("#trace-list[data-done='1']")
    assert page.locator("#trace figure canvas").count() == 1
    pixels = page.evaluate(
        """() => {
          const c = document.querySelector('#trace canvas');
          return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data];
        }"""
    )
    assert np.std(np.array(pixels)) > 5
    page.keyboard.press("Escape")
    assert page.query_selector("dialog[open]") is None


def test_keys_alone_paint(studio: Studio) -> None:
    page = studio()
    before = layout(page)
    page.focus("#canvas")
    page.keyboard.press("b")
    page.keyboard.down(" ")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.up(" ")
    assert (layout(page) != before).any()
    page.keyboard.press("Control+z")
    assert (layout(page) == before).all()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_fits_and_is_painted_by_touch(studio: Studio, scheme: str) -> None:
    page = studio(viewport=PHONE, has_touch=True, is_mobile=True, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    before = layout(page)
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    assert box["height"] > 150
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    settle(page)
    assert (layout(page) != before).any()
    for view in ("classes", "looks", "paint"):
        page.click(f"[data-tab={view}]")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        small = page.evaluate(
            """() => [...document.querySelectorAll('button')]
              .filter((b) => b.offsetParent && b.getBoundingClientRect().height < 26).length"""
        )
        assert small == 0


@pytest.mark.parametrize("viewport", [None, PHONE])
def test_every_control_has_a_name(studio: Studio, viewport: dict[str, int] | None) -> None:
    page = studio(**({"viewport": viewport} if viewport else {}))
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input:not([hidden]), canvas, [role]")].filter((one) => {
          if (one.closest("[aria-hidden=true]") || one.getAttribute("role") === "none") return false;
          const labels = one.labels ? [...one.labels].map((l) => l.textContent).join("") : "";
          const silent = ["status", "img"].includes(one.getAttribute("role"));
          return !(one.getAttribute("aria-label") || labels || one.textContent.trim() || silent);
        }).map((one) => one.outerHTML.slice(0, 120))"""
    )
    assert nameless == []


def test_below_any_path_of_any_static_server(
    studio: Studio,
    model: Synthesizer,
    built: "Path",
    page_files: "Path",
    tmp_path: "Path",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(studio_folder, "built_folder", lambda _: built)
    export_studio(model, tmp_path / "some" / "where" / "studio")
    handler = partial(Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = studio(at=f"http://127.0.0.1:{server.server_port}/some/where/studio/")
        assert not page.evaluate("crossOriginIsolated")
        assert "one thread" in page.inner_text("#note")
        labels = layout(page)
        expected = model.draw(labels, shelf_look(page, built, 0))
        assert np.abs(picture(page).astype(int) - expected).max() <= 1
        server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    """`python -m http.server` without its log."""

    def log_message(self, format: str, *args: object) -> None: ...


def test_the_page_is_light(page_files: "Path") -> None:
    """All but the model, which is weighed when it is built; the whole is to stay below 25 MB."""
    assert sum(path.stat().st_size for path in page_files.rglob("*") if path.is_file()) < 8.5e6
