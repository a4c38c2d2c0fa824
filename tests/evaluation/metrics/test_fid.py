"""FID: the distance of Gaussians, and the network against its reference."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file
from scipy.linalg import sqrtm

from sceneswap.errors import UserError
from sceneswap.evaluation.metrics.fid import Gaussian, frechet_distance, gaussian
from sceneswap.files import sha256
from sceneswap.models.pretrained.inception import INCEPTION_WEIGHTS, InceptionFeatures, load_inception, preprocess


def of(mean: np.ndarray | list[int], covariance: np.ndarray) -> Gaussian:
    return Gaussian(np.asarray(mean, float), np.asarray(covariance, float))


def test_closed_form_for_commuting_covariances() -> None:
    a = of([0, 0, 1], np.diag([1.0, 4.0, 9.0]))
    b = of([3, 4, 1], np.diag([4.0, 4.0, 1.0]))
    assert frechet_distance(a, b) == pytest.approx(25 + (1 - 2) ** 2 + 0 + (3 - 1) ** 2)
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))  # a rotation changes nothing
    rotated = [of(turn @ s.mean, turn @ s.covariance @ turn.T) for s in (a, b)]
    assert frechet_distance(*rotated) == pytest.approx(30)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**16))
def test_general_covariances_agree_with_the_matrix_square_root(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = gaussian(rng.normal(size=(60, 5)) @ rng.normal(size=(5, 5))), gaussian(rng.normal(size=(80, 5)) + 1)
    cross = sqrtm(a.covariance @ b.covariance).real
    expected = np.square(a.mean - b.mean).sum() + np.trace(a.covariance + b.covariance - 2 * cross)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("count", [2, 20, 200])  # fewer pictures than features too
def test_equal_statistics_are_at_distance_zero(count: int) -> None:
    rows = np.random.default_rng(0).normal(size=(count, 64)) * np.geomspace(1e-3, 10, 64)
    a = gaussian(rows)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    shifted = gaussian(rows + 0.5)
    assert frechet_distance(a, shifted) == pytest.approx(64 * 0.25, rel=1e-9)


def test_gaussian_of_features() -> None:
    rows = np.random.default_rng(0).normal(size=(30, 4)) + 100
    np.testing.assert_allclose(gaussian(rows).mean, rows.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(gaussian(rows).covariance, np.cov(rows.T), rtol=1e-9, atol=1e-9)


def test_one_picture_is_too_few() -> None:
    with pytest.raises(UserError, match="at least 2 pictures on each side, there are 1"):
        frechet_distance(gaussian(np.ones((1, 3))), gaussian(np.zeros((5, 3))))


@pytest.mark.parametrize("size", [(64, 48), (256, 256), (400, 310)])
def test_pictures_are_resized_as_pillow_does(size: tuple[int, int]) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    channels = [
        np.asarray(Image.fromarray(photo[..., c].astype(np.float32)).resize((299, 299), Image.Resampling.BICUBIC))
        for c in range(3)
    ]
    expected = (np.stack(channels).clip(0, 255) - 128) / 128
    found = preprocess(torch.from_numpy(photo).permute(2, 0, 1)[None] / 255)
    np.testing.assert_allclose(found[0].numpy(), expected, rtol=0, atol=1e-4)  # an eightieth of a grey level


def test_the_right_size_is_left_alone() -> None:
    image = torch.rand(1, 3, 299, 299)
    torch.testing.assert_close(preprocess(image), (image * 255 - 128) / 128)


@pytest.fixture(scope="module")
def random_network() -> InceptionFeatures:
    torch.manual_seed(0)
    return InceptionFeatures().eval()


def test_features_are_2048_per_picture(random_network: InceptionFeatures) -> None:
    assert random_network(torch.rand(2, 3, 40, 60)).shape == (2, 2048)
    assert not any(p.requires_grad for p in random_network.parameters())
    assert "clean-fid" in random_network.description


def test_weights_come_from_a_file_or_not_at_all(
    random_network: InceptionFeatures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "inception.safetensors"
    save_file({k: v.half() for k, v in random_network.state_dict().items()} | {"fc.bias": torch.zeros(3)}, path)
    monkeypatch.delenv(INCEPTION_WEIGHTS.variable, raising=False)
    with pytest.raises(UserError, match=f"FID's Inception is needed.* in {INCEPTION_WEIGHTS.variable}"):
        load_inception()
    monkeypatch.setenv(INCEPTION_WEIGHTS.variable, str(path))
    loaded = load_inception()
    assert loaded.sha256 == sha256(path)
    assert not loaded.training
    assert load_file(path).keys() - {"fc.bias"} == loaded.state_dict().keys()
    with pytest.raises(UserError, match=r"gone\.safetensors do not exist"):
        load_inception(tmp_path / "gone.safetensors")
    save_file({"Conv2d_1a_3x3.conv.weight": torch.zeros(32, 3, 3, 3)}, path)
    with pytest.raises(UserError, match="does not hold FID's Inception"):
        load_inception(path)


@pytest.mark.shared
@torch.no_grad()
def test_features_equal_the_reference_networks(shared: Path, reference: ModuleType) -> None:
    file = shared / "weights" / "inception_fid_2015-12-05.safetensors"
    theirs = reference.FIDInception().eval()
    theirs.load_state_dict({k: v.float() for k, v in load_file(file).items()}, strict=False)
    ours = load_inception(file)
    x = preprocess(torch.nn.functional.interpolate(torch.rand(1, 3, 8, 8), size=(64, 64), mode="bilinear"))
    expected = theirs(x)
    torch.testing.assert_close(ours.pool3(x), expected, rtol=1e-4, atol=1e-5)
    assert expected.std() > 0.05
