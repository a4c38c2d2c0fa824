"""What is kept comes back: releases, warm starts, training states; damage is noticed and named."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sceneswap import checkpoint
from sceneswap.checkpoint import CONFIG, WEIGHTS, Release, folded_copy, load_release, save_release
from sceneswap.config import ModelConfig, load_train_config
from sceneswap.errors import UserError
from sceneswap.files import sha256
from sceneswap.labels.presets import load_schema
from sceneswap.models.build import Network, build_generator
from sceneswap.models.pretrained.vgg import VGG19

SCHEMA = load_schema("outdoor")


def scenes() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    blocks = torch.randint(0, SCHEMA.num_classes + 1, (2, 8, 8), generator=generator)
    return torch.rand(2, 3, 32, 32, generator=generator) * 2 - 1, blocks.repeat_interleave(4, 1).repeat_interleave(4, 2)


@torch.no_grad()
def draw(network: Network) -> Tensor:
    image, label_map = scenes()
    return network.draw(label_map, network.encode_exemplar(image, label_map))  # type: ignore[arg-type]


def model_of(kind: str) -> ModelConfig:
    return load_train_config("tiny").with_model(kind).model  # type: ignore[arg-type]


def trained(model: ModelConfig, seed: int = 0, vgg19: Path | None = None) -> Network:
    """A network after a few forwards in training mode, where spectral norm learns its norms."""
    torch.manual_seed(seed)
    network = build_generator(model, SCHEMA.num_classes, vgg19)
    image, label_map = scenes()
    with torch.no_grad():
        for _ in range(50):
            network(label_map, image, label_map)
    return network.eval()


@pytest.fixture(params=["msca", "gap", "spade-vae"])
def model(request: pytest.FixtureRequest) -> ModelConfig:
    return model_of(request.param)


@pytest.fixture
def release() -> Release:
    return Release(folded_copy(trained(model_of("msca"))), model_of("msca"), SCHEMA, {"steps": 12, "data": ["a"]})


# --- Releases ---------------------------------------------------------------------------------------------------------


def test_a_release_comes_back_exactly(model: ModelConfig, tmp_path: Path) -> None:
    network = trained(model)
    save_release(tmp_path / "model", Release(folded_copy(network), model, SCHEMA, {"steps": 12}))
    loaded = load_release(tmp_path / "model")
    assert (loaded.model, loaded.schema, loaded.record) == (model, SCHEMA, {"steps": 12})
    assert not loaded.network.training
    assert not any(p.requires_grad for p in loaded.network.parameters())
    assert torch.equal(draw(loaded.network), draw(network))


def test_half_weights_are_half_the_size_and_close(release: Release, tmp_path: Path) -> None:
    save_release(tmp_path / "full", release)
    save_release(tmp_path / "half", release, half=True)
    assert {t.dtype for t in load_file(tmp_path / "half" / WEIGHTS).values()} == {torch.float16}
    loaded = load_release(tmp_path / "half").network
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    torch.testing.assert_close(draw(loaded), draw(release.network), rtol=0, atol=0.02)
    assert not torch.equal(draw(loaded), draw(release.network))


def test_weights_in_8_bits_are_close_and_a_lost_scale_is_named(release: Release, tmp_path: Path) -> None:
    save_release(tmp_path, release, int8=True)
    stored = load_file(tmp_path / WEIGHTS)
    assert {t.dtype for t in stored.values()} == {torch.int8, torch.float16, torch.float32}
    loaded = load_release(tmp_path).network
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    torch.testing.assert_close(draw(loaded), draw(release.network), rtol=0, atol=0.1)
    lost = next(name for name in stored if name.endswith(".scale") and name.replace("scale", "weight") in stored)
    save_file({k: v for k, v in stored.items() if k != lost}, tmp_path / WEIGHTS)
    values = json.loads((tmp_path / CONFIG).read_text()) | {"weights_sha256": sha256(tmp_path / WEIGHTS)}
    (tmp_path / CONFIG).write_text(json.dumps(values))
    with pytest.raises(UserError, match=f"{re.escape(lost)} is missing"):
        load_release(tmp_path)


def test_tied_encoders_are_stored_once(tmp_path: Path) -> None:
    model = replace(model_of("msca"), tie_label_encoders=True)
    network = trained(model)
    save_release(tmp_path, Release(folded_copy(network), model, SCHEMA, {}))
    assert not any(name.startswith("exemplar_encoder") for name in load_file(tmp_path / WEIGHTS))
    assert torch.equal(draw(load_release(tmp_path).network), draw(network))


def test_vgg19_is_in_no_release(tmp_path: Path) -> None:
    torch.manual_seed(0)
    weights = tmp_path / "vgg19.safetensors"
    save_file(VGG19(taps=3).state_dict(), weights)
    model = replace(model_of("msca"), encoder="vgg19")
    network = trained(model, vgg19=weights)
    save_release(tmp_path / "model", Release(folded_copy(network), model, SCHEMA, {}))
    assert not any("image_encoder" in name for name in load_file(tmp_path / "model" / WEIGHTS))
    assert torch.equal(draw(load_release(tmp_path / "model", weights).network), draw(network))


def test_a_release_says_what_it_is(release: Release, tmp_path: Path) -> None:
    save_release(tmp_path, release)
    values = json.loads((tmp_path / CONFIG).read_text())
    assert values["class_names"] == list(SCHEMA.names)
    assert values["model"]["kind"] == "msca"
    assert {path.name for path in tmp_path.iterdir()} == {WEIGHTS, CONFIG}


def test_damaged_releases_are_named(release: Release, tmp_path: Path) -> None:
    save_release(tmp_path, release)
    weights, config = (tmp_path / WEIGHTS).read_bytes(), json.loads((tmp_path / CONFIG).read_text())

    def fails(message: str) -> None:
        with pytest.raises(UserError, match=message) as error:
            load_release(tmp_path)
        assert str(tmp_path) in str(error.value)

    (tmp_path / WEIGHTS).write_bytes(weights[:-8])
    fails("is damaged, truncated or of another model")
    (tmp_path / WEIGHTS).unlink()
    fails(f"{WEIGHTS} is missing")
    (tmp_path / WEIGHTS).write_bytes(weights)
    for change, message in [
        ({"format": "other"}, "is not the configuration of a released sceneswap model"),
        (
            {"model": config["model"] | {"widths": [4, 6, 9]}},
            "does not fit this model: .* is missing or of another shape",
        ),
        ({"model": config["model"] | {"colour": 1}}, "unknown setting 'colour'"),
        ({"schema": {"name": "x"}}, "schema"),
    ]:
        (tmp_path / CONFIG).write_text(json.dumps(config | change))
        fails(message)
    (tmp_path / CONFIG).write_text("{")
    fails("cannot be read")
    (tmp_path / CONFIG).unlink()
    fails("config.json is missing")


def test_a_state_with_foreign_tensors_is_refused() -> None:
    network = nn.Linear(2, 2)
    with pytest.raises(UserError, match=r"here does not fit this model: more is not a part of it"):
        checkpoint.load_learned(network, network.state_dict() | {"more": torch.zeros(1)}, "here")


# --- Warm starts ------------------------------------------------------------------------------------------------------


def test_a_warm_start_is_the_same_function(model: ModelConfig) -> None:
    source = trained(model)
    fresh = build_generator(model, SCHEMA.num_classes).eval()
    assert (draw(fresh) - draw(source)).abs().max() > 0.05
    checkpoint.load_folded(fresh, checkpoint.learned_state(folded_copy(source)), "release")
    torch.testing.assert_close(draw(fresh), draw(source), rtol=0, atol=0.01)  # as near as power iteration comes


# --- Training states --------------------------------------------------------------------------------------------------


def trainee(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
    return network, torch.optim.Adam(network.parameters(), lr=0.1, betas=(0.5, 0.9))


def learn(network: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
    for _ in range(steps):
        network(torch.ones(2, 3)).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()


def test_a_training_state_continues_exactly(tmp_path: Path) -> None:
    network, optimizer = trainee(0)
    learn(network, optimizer, 3)
    path = checkpoint.write_state(
        tmp_path, 3, networks={"net": network}, optimizers={"opt": optimizer}, meta={"phase": "p"}, keep=2
    )
    tensors, meta = checkpoint.read_state(path)
    assert (meta["phase"], meta["step"]) == ("p", 3)
    other, other_optimizer = trainee(1)
    checkpoint.restore_state(tensors, networks={"net": other}, optimizers={"opt": other_optimizer}, source=str(path))
    learn(network, optimizer, 3)
    learn(other, other_optimizer, 3)
    for a, b in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_old_states_are_deleted_newest_is_found(tmp_path: Path) -> None:
    assert checkpoint.newest_state(tmp_path) is None
    network, optimizer = trainee(0)
    for step in (5, 10, 15):
        checkpoint.write_state(
            tmp_path, step, networks={"net": network}, optimizers={"opt": optimizer}, meta={}, keep=2
        )
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == [
        "state-00000010.safetensors", "state-00000015.safetensors",
    ]  # fmt: skip
    assert checkpoint.newest_state(tmp_path) == checkpoint.state_path(tmp_path, 15)


def test_what_a_killed_write_left_is_deleted_by_the_next(tmp_path: Path) -> None:
    killed = (
        "import os, pathlib, sys; from sceneswap.files import atomic_path\n"
        "with atomic_path(pathlib.Path(sys.argv[1])) as path: path.write_bytes(b'half'); os._exit(9)"
    )
    path = checkpoint.state_path(tmp_path, 5)
    assert subprocess.run([sys.executable, "-c", killed, str(path)], check=False).returncode == 9
    assert len(list(path.parent.iterdir())) == 1
    network, optimizer = trainee(0)
    checkpoint.write_state(tmp_path, 5, networks={"net": network}, optimizers={"opt": optimizer}, meta={}, keep=2)
    assert list(path.parent.iterdir()) == [path]


def test_damaged_states_are_named(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    with pytest.raises(UserError, match=r"state\.safetensors does not exist"):
        checkpoint.read_state(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(UserError, match=r"state\.safetensors cannot be read as a training state"):
        checkpoint.read_state(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(UserError, match="is not a training state"):
        checkpoint.read_state(path)


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(UserError, match=r"cannot write .*big\.safetensors"):
            checkpoint.write_tensors(tmp_path / "big.safetensors", {"a": torch.zeros(10_000)}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []
