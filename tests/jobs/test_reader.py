"""Which schema a label map is read in, and what is said about it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sceneswap.errors import UserError
from sceneswap.inference.doubt import doubt
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.jobs.reader import SceneReader
from sceneswap.labels.io import write_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.scene import LabelMap, Photo, Scene

OUTDOOR, CAMVID = load_schema("outdoor"), load_schema("camvid")
STREET = (
    np.array([0, 1, 3, 4, 5], np.int16).repeat(8)[:, None].repeat(40, axis=1)
)  # sky, building, road, pavement, tree


class Knowing:
    """A labeller that is right."""

    def __init__(self, truth: LabelMap) -> None:
        self.truth = truth
        self.record = {"network": "truth", "sha256": ""}

    def label(self, photo: Photo) -> LabelMap:
        assert photo.shape[:2] == self.truth.shape
        return self.truth


@pytest.fixture
def street(tmp_path: Path) -> Path:
    """labels/a.png with the ids of CamVid, and a photograph."""
    write_label_map(tmp_path / "labels" / "a.png", STREET, CAMVID)
    Image.new("RGB", (40, 40), (90, 90, 90)).save(tmp_path / "a.jpg")
    return tmp_path


@pytest.mark.parametrize("place", [".", "labels"])
def test_a_schema_beside_the_map_tells(
    street: Path, synthesizer: Synthesizer, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    (street / place / "schema.toml").write_text('preset = "camvid"')
    reader = SceneReader(synthesizer)
    file = street / "labels" / "a.png"
    np.testing.assert_array_equal(reader.layout(file), CAMVID.convert(STREET, OUTDOOR))
    np.testing.assert_array_equal(reader.scene(street / "a.jpg", file).label_map, CAMVID.convert(STREET, OUTDOOR))
    assert reader.layout_note(file)["schema"] == "camvid"
    assert "are read as camvid, as schema.toml says" in caplog.text
    given = SceneReader(synthesizer, schema=OUTDOOR)
    np.testing.assert_array_equal(given.layout(file), STREET)


def test_a_schema_beside_the_map_that_is_wrong_is_said(street: Path, synthesizer: Synthesizer) -> None:
    (street / "schema.toml").write_text("classes = 3")
    with pytest.raises(UserError, match=r"schema\.toml"):
        SceneReader(synthesizer).layout(street / "labels" / "a.png")


def test_without_any_schema_the_models_own_is_noted(
    street: Path, synthesizer: Synthesizer, caplog: pytest.LogCaptureFixture
) -> None:
    np.testing.assert_array_equal(SceneReader(synthesizer).layout(street / "labels" / "a.png"), STREET)
    assert "label maps are read as outdoor (no schema given)" in caplog.text
    caplog.clear()
    SceneReader(synthesizer, schema=OUTDOOR).layout(street / "labels" / "a.png")
    assert caplog.text == ""


def test_a_map_in_the_wrong_schema_is_doubted_naming_both_readings(
    street: Path, synthesizer: Synthesizer, caplog: pytest.LogCaptureFixture
) -> None:
    truth = CAMVID.convert(STREET, OUTDOOR)
    reader = SceneReader(synthesizer)
    reader.__dict__["labeller"] = Knowing(truth)
    reader.scene(street / "a.jpg", street / "labels" / "a.png")
    words = (
        "read as outdoor shows sky-other, clouds, tree, but in {photo} the model sees sky-other, tree, road; 20% of the pixels "
        "agree; read as camvid it would be 100%: pass --schema camvid"
    )
    assert words.format(photo=street / "a.jpg") in caplog.text


@pytest.mark.parametrize("wrong", [0.0, 0.5, 0.9])
def test_a_map_that_the_model_sees_otherwise_here_and_there_is_not_doubted(street: Path, wrong: float) -> None:
    seen = STREET.copy()
    seen[:, : round(wrong * 40)] = OUTDOOR.index_of("fog")  # which no other schema would make of this map
    scene = Scene(np.zeros((40, 40, 3), np.uint8), STREET, "a.jpg")
    assert doubt(scene, street / "labels" / "a.png", OUTDOOR, OUTDOOR, Knowing(seen)) == ""


def test_a_map_of_which_nothing_is_seen_is_doubted_without_a_better_schema(street: Path) -> None:
    scene = Scene(np.zeros((40, 40, 3), np.uint8), STREET, "a.jpg")
    said = doubt(scene, street / "labels" / "a.png", OUTDOOR, OUTDOOR, Knowing(np.full_like(STREET, 31)))
    assert "the model sees person; 0% of the pixels agree; check that the schema is the right one" in said


def test_a_lossy_file_is_a_photograph_unless_a_schema_is_given(
    street: Path, reading: Synthesizer, caplog: pytest.LogCaptureFixture
) -> None:
    photo = street / "a.jpg"
    assert SceneReader(reading).is_photo(photo)
    assert f"{photo} is taken as a photograph, its label map is estimated" in caplog.text
    for reader, schema in ((SceneReader(reading, schema=CAMVID), None), (SceneReader(reading), CAMVID)):
        with pytest.raises(
            UserError, match=r"a schema is given for .*a\.jpg, a lossy file, which cannot hold exact ids"
        ):
            reader.layout(photo, schema)
    assert SceneReader(reading, schema=CAMVID).layout(photo, photo=True).shape == (40, 40)


@pytest.mark.shared
def test_maps_of_camvid_read_as_outdoor_are_doubted(shared: Path, shipped: Synthesizer) -> None:
    """Four streets, with the shipped model: every one is doubted read as outdoor, none read as camvid."""
    root = shared / "data" / "camvid"
    for file in sorted((root / "labels").glob("*.png"))[::40]:
        photo = root / "images" / f"{file.stem}.jpg"
        for schema in (OUTDOOR, CAMVID):
            scene = shipped.read_scene(photo, file, schema)
            said = doubt(scene, file, schema, OUTDOOR, shipped.labeller)
            assert ("pass --schema camvid" in said) == (schema is OUTDOOR)
