"""Label maps estimated from photographs: by the model's head, by a segmenter; layouts and scenes that lack a map."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from sceneswap.errors import UserError
from sceneswap.images import resize_photo, write_png
from sceneswap.inference.labelling import HeadLabeller, SegmenterLabeller, choose_labeller
from sceneswap.inference.reading import LABEL_SIDE, PHOTO_SIDE
from sceneswap.inference.segmentation import SEGMENTER_WEIGHTS, load_segmenter, shipped_segmenter
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.jobs.reader import SceneReader
from sceneswap.labels.io import resize_label_map, write_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.models.generator import Generator
from sceneswap.procedural import render
from sceneswap.scene import Photo
from tests.tiny import make_photo, vivid_release, write_photo, write_segmenter

OUTDOOR = load_schema("outdoor")
SKY = OUTDOOR.index_of("sky-other")


@pytest.fixture(scope="module")
def sky_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A segmenter that sees sky everywhere."""
    return write_segmenter(tmp_path_factory.mktemp("segmenter") / "sky.safetensors", "sky")


# --- The head ---------------------------------------------------------------------------------------------------------


@torch.no_grad()
def test_the_head_reads_at_the_working_size_and_answers_at_the_photos(reading: Synthesizer) -> None:
    photo = make_photo((90, 150))
    label_map = reading.estimate_labels(photo)
    assert label_map.shape == (90, 150)
    assert label_map.dtype == np.int16
    assert label_map.min() >= 0
    assert label_map.max() < OUTDOOR.num_classes  # void is never an answer
    assert len(np.unique(label_map)) > 1
    network, shape = reading.release.network, reading.working_shape((90, 150))
    assert isinstance(network, Generator)
    image = torch.from_numpy(resize_photo(photo, shape)).permute(2, 0, 1)[None] / 127.5 - 1
    logits = F.interpolate(network.estimate_labels(image), (90, 150), mode="bilinear", align_corners=False)
    np.testing.assert_array_equal(label_map, logits.argmax(dim=1)[0].numpy())


def test_large_maps_are_enlarged_from_a_bounded_grid(reading: Synthesizer) -> None:
    height, width = 96, 2 * LABEL_SIDE
    label_map = reading.estimate_labels(make_photo((height, width)))
    small = resize_label_map(label_map, (height // 2, LABEL_SIDE))
    np.testing.assert_array_equal(label_map, small.repeat(2, axis=0).repeat(2, axis=1))


def test_a_model_without_a_head_says_so(synthesizer: Synthesizer) -> None:
    vae = Synthesizer(vivid_release("spade-vae"), name="vae", device="cpu")
    for model in (synthesizer, vae):
        assert not model.estimates_labels
        with pytest.raises(UserError, match=f"the model {model.name} has no label head .* --segmenter"):
            model.estimate_labels(make_photo((32, 32)))
        with pytest.raises(UserError, match="has no label head"):
            HeadLabeller(model)


# --- A segmenter ------------------------------------------------------------------------------------------------------


def test_a_segmenters_classes_become_the_models(sky_file: Path) -> None:
    labeller = SegmenterLabeller(load_segmenter(sky_file), OUTDOOR)
    label_map = labeller.label(make_photo((50, 70)))
    assert label_map.shape == (50, 70)
    assert label_map.dtype == np.int16
    assert (label_map == SKY).all()
    assert labeller.record["sha256"] == load_segmenter(sky_file).sha256
    camvid = load_schema("camvid")
    assert (
        SegmenterLabeller(load_segmenter(sky_file), camvid).label(make_photo((9, 9))) == camvid.index_of("sky")
    ).all()


def test_what_reads_a_photograph(
    synthesizer: Synthesizer, reading: Synthesizer, sky_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(choose_labeller(reading), HeadLabeller)
    assert isinstance(choose_labeller(reading, sky_file), SegmenterLabeller)
    assert choose_labeller(synthesizer).record["sha256"] == shipped_segmenter().sha256
    monkeypatch.setenv(SEGMENTER_WEIGHTS.variable, str(sky_file))
    assert choose_labeller(synthesizer).record["sha256"] == load_segmenter(sky_file).sha256
    assert isinstance(choose_labeller(reading), HeadLabeller)  # its own comes first


def sky_over_grass(height: int, width: int) -> Photo:
    """A blue sky, paler towards the horizon at half the height, over grainy green."""
    down = np.linspace(0, 1, height // 2)[:, None, None]
    sky = np.array([70, 130, 215]) * (1 - down) + np.array([175, 205, 240]) * down
    grain = np.random.default_rng(0).integers(-18, 19, (height - height // 2, width, 1))
    parts = np.broadcast_to(sky, (height // 2, width, 3)), np.array([86, 120, 52]) + grain
    return np.concatenate(parts).clip(0, 255).astype(np.uint8)


def test_the_shipped_segmenter_reads_pictures(synthesizer: Synthesizer) -> None:
    label_map = choose_labeller(synthesizer).label(sky_over_grass(96, 128))
    assert (label_map[:40] == SKY).mean() > 0.9
    assert (label_map[-40:] == OUTDOOR.index_of("grass")).mean() > 0.9
    drawn = render.scene(3_000_003, (128, 160))
    said = choose_labeller(synthesizer).label(drawn.photo)
    procedural = load_schema("procedural")
    assert (said[drawn.label_map == procedural.index_of("sky-other")] == SKY).mean() > 0.9
    assert (said[-20:] == SKY).mean() < 0.05


def test_a_photograph_of_nothing_the_model_knows(synthesizer: Synthesizer, tmp_path: Path) -> None:
    ceiling = write_segmenter(tmp_path / "ceiling.safetensors", "ceiling")
    photo = write_photo(tmp_path / "room.jpg", (40, 40))
    with pytest.raises(
        UserError, match=r"no class of the model's schema outdoor is seen in the photograph .*room\.jpg"
    ):
        SceneReader(synthesizer, ceiling).scene(photo)


# --- Layouts and scenes -----------------------------------------------------------------------------------------------


def test_a_layout_is_a_map_or_a_photograph(reading: Synthesizer, data: Path, tmp_path: Path) -> None:
    reader = SceneReader(reading)
    np.testing.assert_array_equal(
        reader.layout(data / "labels" / "d.png"), reading.read_label_map(data / "labels" / "d.png")
    )
    photo = write_photo(tmp_path / "a.jpg", (1100, 1500))
    layout = reader.layout(photo)
    assert layout.shape == (round(PHOTO_SIDE * 1100 / 1500), PHOTO_SIDE)
    assert SceneReader(reading, long_side=99).layout(photo).shape == (73, 99)
    assert SceneReader(reading, long_side=99).layout(data / "labels" / "d.png").shape == (33, 70)  # never larger
    assert SceneReader(reading, long_side=35).layout(data / "labels" / "d.png").shape == (16, 35)
    small = write_photo(tmp_path / "small.jpg", (50, 60))
    assert reader.layout(small).shape == (50, 60)
    assert reader.layout_note(photo)["long_side"] == PHOTO_SIDE
    assert "long_side" not in reader.layout_note(data / "labels" / "d.png")


def test_the_kind_of_a_layout_may_be_said(reading: Synthesizer, data: Path) -> None:
    """The scenes' photographs have so few colours that they count as maps, with foreign colours."""
    blocks = data / "images" / "a.png"
    with pytest.raises(UserError, match="belongs to no class"):
        SceneReader(reading).layout(blocks)
    assert SceneReader(reading).layout(blocks, photo=True).shape == (48, 64)


def test_a_scene_without_a_map(reading: Synthesizer, sky_file: Path, tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "large.jpg", (1200, 2400))
    scene = SceneReader(reading, sky_file).scene(photo)
    assert scene.photo.shape[:2] == scene.label_map.shape == (512, 1024)  # decoded at a half: never at full size
    assert (scene.label_map == SKY).all()
    reading.encode(scene)
    own = SceneReader(reading)
    assert own.map_note(photo, None)["estimated_by"]["sha256"] == reading.weights_sha256
    assert str(tmp_path) not in str(own.map_note(photo, None))


def test_an_upright_photograph_has_an_upright_map(reading: Synthesizer, tmp_path: Path) -> None:
    tags = Image.Exif()
    tags[0x0112] = 6
    Image.fromarray(make_photo((600, 1200))).save(tmp_path / "a.jpg", exif=tags)
    scene = SceneReader(reading).scene(tmp_path / "a.jpg")
    assert scene.label_map.shape == scene.photo.shape[:2] == (1024, 512)
    assert SceneReader(reading).layout(tmp_path / "a.jpg").shape == (512, 256)


def test_a_smaller_map_of_the_same_aspect_fits(synthesizer: Synthesizer, tmp_path: Path) -> None:
    write_png(tmp_path / "photo.png", make_photo((75, 100)))
    label_map = np.arange(30 * 40).reshape(30, 40).astype(np.int16) % 36
    write_label_map(tmp_path / "map.png", label_map, OUTDOOR)
    scene = synthesizer.read_scene(tmp_path / "photo.png", tmp_path / "map.png")
    np.testing.assert_array_equal(scene.label_map, resize_label_map(label_map, (75, 100)))
    write_label_map(tmp_path / "map.png", label_map[:, :38], OUTDOOR)
    with pytest.raises(UserError, match="must be of one size, or at least of one aspect"):
        synthesizer.read_scene(tmp_path / "photo.png", tmp_path / "map.png")
