"""Pages: self-contained, escaped, the same bytes for the same content."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneswap.errors import UserError
from sceneswap.pictures import evenly_spread
from sceneswap.report import (
    Html,
    facts,
    figure,
    gallery,
    legend,
    page,
    paragraph,
    picture,
    picture_grid,
    png,
    section,
    table,
    text,
    write_page,
)  # fmt: skip


def test_text_is_escaped_everywhere() -> None:
    bad = "<script>alert(\"x\")</script> & 'more'"
    photo = np.zeros((2, 3, 3), np.uint8)
    whole = page(
        bad,
        [
            section(bad, bad, paragraph(bad, Html("<em>good</em>"))),
            table([bad], [[bad]], caption=bad),
            facts({bad: bad}),
            gallery([figure(photo, bad)]),
            legend({bad: (1, 2, 3)}),
            picture_grid(bad, [text(bad)], [(text(bad), [picture(photo, bad)])]),
            bad,
        ],
        lead=bad,
    )
    assert "alert(" in whole
    assert "<script>alert" not in whole
    assert 'alt="<' not in whole
    assert "<em>good</em>" in whole


def test_pictures_are_embedded_exactly() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    markup = picture(photo, "noise")
    data = markup.split("base64,")[1].split('"')[0]
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))), photo)
    assert picture(png(photo), "noise") == markup


def test_tables_show_numbers_shortly_and_flush_right() -> None:
    markup = table(["metric", "value"], [["PSNR", 21.34567], ["pairs", 2500], ["FID", None], ["ok", True]])
    assert "<td class=number>21.35</td>" in markup
    assert "<td class=number>2500</td>" in markup
    assert "<td>–</td>" in markup
    assert "<td>True</td>" in markup


def test_a_legend_shows_colours() -> None:
    assert "background:#0a00ff" in legend({"sea": (10, 0, 255)})


def test_a_page_asks_for_nothing_and_is_the_same_each_time(tmp_path: Path) -> None:
    sections = [section("One", figure(np.zeros((4, 4), np.uint8), "black"))]
    write_page(tmp_path / "a.html", "Title", sections)
    write_page(tmp_path / "b.html", "Title", sections)
    content = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert content == (tmp_path / "b.html").read_text(encoding="utf-8")
    assert "http" not in content.replace("http-equiv", "")
    assert content.startswith("<!doctype html>")
    assert '<meta charset="utf-8">' in content


def test_a_page_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        write_page(tmp_path / "file" / "page.html", "Title", [])


@pytest.mark.parametrize(("length", "most", "expected"), [
    (10, None, list(range(10))), (3, 8, [0, 1, 2]), (10, 4, [0, 2, 5, 7]), (0, 4, []),
])  # fmt: skip
def test_items_evenly_spread(length: int, most: int | None, expected: list[int]) -> None:
    assert evenly_spread(range(length), most) == expected
