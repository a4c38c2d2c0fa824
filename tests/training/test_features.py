"""The recipe of the shipped model: VGG-19 as encoder, losses and discriminator on one pass of its activations."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sceneswap.checkpoint import newest_state, read_state
from sceneswap.config import DiscriminatorConfig, LossConfig, PhaseConfig, TrainConfig, load_train_config
from sceneswap.errors import UserError
from sceneswap.labels.presets import load_schema
from sceneswap.training.loop import train
from sceneswap.training.setup import make_accelerator, make_networks
from sceneswap.training.state import Progress, RunState, replanned
from sceneswap.training.step import shifted


def recipe(tasks: tuple[str, ...] = ("patch", "swap", "whole"), checkpoint_every: int = 3) -> TrainConfig:
    """The shipped model's recipe on a narrow network, three steps a phase."""
    settings, tiny = load_train_config("outdoor-small"), load_train_config("tiny")
    model = replace(
        tiny.model, encoder="vgg19", encoder_taps=2, unit_taps=True, raw_color=True, encoder_padding="replicate",
        upsampling="bilinear", label_head=4, extra_blocks=(0, 1, 0),
    )  # fmt: skip
    loss = replace(
        settings.loss,
        perceptual_layers=("relu1_1", "relu2_1"),
        perceptual_weights=(1.0, 1.0),
        style_layers=("relu1_2",),
    )
    phases = (
        PhaseConfig(name="head", objective="label-head", task="global", image_size=64, batch_size=2, steps=2),
        PhaseConfig(name="pretrain", objective="features", task="patch", image_size=64, batch_size=2, steps=2),
        *(
            PhaseConfig(name=task, objective="image", task=task, image_size=64, batch_size=2, steps=3)  # type: ignore[arg-type]
            for task in tasks
        ),
    )
    discriminator = DiscriminatorConfig(kind="features", width=8, taps=("relu1_1", "relu2_1"), patch_width=4)
    return replace(
        settings, model=model, loss=loss, phases=phases, discriminator=discriminator, precision="fp32",
        sample_every=100, checkpoint_every=checkpoint_every,
    )  # fmt: skip


def test_one_vgg_serves_encoder_average_losses_and_pretraining() -> None:
    settings = recipe()
    networks = make_networks(settings, load_schema("outdoor"), make_accelerator(settings, "cpu"), None, None)
    vgg = networks.generator.image_encoder.vgg
    assert networks.average.image_encoder.vgg is vgg
    assert networks.frozen.vgg is vgg
    assert networks.target_network is networks.generator.image_encoder
    assert not any(p.requires_grad for p in vgg.parameters())


@pytest.mark.parametrize("model", ["msca", "gap", "spade-vae"])
def test_every_phase_trains_and_no_state_holds_vgg(model: str, data: Path, tmp_path: Path) -> None:
    settings = recipe().with_model(model)  # type: ignore[arg-type]
    last = train(settings, [data], tmp_path, device="cpu")
    tensors, meta = read_state(last)
    assert meta["progress"]["step"] == 13
    assert not any("vgg" in name for name in tensors)
    assert any(name.startswith("discriminator/patch.") for name in tensors)


def test_a_resumed_run_equals_an_unbroken_one(data: Path, tmp_path: Path) -> None:
    settings = recipe(checkpoint_every=1)
    train(replace(settings, phases=settings.phases[:3]), [data], tmp_path / "a", device="cpu")
    newest = newest_state(tmp_path / "a")
    assert newest is not None
    train(settings, [data], tmp_path / "a", resume=True, replan=settings, device="cpu")
    train(settings, [data], tmp_path / "b", device="cpu")
    a, b = (read_state(newest_state(tmp_path / run) or newest)[0] for run in "ab")
    assert [name for name in b if not torch.equal(a[name], b[name])] == []


def test_a_plan_can_change_while_the_run_goes_on(data: Path, tmp_path: Path) -> None:
    first = recipe(("patch",))
    train(first, [data], tmp_path, device="cpu")
    longer = replace(first.phases[-1], steps=5)
    inserted = replace(first.phases[-1], name="before", steps=1)
    second = replace(first, phases=(*first.phases[:-1], inserted, longer), loss=replace(first.loss, style=9.0))
    train(second, [data], tmp_path, resume=True, replan=second, device="cpu")
    _, meta = read_state(newest_state(tmp_path) or tmp_path)
    assert meta["progress"]["step"] == 9  # the phase in hand goes on to its new end; what lies before it is past
    assert meta["config"]["loss"]["style"] == 9.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: replace(s, model=replace(s.model, label_head=8)), "another model"),
        (lambda s: replace(s, seed=5), "another seed"),
        (lambda s: replace(s, phases=s.phases[:2]), "reached the phase patch, which the new plan lacks"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(change: Callable[[TrainConfig], TrainConfig], message: str) -> None:
    settings = recipe(("patch",))
    state = RunState("", 1, {}, settings, {}, Progress(phase=2, phase_step=1), 6, 1)
    with pytest.raises(UserError, match=message):
        replanned(state, change(settings), "state")


def test_feature_matching_needs_a_patch_discriminator() -> None:
    settings = recipe()
    with pytest.raises(ValueError, match="feature_matching needs"):
        replace(settings, loss=LossConfig(feature_matching=1.0))


def test_shifted_pictures_go_on_beyond_their_border() -> None:
    x = torch.arange(12.0).reshape(1, 1, 3, 4)
    assert torch.equal(shifted(x, (0, 0)), x)
    assert shifted(x, (1, -2))[0, 0].tolist() == [[4, 4, 4, 5], [8, 8, 8, 9], [8, 8, 8, 9]]
