"""Plots: in the ink of the page, the same each time, whatever the names are."""

import io
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from sceneswap import charts
from sceneswap.evaluation.aggregate import binned
from sceneswap.inference.transfer_matrix import cluster

NAMES = ["sky", "$x^", "</text><script>alert(1)</script>", "_hidden", "海"]


def lines(scale: float = 1) -> dict[str, list[dict[str, float]]]:
    similarities = np.linspace(0, 1, 50).tolist()
    return {name: binned(similarities, [scale * s for s in similarities]) for name in NAMES}


def drawn(scale: float = 1) -> list[charts.Plot]:
    shares = scale * np.linspace(0, 1, 25).reshape(5, 5)
    return [
        charts.heat_map(shares, NAMES, NAMES, "row", "column", 0.1),
        charts.dendrogram(cluster(shares + np.eye(5)), NAMES),
        charts.curves({"L_style": lines(scale)}),
    ]


@pytest.mark.parametrize("kind", range(3), ids=["heat map", "dendrogram", "curves"])
def test_a_plot_is_vector_and_png_the_same_for_the_same_numbers(kind: int) -> None:
    plot = drawn()[kind]
    assert plot == drawn()[kind]
    assert plot.png != drawn(0.5)[kind].png
    with Image.open(io.BytesIO(plot.png)) as opened:
        assert min(opened.size) > 150
    root = ET.fromstring(plot.svg)
    texts = {"".join(element.itertext()) for element in root.iter() if element.tag.endswith("}text")}
    assert set(NAMES) <= texts
    assert not [element for element in root.iter() if element.tag.endswith(("}script", "}image"))]


def test_ink_is_that_of_the_page() -> None:
    for plot in drawn():
        assert "currentColor" in plot.svg
        assert "prefers-color-scheme: dark" in plot.svg
        assert "#1b1d22;" not in plot.svg.replace("color: #1b1d22 }", "")


def test_more_panels_make_a_larger_picture() -> None:
    one, four = charts.curves({"a": lines()}), charts.curves({name: lines() for name in "abcd"})
    sizes = [Image.open(io.BytesIO(plot.png)).size for plot in (one, four)]
    assert all(more > 1.5 * less for less, more in zip(*sizes, strict=True))
