"""Settings: presets, round trips, and one sentence for everything that is wrong."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sceneswap.config import (
    PRESETS,
    DiscriminatorConfig,
    LossConfig,
    ModelConfig,
    PhaseConfig,
    TrainConfig,
    from_dict,
    load_train_config,
    to_dict,
)
from sceneswap.errors import UserError

PHASE = {"name": "p", "objective": "image", "task": "patch", "image_size": 64, "batch_size": 1, "steps": 1}


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_parses_and_survives_json(preset: str) -> None:
    settings = load_train_config(preset)
    paper = [
        p for p in settings.phases if p.objective not in ("labels", "label-head") and p.task not in ("swap", "whole")
    ]
    assert paper[0].objective == "features"
    assert all(p.objective == "image" for p in paper[1:])
    assert list(dict.fromkeys(p.task for p in paper)) in (["patch", "global"], ["patch"])
    assert from_dict(TrainConfig, json.loads(json.dumps(to_dict(settings))), "json") == settings


def test_the_paper_preset_says_what_the_paper_says() -> None:
    settings = load_train_config("paper")
    assert settings.model.encoder == "vgg19"
    assert settings.pretrain_targets == ("vgg19",)
    assert [(p.name, p.epochs, p.image_size) for p in settings.phases] == [
        ("pretrain", 20, 512), ("patch", 20, 512), ("global", 20, 512),
    ]  # fmt: skip


@pytest.mark.parametrize("preset", PRESETS)
def test_the_baseline_trains_images_in_every_phase(preset: str) -> None:
    settings = load_train_config(preset).with_model("spade-vae")
    assert settings.model.kind == "spade-vae"
    assert {p.objective for p in settings.phases} - {"labels", "label-head"} == {"image"}
    gap = load_train_config(preset).with_model("gap")
    assert gap == replace(load_train_config(preset), model=gap.model)


def test_a_file_is_read_and_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        '[model]\nkind = "gap"\n[[phases]]\nname = "p"\nobjective = "image"\ntask = "patch"\n'
        "image_size = 64\nbatch_size = 2\nepochs = 1\n"
    )
    settings = load_train_config(str(path))
    assert settings.model == ModelConfig(kind="gap")
    assert settings.phases[0].epochs == 1.0
    assert isinstance(settings.phases[0].epochs, float)
    path.write_text("[model\n")
    with pytest.raises(UserError, match=r"mine\.toml is not valid TOML"):
        load_train_config(str(path))
    path.write_bytes(b"\xff\xfb")
    with pytest.raises(UserError, match=r"mine\.toml cannot be read"):
        load_train_config(str(path))
    with pytest.raises(UserError, match=r"none\.toml does not exist"):
        load_train_config(str(tmp_path / "none.toml"))
    with pytest.raises(UserError, match="papr is no preset"):
        load_train_config("papr")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ema": 0.5}, "unknown setting 'ema'; the known ones are"),
        ({"model": {"width": [1]}}, "model: unknown setting 'width'"),
        ({"model": {"kind": "gan"}}, "kind must be one of msca, gap, spade-vae, not 'gan'"),
        ({"model": 3}, "a table of settings is needed, not 3"),
        ({"model": {"middle_blocks": 1.5}}, "middle_blocks must be a whole number, not 1.5"),
        ({"model": {"middle_blocks": True}}, "middle_blocks must be a whole number, not True"),
        ({"model": {"tie_label_encoders": 1}}, "tie_label_encoders must be true or false"),
        ({"model": {"widths": 16}}, "widths must be a list"),
        ({"model": {"widths": [16, "32"]}}, r"widths\[1\] must be a whole number"),
        ({"betas": [0.0]}, "betas must be a list of the right length"),
        ({"ema_decay": "0.9"}, "ema_decay must be a number"),
        ({"ema_decay": True}, "ema_decay must be a number"),
        (
            {"phases": [{**PHASE, "objective": "both"}]},
            r"phases\[0\]: objective must be one of labels, label-head",
        ),
        ({"phases": [{"name": "p"}]}, r"phases\[0\]: the setting objective is missing"),
        ({"phases": "patch"}, "phases must be a list"),
        ({"schema": 5}, "schema must be a text"),
    ],
)
def test_unknown_keys_and_wrong_types(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=f"^here: .*{message}") as error:
        from_dict(TrainConfig, {"phases": [PHASE]} | change, "here")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("cls", "values", "message"),
    [
        (ModelConfig, {"widths": [4, 8]}, "all the same length"),
        (ModelConfig, {"widths": [4, 8, 8, 8, 0]}, "widths must be from 1 to 8,192, not 0"),
        (ModelConfig, {"feature_channels": [4, 8, 8, -8, 8]}, "feature_channels must be from 1"),
        (ModelConfig, {"spade_hidden": [4, 8, 8, 8, -1]}, "spade_hidden must be from 0 to 8,192, not -1"),
        (ModelConfig, {"middle_blocks": 10**7}, "middle_blocks must be from 0 to 64, not 10,000,000"),
        (ModelConfig, {"latent": 0}, "latent must be from 1"),
        (ModelConfig, {"logit_scale": float("nan")}, "logit_scale"),
        (ModelConfig, {"noise_channels": -1}, "noise_channels must be from 0"),
        (ModelConfig, {"encoder_taps": 6}, "encoder_taps must be from 1 to 5"),
        (ModelConfig, {"unit_taps": True}, "unit_taps needs encoder_taps of 4 or fewer"),
        (ModelConfig, {"extra_blocks": [1]}, "extra_blocks needs a number of 0 or more per scale"),
        (DiscriminatorConfig, {"taps": ["relu9_1"]}, "VGG-19 has no layer relu9_1"),
        (DiscriminatorConfig, {"patch_width": -1}, "patch_width must be from 0"),
        (DiscriminatorConfig, {"layers": 0}, "layers must be from 1 to 8"),
        (LossConfig, {"pixel": -1}, "pixel must be from 0"),
        (LossConfig, {"perceptual_weights": []}, "the same number of entries"),
        (LossConfig, {"perceptual_layers": ["conv1"], "perceptual_weights": [1.0]}, "VGG-19 has no layer conv1"),
        (LossConfig, {"adversarial": 0, "feature_matching": 0, "perceptual": 0}, "at least one term"),
        (LossConfig, {"style_layers": []}, "style_layers must name at least one layer"),
        (PhaseConfig, PHASE | {"task": "whole", "batch_size": 1}, "a batch_size of 2 or more"),
        (PhaseConfig, PHASE | {"task": "swap", "batch_size": 1}, "a batch_size of 2 or more"),
        (PhaseConfig, PHASE | {"epochs": 1}, "phase p: give either steps or epochs"),
        (PhaseConfig, PHASE | {"steps": 0}, "give either steps or epochs"),
        (PhaseConfig, PHASE | {"steps": -1, "epochs": 1}, "steps must be from 0"),
        (PhaseConfig, PHASE | {"image_size": 100}, "multiple of 32"),
        (PhaseConfig, PHASE | {"image_size": 0}, "image_size must be from 32 to 4,096"),
        (PhaseConfig, PHASE | {"batch_size": 0}, "batch_size must be from 1"),
        (PhaseConfig, PHASE | {"decay_from": 1.5}, "decay_from must be from 0 to 1"),
        (PhaseConfig, PHASE | {"learning_rate": float("inf")}, "learning_rate must be from"),
        (TrainConfig, {"phases": []}, "at least one phase"),
        (TrainConfig, {"phases": [PHASE, PHASE]}, "different names"),
        (TrainConfig, {"phases": [PHASE], "ema_decay": 1}, "ema_decay"),
        (TrainConfig, {"phases": [PHASE], "betas": [0.0, 1.0]}, "betas"),
        (TrainConfig, {"phases": [PHASE], "accumulation": 0}, "accumulation"),
        (TrainConfig, {"phases": [PHASE], "jitter_gain": 1.0}, "jitter_gain"),
        (TrainConfig, {"phases": [PHASE], "seed": -1}, "seed"),
        (TrainConfig, {"phases": [PHASE], "seed": 2**40}, "seed"),
        (TrainConfig, {"phases": [PHASE], "pretrain_targets": []}, "at least one target"),
        (TrainConfig, {"phases": [PHASE | {"objective": "labels"}]}, "needs a model with label_head"),
        (TrainConfig, {"phases": [PHASE], "loss": {"layout": 1.0}}, "need a model with label_head"),
        (
            TrainConfig,
            {"phases": [PHASE | {"objective": "features"}], "model": {"kind": "spade-vae"}},
            "spade-vae has no attention to pretrain",
        ),
    ],
)
def test_impossible_values(cls: type, values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=f"^here: .*{message}") as error:
        from_dict(cls, values, "here")
    assert "\n" not in str(error.value)


def test_former_names_are_still_read() -> None:
    before = from_dict(
        TrainConfig, {"phases": [PHASE], "model": {"raw_colour": True}, "pretrain_targets": ["colour"]}, "here"
    )
    after = from_dict(
        TrainConfig, {"phases": [PHASE], "model": {"raw_color": True}, "pretrain_targets": ["color"]}, "here"
    )
    assert before == after
    assert after.model.raw_color


def test_patches_must_fit_the_coarsest_scale() -> None:
    six = [4] * 6
    model = dict.fromkeys(("compact_channels", "feature_channels", "label_channels", "attention_maps", "widths"), six)
    values = {"phases": [PHASE | {"image_size": 96}], "pretrain_targets": ["color"]}
    with pytest.raises(UserError, match="half of image_size must be a multiple of 32"):
        from_dict(TrainConfig, values | {"model": model | {"spade_hidden": six}}, "here")
    with pytest.raises(UserError, match="VGG-19 has five taps"):
        from_dict(ModelConfig, model | {"spade_hidden": six, "encoder": "vgg19"}, "here")


TWO = {
    f"{name}s": [4, 4] for name in ("compact_channel", "feature_channel", "label_channel", "attention_map", "width")
} | {"spade_hidden": [4, 4]}
FIVE = {"model": {"widths": [4] * 5}, "pretrain_targets": ["colour"]}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"phases": [PHASE | {"image_size": 32}]}, "image_size must be at least 64"),
        ({"phases": [PHASE | {"image_size": 32, "objective": "features"}]}, "a single position at the coarsest scale"),
        ({"phases": [PHASE], "discriminator": {"scales": 6}}, "patches of 32 pixels are too small for the discriminator"),
        (
            {"phases": [PHASE | {"image_size": 32}], "loss": {"feature_matching": 0}, "model": TWO,
             "discriminator": {"kind": "features", "taps": ["relu5_1"]}},
            "which needs 32; give it fewer scales or taps",
        ),
    ],
)  # fmt: skip
def test_sizes_at_which_nothing_is_left_to_normalise(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        from_dict(TrainConfig, FIVE | values, "here")
    from_dict(TrainConfig, FIVE | {"phases": [PHASE]}, "here")
    whole = PHASE | {"image_size": 32, "task": "whole", "batch_size": 2}
    from_dict(TrainConfig, FIVE | {"phases": [whole]}, "here")
