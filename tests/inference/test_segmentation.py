"""Segmenters: their classes, the network against its reference, agreement with label maps."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from sceneswap.errors import UserError
from sceneswap.files import sha256
from sceneswap.images import read_photo
from sceneswap.inference.segmentation import (
    SEGMENTER_WEIGHTS,
    DeepLabSegmenter,
    TransformersSegmenter,
    agreement,
    classes_at,
    load_segmenter,
    schema_of_names,
    shipped_segmenter,
    working_size,
)
from sceneswap.labels.io import read_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.models.int8 import multiples
from sceneswap.models.pretrained.deeplab import DeepLab, load_deeplab


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights, in half precision as the published file."""
    torch.manual_seed(0)
    network = DeepLab()
    network.get_parameter("logits.bias")[0] = 1e4  # "other" would win everywhere
    path = tmp_path_factory.mktemp("deeplab") / "segmenter.safetensors"
    save_file({k: v.half() for k, v in network.state_dict().items()}, path)
    return path


def test_segments_every_pixel_into_the_150_classes(weights: Path) -> None:
    segmenter = load_segmenter(weights)
    label_maps = segmenter.segment(torch.rand(2, 3, 24, 40))
    assert label_maps.shape == (2, 24, 40)
    assert label_maps.dtype == np.int16
    assert label_maps.min() >= 0
    assert label_maps.max() < segmenter.schema.num_classes == 150  # never "other", never void
    assert segmenter.sha256 == sha256(weights)
    assert "321" in segmenter.description


@torch.no_grad()
def test_classes_are_shifted_by_other(weights: Path) -> None:
    """Output k of the network is class k of ADE20K counted from 1, so index k - 1."""
    segmenter = DeepLabSegmenter(weights)
    sky = segmenter.schema.index_of("sky")
    segmenter.network.get_parameter("logits.bias")[1 + sky] += 1e3
    assert (segmenter.segment(torch.rand(1, 3, 16, 16)) == sky).all()
    assert load_schema("ade20k-150-1based").classes[sky].id == 1 + sky


@pytest.mark.parametrize(
    ("size", "expected"),
    [((256, 256), (321, 321)), ((240, 320), (241, 321)), ((1000, 10), (321, 9)), ((33, 66), (161, 321))],
)
def test_working_size_keeps_the_aspect(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert working_size(*size) == expected


@pytest.mark.parametrize("classes", [3, 16, 150])
def test_the_strongest_class_of_enlarged_logits(classes: int) -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, classes, 7, 9)
    enlarged = torch.nn.functional.interpolate(logits, (20, 31), mode="bilinear", align_corners=False)
    np.testing.assert_array_equal(classes_at(logits, (20, 31)), enlarged.argmax(dim=1).numpy())
    assert classes_at(logits, (20, 31)).dtype == np.int16


def test_agreement_leaves_void_out() -> None:
    label_map = np.array([[0, 1, 2], [2, 3, 3]], np.int16)  # void is 3
    predicted = np.array([[0, 1, 1], [3, 0, 3]], np.int16)
    assert agreement(predicted, label_map, void=3) == (2, 4)
    assert agreement(label_map, label_map, void=3) == (4, 4)
    assert agreement(predicted, np.full_like(label_map, 3), void=3) == (0, 0)


def test_a_missing_segmenter_is_named(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SEGMENTER_WEIGHTS.variable, raising=False)
    with pytest.raises(UserError, match=f"DeepLabV3.* is needed.*{SEGMENTER_WEIGHTS.variable}"):
        load_segmenter()
    monkeypatch.setenv(SEGMENTER_WEIGHTS.variable, str(weights))
    assert load_segmenter().sha256 == sha256(weights)
    with pytest.raises(UserError, match=r"gone\.safetensors do not exist"):
        load_segmenter(tmp_path / "gone.safetensors")
    save_file({"stem.weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match=r"other\.safetensors does not hold DeepLabV3"):
        load_segmenter(str(tmp_path / "other.safetensors"))


def test_hub_models_need_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match="some/model needs the package transformers"):
        load_segmenter("some/model")


def test_a_network_of_transformers(tmp_path: Path) -> None:
    """A real one, small and untrained: its files are read, its classes brought to a preset, its weights named."""
    transformers = pytest.importorskip("transformers", reason="the extra segmenter is not installed")
    names = ["sky", "tree", "no such class", "road", "water", "grass"]
    torch.manual_seed(0)
    config = transformers.SegformerConfig(
        num_encoder_blocks=2, depths=[1, 1], sr_ratios=[2, 1], hidden_sizes=[8, 16], patch_sizes=[7, 3], strides=[4, 2],
        num_attention_heads=[1, 2], mlp_ratios=[2, 2], decoder_hidden_size=16, id2label=dict(enumerate(names)),
    )  # fmt: skip
    network = transformers.SegformerForSemanticSegmentation(config).eval()
    processor = transformers.SegformerImageProcessor(size={"height": 64, "width": 64})
    network.save_pretrained(tmp_path / "net")
    processor.save_pretrained(tmp_path / "net")
    segmenter = load_segmenter(str(tmp_path / "net"))
    assert isinstance(segmenter, TransformersSegmenter)
    assert segmenter.description.startswith("net (transformers)")  # no path of this machine
    assert len(segmenter.sha256) == 64
    assert load_segmenter(str(tmp_path / "net")).sha256 == segmenter.sha256
    images = torch.rand(2, 3, 40, 56)
    found = segmenter.segment(images)
    photos = list((images * 255).round().byte().permute(0, 2, 3, 1).numpy())
    with torch.no_grad():
        logits = network(**processor(images=photos, return_tensors="pt")).logits
    said = torch.nn.functional.interpolate(logits, size=(40, 56), mode="bilinear").argmax(1)
    schema = segmenter.schema
    index = [schema.index_of(n) if n in schema.names else schema.void_index for n in names]
    assert index[2] == schema.void_index
    assert found.shape == (2, 40, 56)
    assert float((found == np.array(index)[said.numpy()]).mean()) > 0.99  # ties of two classes may fall either way
    (tmp_path / "net" / "model.safetensors").unlink()
    (tmp_path / "net" / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(UserError, match="net cannot be loaded"):  # a pickle is no file of weights
        load_segmenter(str(tmp_path / "net"))


def test_names_of_a_network_are_matched_with_a_preset() -> None:
    names = {"0": "Wall", "1": "building, edifice", "2": "sky;cloud", "10": "nonsense", "3": "swimming_pool"}
    schema, mapping = schema_of_names(names, "org/name")
    assert schema.name.startswith("ade20k")
    expected = [schema.index_of(n) for n in ("wall", "building", "sky", "swimming pool")]
    assert mapping.tolist() == [*expected, schema.void_index]
    full = load_schema("coco-stuff")
    assert schema_of_names(dict(enumerate(full.names)), "x")[1].tolist() == list(range(full.num_classes))
    with pytest.raises(UserError, match=r"org/name names classes of no preset schema \(left lung"):
        schema_of_names({0: "left lung", 1: "right lung"}, "org/name")


def test_the_integers_of_a_published_network_come_back(weights: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    integers = torch.randint(-126, 127, (8, 4, 1, 1))
    integers[0] = 127
    state = {"a.weight": (integers * 0.0123).half(), "b.weight": torch.randn(8, 4, 1, 1), "a.bias": torch.randn(8)}
    small = multiples(state)
    assert torch.equal(small["a.weight"], integers.to(torch.int8))
    assert small["a.scale"].item() == pytest.approx(0.0123, rel=1e-3)
    assert small["b.weight"].dtype == small["a.bias"].dtype == torch.float16
    own = load_file(weights)
    own["stem.weight"] = torch.randint(-126, 127, own["stem.weight"].shape).clamp_max(126) * 0.01
    own["stem.weight"][0, 0, 0, 0] = 1.27
    save_file(multiples(own), tmp_path / "small.safetensors")
    found = load_deeplab(tmp_path / "small.safetensors").get_parameter("stem.weight")
    torch.testing.assert_close(found.detach(), own["stem.weight"], rtol=1e-5, atol=1e-6)
    lost = {k: v for k, v in multiples(own).items() if k != "stem.scale"}
    save_file(lost, tmp_path / "lost.safetensors")
    with pytest.raises(UserError, match=r"lost\.safetensors does not hold .*stem\.scale is missing"):
        load_deeplab(tmp_path / "lost.safetensors")


@pytest.fixture(scope="module")
def published(shared: Path) -> Path:
    return shared / "weights" / "segmenter_ade20k_mnv2.safetensors"


@pytest.mark.shared
@torch.no_grad()
def test_logits_equal_the_reference_networks(shared: Path, reference: ModuleType, published: Path) -> None:
    theirs = reference.DeepLabMNV2().eval()
    theirs.load_state_dict({k: v.float() for k, v in load_file(published).items()})
    photo = read_photo(min((shared / "data" / "stanford_bg" / "images").iterdir()))
    x = torch.from_numpy(photo[:129, :161].copy()).permute(2, 0, 1)[None] / 127.5 - 1
    torch.testing.assert_close(load_deeplab(published)(x), theirs(x), rtol=1e-4, atol=1e-4)


@pytest.mark.shared
def test_the_shipped_weights_are_the_published_ones(shared: Path, published: Path) -> None:
    photos = sorted((shared / "data" / "stanford_bg" / "images").iterdir())[:2]
    for photo in map(read_photo, photos):
        image = torch.from_numpy(photo).permute(2, 0, 1)[None] / 255
        same = shipped_segmenter().segment(image) == load_segmenter(published).segment(image)
        assert same.mean() > 0.98


@pytest.mark.shared
def test_photographs_are_seen_as_labelled(shared: Path, published: Path) -> None:
    """SOURCE.md: 88.7 % of the pixels of 99 photographs labelled by hand with 8 classes; here 4 photographs, 6 classes."""
    segmenter = load_segmenter(published)
    common, truth = load_schema("outdoor"), load_schema("stanford-background")
    same = {"tree": "tree", "grass": "grass", "road": "road", "sky": "sky-other", "building": "building-other"}
    to_common = np.full(truth.num_classes + 1, common.void_index)
    for theirs, ours in same.items():
        to_common[truth.index_of(theirs)] = common.index_of(ours)
    said_to_common = segmenter.schema.mapping_to(common)
    correct = counted = 0
    for path in sorted((shared / "data" / "stanford_bg" / "images").iterdir())[:4]:
        photo = read_photo(path)
        label_map = read_label_map(shared / "data" / "stanford_bg" / "labels" / f"{path.stem}.png", truth)
        said = segmenter.segment(torch.from_numpy(photo).permute(2, 0, 1)[None] / 255)[0]
        found = agreement(said_to_common[said], to_common[label_map].astype(np.int16), common.void_index)
        correct, counted = correct + found[0], counted + found[1]
    assert correct / counted > 0.75
