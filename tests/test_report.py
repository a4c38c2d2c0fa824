"""Pages: self-contained, escaped, the same bytes for the same content."""

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import sceneswap
from sceneswap.errors import UserError
from sceneswap.pictures import evenly_spread
from sceneswap.report import cell, page, svg, webp, write_page

TEMPLATES = sorted((Path(sceneswap.__file__).parent / "templates").glob("*.html"))
HOSTILE = """<script>alert("x")</script>' onerror='alert(1) \" onload=\"alert(2) {{ 7 * 7 }} &amp; $x_1$"""


def results(name: str = "plain name", **values: Any) -> dict[str, Any]:
    """What results.html takes, with `name` for every word."""
    photo = np.zeros((2, 3, 3), np.uint8)
    table = [name, "PSNR"], [[name, 21.34567], ["pairs", 2500], ["FID", None], ["ok", True]]
    return {
        "title": name, "lead": name, "scores": table, "notes": [name], "paper": table, "plots": {name: "<svg/>"},
        "bins": table, "grids": {name: photo}, "scenes": [name], "titles": [name, "drawn"],
        "examples": [(name, [photo, photo])], "metrics": {name: name}, "protocol": {name: 1.5}, **values,
    }  # fmt: skip


class Parsed(HTMLParser):
    """The tags and attributes of a page, and its text."""

    def __init__(self, whole: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(whole)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_names_are_text_wherever_they_appear() -> None:
    whole, harmless = Parsed(page("results.html", **results(HOSTILE))), Parsed(page("results.html", **results()))
    assert whole.tags == harmless.tags
    assert [name for name, _ in whole.attributes] == [name for name, _ in harmless.attributes]
    assert not [name for name, _ in whole.attributes if name.startswith("on")]
    assert whole.text.count(HOSTILE) == harmless.text.count("plain name")
    assert ("alt", f"{HOSTILE}, drawn") in whole.attributes


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_templates_leave_no_way_in_for_markup(path: Path) -> None:
    """Nothing is marked as safe, and what stands in an attribute stands in quotes."""
    template = path.read_text(encoding="utf-8")
    assert not re.search(r"\|\s*safe|autoescape|Markup", template)
    assert not re.search(r"<[^>]*[^ ]=\s*\{\{", re.sub(r"\{%.*?%\}", "", template, flags=re.DOTALL))
    assert not re.search(r"(href|srcset|action|\bon\w+)=\"\{\{", template)


def test_a_value_that_a_template_needs_and_does_not_get_is_an_error() -> None:
    from jinja2 import UndefinedError

    values = results()
    del values["metrics"]
    with pytest.raises(UndefinedError, match="metrics"):
        page("results.html", **values)


def test_pictures_are_embedded_as_webp_label_maps_exactly() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)

    def opened(address: str) -> Any:
        head, data = address.split("base64,")
        assert head == "data:image/webp;"
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))

    assert (opened(webp(photo, exact=True)) == photo).all()
    assert opened(webp(photo)).shape == photo.shape
    assert (opened(webp(photo[..., 0], exact=True)) == photo[..., :1]).all()
    assert base64.b64decode(svg("<svg>é</svg>").split("base64,")[1]).decode() == "<svg>é</svg>"


def test_values_of_tables_are_shown_shortly_and_numbers_flush_right() -> None:
    assert [cell(value) for value in (21.34567, 2500, None, "a", True)] == ["21.35", 2500, "–", "a", True]
    whole = page("results.html", **results())
    for expected in ('<td class="number">21.35</td>', '<td class="number">2500</td>', "<td>–</td>", "<td>True</td>"):
        assert expected in whole


def test_a_page_asks_for_nothing_and_is_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        write_page(tmp_path / name, "results.html", **results())
    content = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert content == (tmp_path / "b.html").read_text(encoding="utf-8")
    assert "http" not in content.replace("http-equiv", "")
    assert content.startswith("<!doctype html>")
    assert '<meta charset="utf-8">' in content
    loaded = [value for name, value in Parsed(content).attributes if name in ("src", "href", "srcset")]
    assert len(loaded) > 3
    assert all(value.startswith("data:") for value in loaded)
    assert "default-src &#39;none&#39;" in content or "default-src 'none'" in content


def test_a_page_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        write_page(tmp_path / "file" / "page.html", "results.html", **results())


@pytest.mark.parametrize(("length", "most", "expected"), [
    (10, None, list(range(10))), (3, 8, [0, 1, 2]), (10, 4, [0, 2, 5, 7]), (0, 4, []),
])  # fmt: skip
def test_items_evenly_spread(length: int, most: int | None, expected: list[int]) -> None:
    assert evenly_spread(range(length), most) == expected
