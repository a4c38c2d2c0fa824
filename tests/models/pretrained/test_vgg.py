"""VGG-19: taps, weight files, the download."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sceneswap.config import VGG_LAYERS
from sceneswap.errors import UserError
from sceneswap.models.int8 import rounded
from sceneswap.models.pretrained.vgg import (
    LAYERS,
    TAP_CHANNELS,
    TAPS,
    VGG19,
    VGG19_WEIGHTS,
    load_vgg19,
    normalise_imagenet,
    shipped_vgg19,
)
from sceneswap.models.pretrained.weights import Weights


@pytest.fixture(scope="module")
def network() -> VGG19:
    """Random weights, two taps."""
    torch.manual_seed(0)
    return VGG19(taps=2).eval()


@pytest.fixture
def weights(network: VGG19, tmp_path: Path) -> Path:
    path = tmp_path / "vgg.safetensors"
    save_file({**network.state_dict(), "features.34.bias": torch.zeros(512)}, path)  # later layers may be there
    return path


def image(n: int = 1, seed: int = 0, size: int = 32) -> torch.Tensor:
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_taps_follow_the_first_convolution_of_each_block() -> None:
    with torch.device("meta"):
        full = VGG19()
        places = {name: position for position, name in full.names.items()}
        assert [places[tap] for tap in TAPS] == [1, 6, 11, 20, 29]  # relu1_1 … relu5_1 in torchvision's numbering
        assert list(full.names.values()) == list(LAYERS) == list(VGG_LAYERS)
        assert len(full.features) == 30
        taps = full(torch.zeros(1, 3, 64, 96))
    assert [tuple(t.shape[1:]) for t in taps] == [(c, 64 // 2**i, 96 // 2**i) for i, c in enumerate(TAP_CHANNELS)]


def test_taps_are_the_activations_after_relu(network: VGG19) -> None:
    x = normalise_imagenet(image())
    first, second = network(image())
    torch.testing.assert_close(first, network.features[0](x).relu())
    torch.testing.assert_close(second, network.features[:7](x))
    assert first.min() >= 0


def test_any_activations_in_one_pass(network: VGG19) -> None:
    found = network.activations(image(), ("relu1_2", "relu1_1"))
    assert set(found) == {"relu1_1", "relu1_2"}
    torch.testing.assert_close(found["relu1_1"], network(image())[0])
    torch.testing.assert_close(found["relu1_2"], network.features[:4](normalise_imagenet(image())))


def test_the_shipped_weights_tell_textures_apart_and_replicate_padding_changes_only_the_rim() -> None:
    zeros, replicate = shipped_vgg19(), shipped_vgg19(padding="replicate")
    a, b = zeros(image(size=128))[-1], replicate(image(size=128))[-1]
    assert a.shape == (1, 512, 16, 16)
    assert not torch.allclose(a, b)
    torch.testing.assert_close(a[..., 7:9, 7:9], b[..., 7:9, 7:9])
    flat = replicate(torch.zeros(1, 3, 64, 64))[-1]
    torch.testing.assert_close(flat, flat[..., 3:4, 3:4].expand_as(flat))  # an even picture is even to its border


def test_normalisation_is_imagenets() -> None:
    white = normalise_imagenet(torch.ones(1, 3, 1, 1)).flatten()
    torch.testing.assert_close(white, torch.tensor([(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225]))
    middle = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1) * 2 - 1
    torch.testing.assert_close(normalise_imagenet(middle), torch.zeros(1, 3, 1, 1), atol=1e-6, rtol=0)


def test_weights_load_from_a_path_and_from_the_environment(
    weights: Path, network: VGG19, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_vgg19(weights, taps=2)
    assert torch.equal(loaded(image())[1], network(image())[1])
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    monkeypatch.setenv(VGG19_WEIGHTS.variable, str(weights))
    assert VGG19_WEIGHTS.path() == weights
    assert VGG19_WEIGHTS.path(Path("other")) == Path("other")


def test_the_cache_is_used_without_a_download(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VGG19_WEIGHTS.variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    cached = tmp_path / "cache/sceneswap/vgg19.safetensors"
    cached.parent.mkdir(parents=True)
    weights.rename(cached)
    assert VGG19_WEIGHTS.path() == cached


def test_wrong_files_are_named(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.safetensors do not exist"):
        load_vgg19(tmp_path / "nowhere.safetensors", taps=2)
    truncated = tmp_path / "truncated.safetensors"
    truncated.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"truncated\.safetensors cannot be read"):
        load_vgg19(truncated, taps=2)
    other = tmp_path / "other.safetensors"
    save_file({"conv1.weight": torch.zeros(1)}, other)
    with pytest.raises(UserError, match=r"other\.safetensors does not hold VGG-19: tensor features\.0\.weight"):
        load_vgg19(other, taps=2)
    with pytest.raises(UserError, match=r"vgg\.safetensors does not hold VGG-19: tensor features\.7\.weight"):
        load_vgg19(weights, taps=3)
    with pytest.raises(UserError, match="cannot be read"):
        load_vgg19(tmp_path, taps=2)


@pytest.fixture
def published(network: VGG19, tmp_path: Path) -> Path:
    """A PyTorch file named like torchvision's: the name ends in the first digits of its SHA-256."""
    path = tmp_path / "vgg19.pth"
    torch.save({**network.state_dict(), "classifier.0.weight": torch.zeros(2, 2)}, path)
    return path.rename(tmp_path / f"vgg19-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth")


def published_as(path: Path) -> Weights:
    """VGG-19's weights, published as the file `path`, whose name ends in the first digits of its SHA-256."""
    (source,) = VGG19_WEIGHTS.sources
    return replace(VGG19_WEIGHTS, sources=(replace(source, url=path.as_uri(), sha256=path.stem.rpartition("-")[2]),))


def test_download_keeps_the_convolutions_as_safetensors(published: Path, network: VGG19, tmp_path: Path) -> None:
    target = tmp_path / "cache" / "vgg19.safetensors"
    published_as(published).fetch(target)
    assert set(load_file(target)) == set(network.state_dict())
    assert torch.equal(load_vgg19(target, taps=2)(image())[0], network(image())[0])
    assert list(target.parent.iterdir()) == [target]


def test_a_damaged_download_is_refused_and_nothing_is_left(published: Path, tmp_path: Path) -> None:
    target = tmp_path / "cache" / "vgg19.safetensors"
    damaged = published.rename(tmp_path / "vgg19-00000000.pth")
    with pytest.raises(UserError, match="or damaged: its SHA-256 begins"):
        published_as(damaged).fetch(target)
    assert list(target.parent.iterdir()) == []


def test_a_failed_download_says_what_to_do(tmp_path: Path) -> None:
    target = tmp_path / "cache" / "vgg19.safetensors"
    with pytest.raises(UserError, match=f"could not be downloaded .* in {VGG19_WEIGHTS.variable}"):
        published_as(tmp_path / "nothing-00000000.pth").fetch(target)
    assert list(target.parent.iterdir()) == []


@pytest.mark.shared
def test_pretrained_vgg19_tells_photographs_from_noise(shared: Path) -> None:
    network = load_vgg19(shared / "weights" / "vgg19.safetensors")
    taps = network(image(size=64))
    assert [t.shape[1] for t in taps] == list(TAP_CHANNELS)
    flat = network(torch.zeros(1, 3, 64, 64))
    assert all(torch.isfinite(t).all() and t.std() > 0 for t in taps)
    assert taps[0].mean() > 2 * flat[0].mean()  # edges everywhere in noise, none in a flat picture


def test_a_weight_rounded_per_output_is_read_within_half_a_step(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = dict(VGG19(taps=2).state_dict())
    exact = state["features.5.weight"] * torch.linspace(0.1, 3, 128).view(-1, 1, 1, 1)
    state["features.5.weight"], state["features.5.scale"] = rounded(exact)
    save_file(state, tmp_path / "small.safetensors")
    found = load_vgg19(tmp_path / "small.safetensors", taps=2).get_parameter("features.5.weight")
    step = exact.abs().amax(dim=(1, 2, 3)) / 127
    assert torch.all((found - exact).abs().amax(dim=(1, 2, 3)) <= 0.501 * step)
