"""Training with the settings by which the preset `paper` takes the paper's or SPADE's word."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sceneswap.checkpoint import load_release, read_state
from sceneswap.cli.main import run
from sceneswap.config import TrainConfig, load_train_config
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.training.export import export_run
from sceneswap.training.loop import train
from tests.tiny import LITERAL

Short = Callable[..., TrainConfig]


def literal(short: Short, model: str = "msca", steps: tuple[int, int, int] = (1, 1, 1), **changes: Any) -> TrainConfig:
    """The tiny preset with every literal setting of `paper`."""
    paper, settings = load_train_config("paper"), short(steps=steps)
    network = replace(settings.model, **LITERAL, vae=paper.model.vae)
    loss = replace(settings.loss, spade_sums=paper.loss.spade_sums, self_weight=paper.loss.self_weight)
    weights = paper.pretrain_weights[: network.scales]
    settings = replace(
        settings, model=network, loss=loss, geometry=paper.geometry, keep_adam=paper.keep_adam, pretrain_weights=weights,
        discriminator=replace(settings.discriminator, initialisation="xavier"), **changes,
    )  # fmt: skip
    return settings.with_model(model)  # type: ignore[arg-type]


@pytest.mark.parametrize("model", ["msca", "gap", "spade-vae"])
def test_a_literal_run_goes_through_and_is_exported(model: str, short: Short, data: Path, tmp_path: Path) -> None:
    settings = literal(short, model)
    assert [p.name for p in settings.phases] == [*(["pretrain"] if model != "spade-vae" else []), "patch", "global"]
    train(settings, [data], tmp_path / "run", device="cpu")
    export_run(tmp_path / "run", tmp_path / "model")
    assert load_release(tmp_path / "model").model == settings.model
    synthesizer = Synthesizer.from_pretrained(tmp_path / "model", device="cpu")
    assert synthesizer.working_shape((40, 100)) == (32, 32)  # the geometry of its training
    assert synthesizer.working_shape((40, 100), size=64) == (64, 64)


def adam_steps(state: Path) -> set[int]:
    tensors, _ = read_state(state)
    return {int(t) for name, t in tensors.items() if name.startswith("optimizer_") and name.endswith("/step")}


def test_adam_lives_on_between_image_phases_also_across_a_resumption(short: Short, data: Path, tmp_path: Path) -> None:
    settings = short("msca", (2, 3, 4), keep_adam=True)
    whole = train(settings, [data], tmp_path / "whole", device="cpu")
    assert adam_steps(whole) == {3 + 4}
    fresh = train(replace(settings, keep_adam=False), [data], tmp_path / "fresh", device="cpu")
    assert adam_steps(fresh) == {4}
    first = replace(settings, phases=settings.phases[:2])
    train(first, [data], tmp_path / "resumed", device="cpu")
    last = train(settings, [data], tmp_path / "resumed", device="cpu", resume=True, replan=settings)
    resumed, unbroken = read_state(last)[0], read_state(whole)[0]
    assert all(t.equal(resumed[name]) for name, t in unbroken.items())


def test_cross_and_self_reconstruction_weigh_what_is_said(short: Short, data: Path, tmp_path: Path) -> None:
    def pixel(weight: float) -> float:
        settings = short("msca", (0, 0, 1))
        settings = replace(settings, loss=replace(settings.loss, self_weight=weight))
        out = tmp_path / str(weight)
        train(settings, [data], out, device="cpu")
        (line,) = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines() if "terms" in line]
        return float(line["terms"]["pixel"])

    cross, own = pixel(0.0), pixel(1e9)
    assert abs(cross - own) > 1e-4
    assert pixel(1.0) == pytest.approx((cross + own) / 2, rel=1e-3)
    assert pixel(0.5) == pytest.approx((2 * cross + own) / 3, rel=1e-3)  # every entry alike


def test_the_baseline_of_the_paper_has_forty_image_epochs() -> None:
    settings = load_train_config("paper").with_model("spade-vae")
    assert [(p.objective, p.epochs) for p in settings.phases] == [("image", 20), ("image", 20)]
    assert settings.model.normalisation == "sync-batch"
    swaps = replace(settings.phases[0], task="swap")
    with pytest.raises(ValueError, match="draws no swaps"):
        replace(settings, phases=(swaps,))
    with pytest.raises(ValueError, match="no label head"):
        replace(settings.model, label_head=8)


def test_wrong_numbers_are_refused(short: Short) -> None:
    with pytest.raises(ValueError, match="pretrain_weights needs a number of 0 or more per scale"):
        replace(short(), pretrain_weights=(1.0,))
    with pytest.raises(ValueError, match="self_weight must be from 0"):
        replace(short().loss, self_weight=-1.0)


def test_the_schema_can_be_given(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "--preset", "tiny", "--data", str(data), "--out", str(tmp_path / "run"), "--dry-run"]
    assert run([*command, "--schema", "coco-stuff"]) == 0
    assert "182 classes of coco-stuff" in capsys.readouterr().out
    assert run([*command, "--schema", "coco"]) == 2
    assert "there is no label schema 'coco'" in capsys.readouterr().err
