"""Pages as people use them: driven in Chromium at desktop and phone size, light and dark, by mouse, keys and without scripts.

Names of files are hostile throughout; the pictures are those of untrained models.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest

from sceneswap import charts
from sceneswap.data.pairing import find_pairs
from sceneswap.evaluation.aggregate import binned
from sceneswap.evaluation.labels import evaluate_labels
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.inference.transfer_matrix import TransferMatrix
from sceneswap.jobs.attention import write_matrix_page
from sceneswap.jobs.frames import along_path
from sceneswap.jobs.interpolate import write_strips
from sceneswap.jobs.reader import SceneReader
from sceneswap.jobs.restyle.plan import Places, RestyleSettings
from sceneswap.jobs.restyle.run import Job, restyle
from sceneswap.jobs.sources import Source
from sceneswap.jobs.swap import swap
from sceneswap.jobs.trace import write_trace
from sceneswap.report import write_page
from tests.test_report import results
from tests.tiny import random_scene, write_scene

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DESKTOP, PHONE = (1300, 900), (390, 844)
HOSTILE = """<img src=x onerror="document.title='taken'">' & a rather long name"""
KINDS = ("swap", "strips", "trace", "matrix", "results", "labels", "restyle")
Open = Callable[..., "Page"]


@pytest.fixture(scope="module")
def pages(synthesizer: Synthesizer, reading: Synthesizer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of every kind."""
    root = tmp_path_factory.mktemp("pages")
    names = [HOSTILE, "n" * 120, "beach", "dusk"]
    files = [write_scene(root / "data", name, random_scene(i, 32, 48)) for i, name in enumerate(names)]
    reader, schema = SceneReader(synthesizer), synthesizer.schema
    sources = [Source(name, *pair, schema) for name, pair in zip(names, files, strict=True)]
    saved = Source("saved", root / "saved.look.safetensors", None, None)
    synthesizer.encode(random_scene(5, 32, 48)).save(saved.photo)
    strips = {"title": "Looks mixed", "explanation": HOSTILE, "animation": "none"}
    plan = along_path(41, 3)
    similarities = np.linspace(0, 1, 40).tolist()
    curves = {metric: charts.curves({metric: {HOSTILE: binned(similarities, similarities)}}).svg for metric in "abcd"}
    write_page(root / "results.html", "results.html", **results(HOSTILE, plots=curves))
    data = root / "data"
    looks = [*sources[:2], saved]
    restyle(reader, Job(find_pairs(data), Places(data), schema, looks, root / "restyle", RestyleSettings(per_image=2)))
    return {
        "labels": evaluate_labels([data], reading.labeller, schema, root / "labels", about={"network": HOSTILE}),
        "restyle": root / "restyle" / "index.html",
        "swap": swap(synthesizer, [*sources, saved], root / "swap"),
        "strips": write_strips(reader, [files[0][1]], sources[:3], plan, root / "strips", **strips),  # type: ignore[arg-type]
        "trace": write_trace(reader, files[0][1], sources[2], [(3, 4)], ["sky"], root / "trace"),
        "matrix": write_matrix_page(root / "matrix", many_labels(), synthesizer, dendrogram=True),
        "results": root / "results.html",
    }


def many_labels() -> TransferMatrix:
    """A matrix of thirty labels, some with names that are no one's friend."""
    count, random = 30, np.random.default_rng(0)
    names = (HOSTILE, "$x^", *(f"label number {i}" for i in range(count - 3)), "void")
    sums = random.random((count, count)) + 5 * np.eye(count)
    positions = sums.sum(axis=0)
    return TransferMatrix(names, sums, np.ones_like(sums), positions, positions, 7)


@pytest.fixture
def open_page(browser: "Browser", pages: dict[str, Path]) -> Iterator[Open]:
    """Open a page; in the end it must have asked for nothing and complained of nothing."""
    opened: list[Any] = []
    told: list[str] = []

    def open_one(kind: str, size: tuple[int, int] = DESKTOP, **options: Any) -> "Page":
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
        opened.append(context)
        page = context.new_page()
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on(
            "request",
            lambda request: told.append(request.url) if not request.url.startswith(("data:", "file:")) else None,
        )
        page.goto(pages[kind].as_uri())
        return page

    yield open_one
    for context in opened:
        context.close()
    assert told == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_page_fits_its_window_and_can_be_read(
    open_page: Open, kind: str, size: tuple[int, int], scheme: Literal["light", "dark"]
) -> None:
    page = open_page(kind, size, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert page.title() != "taken"
    assert page.locator("main").count() == 1
    broken = "[...document.images].filter(one => one.src && !one.naturalWidth).length"
    until(page, f"{broken} == 0")
    unnamed = "[...document.querySelectorAll('main button, main input')].filter(one => !(one.ariaLabel || one.innerText || one.querySelector('img')?.alt)).length"  # noqa: E501
    assert page.evaluate(unnamed) == 0
    small = "[...document.querySelectorAll('.plot img')].filter(one => one.getBoundingClientRect().width < 0.8 * Math.min(one.naturalWidth, 400)).length"  # noqa: E501
    assert page.evaluate(small) == 0
    ground, ink = (luminance(page, f"getComputedStyle(document.body).{name}") for name in ("backgroundColor", "color"))
    assert (ground < ink) == (scheme == "dark")
    assert (max(ground, ink) + 0.05) / (min(ground, ink) + 0.05) > 7


def until(page: "Page", condition: str) -> None:
    """Wait for a condition; the page's policy forbids Playwright's own way, which evaluates text."""
    for _ in range(100):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"never came true: {condition}")


def luminance(page: "Page", style: str) -> float:
    """Relative luminance of a computed colour, 0 … 1 (WCAG 2)."""
    parts = np.array(page.evaluate(f"{style}.match(/\\d+/g).slice(0, 3).map(Number)")) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_large_view_by_keys_alone(open_page: Open, size: tuple[int, int]) -> None:
    page = open_page("swap", size)

    def shown() -> str:
        return str(page.locator("dialog .shown img").get_attribute("alt"))

    def large() -> bool:
        return bool(page.evaluate("document.getElementById('large').open"))

    first = page.locator("td button.zoom").first
    first.focus()
    page.keyboard.press("Enter")
    assert large()
    assert shown() == f"layout {HOSTILE}, exemplar {HOSTILE}"
    page.keyboard.press("ArrowRight")
    assert shown() == f"layout {HOSTILE}, exemplar {'n' * 120}"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert shown() == f"layout beach, exemplar {'n' * 120}"
    beside = [one.get_attribute("alt") for one in page.locator("dialog .beside img").all()]
    assert beside == ["layout beach", f"exemplar {'n' * 120}"]
    assert page.locator("dialog p").inner_text() == shown()
    for part in ("dialog .shown img", "dialog .beside", "dialog .bar"):
        box = page.locator(part).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size[0] + 1
        assert box["y"] + box["height"] <= size[1] + 1
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape")
    assert not large()
    wanted = (
        f"layout beach, exemplar {HOSTILE}"  # where one has leafed to; the browser itself goes back to where one began
    )
    page.wait_for_function("wanted => document.activeElement.querySelector('img')?.alt === wanted", arg=wanted)


def test_the_large_view_by_mouse(open_page: Open) -> None:
    page = open_page("results")
    page.locator("td button.zoom").last.click()
    alt = page.locator("dialog .shown img").get_attribute("alt")
    page.get_by_label("Next picture").click()
    assert page.locator("dialog .shown img").get_attribute("alt") != alt
    page.mouse.move(300, 400)
    page.mouse.down()
    page.mouse.move(500, 400)
    page.mouse.up()  # a swipe to the right: back again
    assert page.locator("dialog .shown img").get_attribute("alt") == alt
    page.get_by_label("Close").click()
    page.locator(".plot button.zoom").first.click()
    assert page.locator("dialog .shown img").evaluate("one => one.naturalWidth") > 0
    page.locator("dialog .shown").click()
    assert not page.evaluate("document.getElementById('large').open")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_strip_of_many_frames_fits_and_is_scrubbed(open_page: Open, size: tuple[int, int]) -> None:
    page = open_page("strips", size)
    frames = page.locator(".frames img")
    assert frames.count() == 41
    boxes = [one.bounding_box() for one in (frames.first, frames.last)]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[1]["x"] + boxes[1]["width"] <= size[0]
    slider, stage = page.locator("input[type=range]"), page.locator(".stage > img")
    assert stage.get_attribute("src") == frames.first.get_attribute("src")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert stage.get_attribute("src") == frames.nth(1).get_attribute("src")
    page.keyboard.press("End")
    assert stage.get_attribute("src") == frames.last.get_attribute("src")
    assert slider.get_attribute("aria-valuetext") == page.locator("output").inner_text() == "1.00"
    assert page.locator(".frames [aria-current=true] img").get_attribute("src") == frames.last.get_attribute("src")


def test_a_strip_plays_unless_motion_is_unwanted(open_page: Open) -> None:
    page = open_page("strips")
    page.get_by_role("button", name="Play").click()
    until(page, "document.querySelector('input[type=range]').value > 1")
    page.get_by_role("button", name="Pause").click()
    assert open_page("strips", reduced_motion="reduce").get_by_role("button", name="Play").count() == 0


def test_without_scripts_every_picture_is_there(open_page: Open) -> None:
    page = open_page("strips", java_script_enabled=False)
    assert page.locator(".frames img").last.is_visible()
    assert not page.locator("input[type=range]").is_visible()


@pytest.mark.parametrize("kind", ["swap", "restyle"])
def test_a_grid_uses_the_width(open_page: Open, kind: str) -> None:
    box = open_page(kind).locator(".pictures table").bounding_box()
    assert box is not None
    assert box["width"] > 0.93 * DESKTOP[0]


@pytest.mark.parametrize("kind", ["swap", "restyle"])
def test_a_saved_look_shows_its_photograph(open_page: Open, kind: str) -> None:
    name = {"swap": "exemplar saved", "restyle": "look saved"}[kind]
    picture = open_page(kind).locator(f"img[alt='{name}']").first
    assert [picture.get_attribute(side) for side in ("width", "height")] == ["48", "32"]


def test_a_copy_stands_large_beside_what_it_was_drawn_from(open_page: Open) -> None:
    page = open_page("restyle")
    page.get_by_role("button", name="beach in the look of").first.click()
    shown = page.locator("dialog .beside img").evaluate_all("all => all.map(one => one.alt)")
    assert shown[:2] == ["photograph beach", "label map of beach"]
    assert shown[2].startswith("look ")


def test_an_estimate_stands_beside_the_photograph_and_the_truth(open_page: Open) -> None:
    page = open_page("labels")
    estimates = page.locator("td button.zoom[data-beside]")
    assert estimates.count() == 4
    estimates.first.click()
    names = page.locator("dialog .beside img").evaluate_all("all => all.map(one => one.alt)")
    assert [name.rpartition(", ")[2] for name in names] == ["photograph", "true map"]
