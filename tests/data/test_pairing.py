"""Photographs and their label maps: sizes that fit, and EXIF orientations that do not."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneswap.data.folder import FolderDataset
from sceneswap.data.importing import schema_text
from sceneswap.data.pairing import fitted
from sceneswap.errors import UserError
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.labels.io import resize_label_map, write_label_map
from sceneswap.labels.presets import load_schema, schema_from_dict
from sceneswap.labels.schema import LabelClass, LabelSchema

OUTDOOR = load_schema("outdoor")
MAP = np.random.default_rng(0).integers(0, 36, (40, 60)).astype(np.int16)


def pair(folder: Path, label_map: np.ndarray, orientation: int) -> tuple[Path, Path]:
    """A photograph of 60×40 pixels with an EXIF orientation, and a label map."""
    for name in ("images", "labels"):
        (folder / name).mkdir()
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo, file = folder / "images" / "a.jpg", folder / "labels" / "a.png"
    Image.new("RGB", (60, 40), (9, 90, 200)).save(photo, exif=exif)
    write_label_map(file, label_map, OUTDOOR)
    (folder / "schema.toml").write_text('preset = "outdoor"')
    return photo, file


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation(
    tmp_path: Path, synthesizer: Synthesizer, orientation: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The map is drawn on what viewers show."""
    upright = np.ascontiguousarray(MAP.T) if orientation >= 5 else MAP
    photo, file = pair(tmp_path, upright, orientation)
    for scene in (synthesizer.read_scene(photo, file), FolderDataset([tmp_path], OUTDOOR)[0]):
        np.testing.assert_array_equal(scene.label_map, upright)
        assert scene.photo.shape[:2] == upright.shape
    notes = caplog.text.count(f"the photograph {photo} is turned upright as its EXIF orientation says")
    assert notes == (2 if orientation != 1 else 0)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_map_that_was_not_turned_with_its_photograph(
    tmp_path: Path, synthesizer: Synthesizer, orientation: int
) -> None:
    photo, file = pair(tmp_path, MAP, orientation)
    words = rf"a\.jpg is 40×60 pixels but .*a\.png is 60×40 .* turned upright as its EXIF orientation \({orientation}\) says"
    with pytest.raises(UserError, match=words):
        synthesizer.read_scene(photo, file)
    with pytest.raises(UserError, match=words):
        _ = FolderDataset([tmp_path], OUTDOOR)[0]


@pytest.mark.parametrize("size", [(20, 30), (10, 15), (80, 120), (41, 61)])
def test_maps_of_one_aspect_are_brought_to_the_size(size: tuple[int, int]) -> None:
    label_map = resize_label_map(MAP, size)
    found = fitted(label_map, "a.png", "a.jpg", (40, 60), 1)
    np.testing.assert_array_equal(found, resize_label_map(label_map, (40, 60)))


@pytest.mark.parametrize(
    ("size", "words"),
    [((60, 40), "was one of them turned"), ((40, 50), "must be of one size, or at least of one aspect")],
)
def test_other_aspects_are_refused(size: tuple[int, int], words: str) -> None:
    with pytest.raises(UserError, match=words):
        fitted(np.zeros(size, np.int16), "a.png", "a.jpg", (40, 60), 1)


def test_the_written_schema_keeps_the_colour_of_void() -> None:
    schema = LabelSchema("black", (LabelClass(0, "background", (0, 0, 0)),), (255, 9), void_color=(224, 224, 192))
    assert schema_from_dict(tomllib.loads(schema_text(schema))) == schema
