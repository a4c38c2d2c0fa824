"""The training loop in one process: all phases, its refusals, warm starts, accumulation, precision."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from sceneswap.checkpoint import Release, folded_copy, newest_state, read_state, save_release
from sceneswap.cli.main import run
from sceneswap.config import TrainConfig, from_dict, load_train_config
from sceneswap.errors import UserError
from sceneswap.labels.io import read_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.models.build import build_generator
from sceneswap.models.pretrained.vgg import VGG19
from sceneswap.scene import Scene
from sceneswap.training.loop import plan, train
from tests.tiny import random_scene, write_scene

Short = Callable[..., TrainConfig]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def generator_of(state: Path) -> dict[str, Tensor]:
    """The generator's weights in a training state, spectral norm's vectors and what normalisation cancels left out."""
    tensors, _ = read_state(state)
    cancels = ("_u", "_v", "convolution_0.bias", "convolution_1.bias", "start.bias", "psi.bias")
    return {n: t for n, t in tensors.items() if n.startswith("generator/") and not n.endswith(cancels)}


def distance(a: dict[str, Tensor], b: dict[str, Tensor]) -> float:
    """Root of the summed squared differences."""
    return float(torch.stack([(a[n] - b[n]).square().sum() for n in b]).sum().sqrt())


def release_of(settings: TrainConfig, schema: str = "outdoor") -> Release:
    torch.manual_seed(5)
    network = build_generator(settings.model, load_schema(schema).num_classes)
    return Release(folded_copy(network), settings.model, load_schema(schema), {})


@pytest.mark.parametrize("model", ["msca", "gap", "spade-vae"])
def test_all_phases_leave_a_complete_run(model: str, short: Short, data: Path, tmp_path: Path) -> None:
    settings = short(model, (2, 2, 2), sample_every=1)
    last = train(settings, [data], tmp_path, device="cpu")
    assert last == newest_state(tmp_path)
    tensors, meta = read_state(last)
    assert {n.split("/")[0] for n in tensors} == {
        "generator", "average", "discriminator", "decoder", "optimizer_g", "optimizer_d",
    }  # fmt: skip
    assert all(torch.isfinite(t).all() for t in tensors.values())
    assert from_dict(TrainConfig, meta["config"], "meta") == settings
    assert meta["class_names"] == list(load_schema("outdoor").names)
    assert (meta["progress"]["phase"], meta["progress"]["step"]) == (2, 6)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    terms = [(line["phase"], set(line["terms"])) for line in lines if "terms" in line]
    image = {"adversarial", "feature_matching", "pixel", "real", "fake"} | ({"kl"} if model == "spade-vae" else set())
    pretrain = image if model == "spade-vae" else {"features"}
    assert terms == [("pretrain", pretrain)] * 2 + [("patch", image)] * 2 + [("global", image)] * 2
    assert [line["step"] for line in lines if "alarms" in line] == ([1, 2] if model == "spade-vae" else []) + [
        3,
        4,
        5,
        6,
    ]
    kept = json.loads((tmp_path / "config.json").read_text())
    assert kept == {"format": "sceneswap-run-1", **json.loads(json.dumps(meta["config"]))}
    assert (tmp_path / "samples" / "00000006.png").is_file()


@pytest.mark.parametrize("model", ["msca", "gap", "spade-vae"])
def test_label_head_and_swaps_train_in_their_phases(model: str, short: Short, data: Path, tmp_path: Path) -> None:
    settings = short(model, (0, 1, 0), sample_every=1)
    vgg19 = tmp_path / "vgg19.safetensors"
    save_file(VGG19(taps=2).state_dict(), vgg19)
    row = replace(settings.phases[0], steps=2)
    settings = replace(
        settings,
        model=replace(settings.model, label_head=4, noise_channels=1, raw_color=True, padding="replicate"),
        loss=replace(settings.loss, style=1.0, energy=1.0, layout=1.0, labels=1.0),
        phases=(replace(row, name="labels", objective="labels", task="global"), replace(row, name="swap", task="swap")),
    )
    first = train(settings, [data], tmp_path / "run", device="cpu", vgg19=vgg19)
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    terms = [set(line["terms"]) for line in lines if "terms" in line]
    image = {"adversarial", "feature_matching", "pixel", "style", "energy", "layout", "labels", "real", "fake"}
    assert terms == [{"labels"}] * 2 + [image | ({"kl"} if model == "spade-vae" else set())] * 2
    assert all(torch.isfinite(t).all() for t in read_state(first)[0].values())


def test_labels_phase_moves_encoder_and_head_only_and_learns(short: Short, data: Path, tmp_path: Path) -> None:
    colors = np.random.default_rng(0).integers(0, 256, (37, 3)).astype(np.uint8)
    for path in sorted((data / "labels").iterdir()):  # the class is what the colour says
        label_map = read_label_map(path, load_schema("outdoor"))
        write_scene(tmp_path / "data", path.stem, Scene(colors[label_map], label_map))
    settings = short("msca", (0, 1, 0), log_every=1, jitter_gain=0.0, jitter_shift=0.0)
    row = replace(settings.phases[0], name="labels", objective="labels", task="global")
    model = replace(settings.model, label_head=8)
    runs = [replace(settings, model=model, phases=(replace(row, steps=n, learning_rate=5e-3),)) for n in (1, 80)]
    first, last = (
        generator_of(train(s, [tmp_path / "data"], tmp_path / str(i), device="cpu")) for i, s in enumerate(runs)
    )
    moved = {n for n in first if not torch.equal(first[n], last[n])}
    wanted = ("generator/image_encoder.", "generator/label_head.")
    assert moved == {n for n in first if n.startswith(wanted)}
    lines = (tmp_path / "1" / "metrics.jsonl").read_text().splitlines()
    labels = [json.loads(line)["terms"]["labels"] for line in lines]
    assert sum(labels[-10:]) < 0.8 * sum(labels[:10])


def test_label_head_phase_moves_the_head_only(short: Short, data: Path, tmp_path: Path) -> None:
    settings = short("gap", (0, 1, 0))
    row = replace(settings.phases[0], name="head", objective="label-head", task="global")
    settings = replace(settings, model=replace(settings.model, label_head=8))
    runs = [replace(settings, phases=(replace(row, steps=n),)) for n in (1, 4)]
    first, last = (generator_of(train(s, [data], tmp_path / str(i), device="cpu")) for i, s in enumerate(runs))
    moved = {n for n in first if not torch.equal(first[n], last[n])}
    assert moved == {n for n in first if n.startswith("generator/label_head.")}


def test_pretraining_leaves_the_synthesis_alone(short: Short, data: Path, tmp_path: Path) -> None:
    states = [train(short(steps=(n, 0, 0)), [data], tmp_path / str(n), device="cpu") for n in (1, 4)]
    first, last = (generator_of(s) for s in states)
    moved = {n for n in first if not torch.equal(first[n], last[n])}
    assert moved
    assert moved == {n for n in first if not n.startswith("generator/synthesis.")}


def test_training_lowers_the_losses(short: Short, data: Path, tmp_path: Path) -> None:
    settings = short(steps=(60, 0, 0), log_every=1)
    train(settings, [data], tmp_path, device="cpu")
    features = [json.loads(line)["terms"]["features"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert sum(features[-10:]) < 0.8 * sum(features[:10])


@pytest.mark.parametrize("steps", [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_bfloat16_runs_on_the_cpu(short: Short, data: Path, tmp_path: Path, steps: tuple[int, int, int]) -> None:
    tensors, _ = read_state(train(short(steps=steps, precision="bf16"), [data], tmp_path, device="cpu"))
    assert {t.dtype for t in tensors.values()} == {torch.float32}  # weights stay exact
    assert all(torch.isfinite(t).all() for t in tensors.values())


def test_accumulated_micro_steps_equal_the_large_batch(short: Short, data: Path, tmp_path: Path) -> None:
    settings = short(steps=(0, 6, 0))
    settings = replace(settings, loss=replace(settings.loss, adversarial=0.0, feature_matching=0.0))

    def trained(name: str, batch_size: int, accumulation: int) -> dict[str, Tensor]:
        phases = (replace(settings.phases[0], batch_size=batch_size),)
        changed = replace(settings, phases=phases, accumulation=accumulation)
        return generator_of(train(changed, [data], tmp_path / name, device="cpu"))

    large, accumulated, small = trained("large", 4, 1), trained("accumulated", 2, 2), trained("small", 2, 1)
    # the power iteration of spectral norm goes on with every micro-step, so they agree nearly, not exactly
    assert distance(accumulated, large) < 0.3 * distance(small, large)


def test_a_seed_repeats_and_another_differs(short: Short, data: Path, tmp_path: Path) -> None:
    settings = short(steps=(0, 2, 0))
    runs = [
        generator_of(train(replace(settings, seed=s), [data], tmp_path / name, device="cpu", workers=w))
        for name, s, w in (("a", 0, 0), ("b", 0, 2), ("c", 1, 0))
    ]
    assert distance(runs[0], runs[1]) == 0
    assert distance(runs[0], runs[2]) > 0.1


def test_plan_counts_what_a_step_takes(short: Short) -> None:
    settings = short(steps=(3, 4, 5), accumulation=2)
    rows = plan(settings, scenes=6, processes=2)
    assert [r["steps"] for r in rows] == [3, 4, 5]
    assert [r["entries per step"] for r in rows] == [2 * 2 * 4, 2 * 2 * 4, 3 * 1 * 4]
    epochs = replace(settings.phases[0], steps=0, epochs=3)
    assert plan(replace(settings, phases=(epochs,)), scenes=6)[0]["steps"] == 5  # 18 scenes, 4 a step


# --- Warm starts ------------------------------------------------------------------------------------------------------


def test_a_run_starts_from_a_release(short: Short, data: Path, tmp_path: Path) -> None:
    settings = short(steps=(1, 0, 0))
    release = release_of(settings)
    save_release(tmp_path / "model", release)
    state = train(settings, [data], tmp_path / "run", init_from=tmp_path / "model", device="cpu")
    trained, start = generator_of(state), release.network.state_dict()
    for name, tensor in trained.items():
        plain = name.removeprefix("generator/").replace(".parametrizations.weight.original", ".weight")
        assert (tensor - start[plain]).abs().max() < 0.01  # one step away


def test_a_run_on_other_classes_starts_from_a_release_by_their_names(
    short: Short, data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = short(steps=(0, 1, 0))
    settings = replace(settings, schema="indoor", model=replace(settings.model, label_head=4))
    release = release_of(settings, "outdoor")
    save_release(tmp_path / "model", release)
    state = train(settings, [data], tmp_path / "run", init_from=tmp_path / "model", device="cpu")
    trained, start = generator_of(state), release.network.state_dict()
    outdoor, indoor = load_schema("outdoor"), load_schema("indoor")
    shared = [name for name in indoor.names if name in outdoor.names]
    assert f"{len(shared)} of the {indoor.num_classes} classes of indoor take over its weights" in caplog.text
    rows = [indoor.index_of(name) for name in shared], [outdoor.index_of(name) for name in shared]
    for part in ("target_encoder.embedding.weight", "exemplar_encoder.embedding.weight", "label_head.answer.bias"):
        mine, theirs = trained[f"generator/{part}"], start[part]
        void = 0 if "answer" in part else 1
        assert (len(mine), len(theirs)) == (indoor.num_classes + void, outdoor.num_classes + void)
        assert (mine[rows[0]] - theirs[rows[1]]).abs().max() < 0.01  # one step away
        assert void == 0 or (mine[-1] - theirs[-1]).abs().max() < 0.01
    assert (trained["generator/compress.0.weight"] - start["compress.0.weight"]).abs().max() < 0.01


def test_a_release_without_label_head_lets_that_of_the_run_start_anew(
    short: Short, data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = short(steps=(1, 0, 0))
    save_release(tmp_path / "model", release := release_of(settings))
    settings = replace(settings, model=replace(settings.model, label_head=4))
    state = train(settings, [data], tmp_path / "run", init_from=tmp_path / "model", device="cpu")
    assert "has no label head" in caplog.text
    trained, start = generator_of(state), release.network.state_dict()
    assert (trained["generator/compress.0.weight"] - start["compress.0.weight"]).abs().max() < 0.01
    assert "generator/label_head.answer.weight" in trained


def test_a_run_on_other_classes_starts_from_another_run_with_its_discriminator(
    short: Short, data: Path, tmp_path: Path
) -> None:
    settings = short(steps=(1, 1, 0))
    before, meta = read_state(train(settings, [data], tmp_path / "before", device="cpu"))
    assert meta["start"] is None
    state = train(
        replace(settings, schema="indoor", seed=3),
        [data],
        tmp_path / "run",
        init_from=tmp_path / "before",
        device="cpu",
    )
    after, meta = read_state(state)
    assert meta["start"] == "a run on outdoor at step 2"
    assert meta["progress"]["step"] == 2
    assert len(after["discriminator/embedding.weight"]) == load_schema("indoor").num_classes + 1
    near = [n for n in before if n.startswith(("generator/", "discriminator/", "decoder/")) and "embedding" not in n]
    near = [n for n in near if not n.endswith(("_u", "_v"))]
    assert {n.partition("/")[0] for n in near} == {"generator", "discriminator", "decoder"}
    assert (
        max(float((after[n] - before[n]).abs().max()) for n in near) < 0.02
    )  # two steps away; another seed starts far
    shared = load_schema("indoor").index_of("person"), load_schema("outdoor").index_of("person")
    for part in ("generator/target_encoder.", "discriminator/"):
        mine, theirs = (found[f"{part}embedding.weight"] for found in (after, before))
        assert (mine[shared[0]] - theirs[shared[1]]).abs().max() < 0.02


def test_a_release_of_another_kind_is_refused(short: Short, data: Path, tmp_path: Path) -> None:
    save_release(tmp_path / "model", release_of(short("gap")))
    with pytest.raises(UserError, match="model has another model configuration"):
        train(short(), [data], tmp_path / "run", init_from=tmp_path / "model", device="cpu")


@pytest.mark.parametrize("steps", [(1, 0, 0), (0, 1, 0)])
def test_a_loss_that_is_not_finite_names_the_files(
    short: Short, data: Path, tmp_path: Path, steps: tuple[int, int, int]
) -> None:
    settings = short(steps=steps)
    release = release_of(settings)
    with torch.no_grad():
        release.network.get_parameter("compress.0.weight").fill_(3e38)  # finite, as a release must be; sums are not
    save_release(tmp_path / "model", release)
    with pytest.raises(UserError, match=r"not finite \(.*\) on the batch .*images/\d\.png.*look at these files"):
        train(settings, [data], tmp_path / "run", init_from=tmp_path / "model", device="cpu")
    assert newest_state(tmp_path / "run") is None


# --- Refusals on the command line -------------------------------------------------------------------------------------


def command(data: Path, out: Path, *flags: str) -> int:
    return run(["train", "--preset", "tiny", "--data", str(data), "--out", str(out), "--device", "cpu", *flags])


def test_refusals(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(message: str, *flags: str, folder: Path = data, out: Path = tmp_path / "run") -> None:
        assert command(folder, out, *flags) == 2
        errors = capsys.readouterr().err
        assert errors.startswith("sceneswap: ")
        assert message in errors
        assert errors.count("\n") == 1

    refused("holds no training state to resume from", "--resume")
    refused("nowhere", folder=tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    refused(str(tmp_path / "empty"), folder=tmp_path / "empty")
    refused("papr is no preset", "--preset", "papr")
    refused("--scale-steps nan: give a number from", "--scale-steps", "nan")
    refused("--seed -1: give a number from 0 to", "--seed", "-1")
    refused("--workers 100,000", "--workers", "100000")
    refused("config.json is missing", "--init-from", str(tmp_path / "empty"))
    if not torch.cuda.is_available():
        refused("PyTorch finds no CUDA device", "--device", "cuda")
    assert not (tmp_path / "run" / "checkpoints").exists()

    assert command(data, tmp_path / "run", "--scale-steps", "0.25") == 0
    assert "sceneswap export" in capsys.readouterr().out
    refused("already holds a run; go on with --resume")


def test_dry_run_trains_nothing(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(data, tmp_path / "run", "--dry-run", "--model", "gap", "--seed", "3") == 0
    shown = capsys.readouterr().out
    assert "6 scenes" in shown
    assert '"kind": "gap"' in shown
    assert '"seed": 3' in shown
    assert not (tmp_path / "run").exists()
    for phase in load_train_config("tiny").phases:
        assert re.search(rf"{phase.name} .* {phase.steps} .* \d+\.\d\d .* \d+ s", shown), shown
    assert re.search(r"in all \d+ s of steps", shown)


def test_single_settings_are_set_but_not_those_of_a_run_that_goes_on(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = ["--set", "seed=5", "--set", "phases.patch.steps=7"]
    assert command(data, tmp_path / "run", "--dry-run", *changes) == 0
    shown = capsys.readouterr().out
    assert '"seed": 5' in shown
    assert '"steps": 7' in shown
    assert command(data, tmp_path / "run", "--resume", *changes) == 2
    assert "add --replan" in capsys.readouterr().err


def test_tensorboard_shows_rates_grids_and_settings(short: Short, data: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs the extra tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(short(sample_every=2), [data], tmp_path, device="cpu", validation=[data])
    board = EventAccumulator(str(tmp_path / "tensorboard"), size_guidance={"scalars": 0})
    board.Reload()
    tags = board.Tags()
    assert {"learning rate/optimizer_g", "learning rate/optimizer_d", "loss/pixel"} <= set(tags["scalars"])
    assert {f"validation/{name}" for name in ("pixel", "perceptual")} <= set(tags["scalars"])
    assert {"_hparams_/experiment", "_hparams_/session_start_info"} <= set(board.summary_metadata)
    content = board.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    assert b"loss.perceptual" in content
    assert b"phases.patch.steps" in content
    assert tags["images"] == ["samples"]
    assert "settings/text_summary" in tags["tensors"]
    assert board.Scalars("learning rate/optimizer_g")[0].value == pytest.approx(short().phases[0].learning_rate)


@pytest.mark.parametrize("model", ["msca", "spade-vae"])
def test_a_validation_curve_leaves_the_run_as_it_is(model: str, short: Short, data: Path, tmp_path: Path) -> None:
    settings = short(model, (1, 2, 1), sample_every=2)
    plain = train(settings, [data], tmp_path / "plain", device="cpu")
    watched = train(settings, [data], tmp_path / "watched", device="cpu", validation=[data])
    same, other = (read_state(path)[0] for path in (plain, watched))
    assert all(torch.equal(tensor, other[name]) for name, tensor in same.items())
    lines = [json.loads(line) for line in (tmp_path / "watched" / "metrics.jsonl").read_text().splitlines()]
    curve = {line["step"]: line["validation"] for line in lines if "validation" in line}
    grids = sorted((tmp_path / "watched" / "samples").glob("*.png"))
    assert list(curve) == [int(grid.stem) for grid in grids]
    assert all(set(terms) == set(curve[2]) and min(terms.values()) > 0 for terms in curve.values())
    assert "pixel" in curve[2]
    assert not {"adversarial", "feature_matching"} & set(curve[2])
    assert curve[2] != curve[4]


def test_validation_needs_two_scenes(short: Short, data: Path, tmp_path: Path) -> None:
    write_scene(tmp_path / "one", "only", random_scene(1, 64, 64))
    with pytest.raises(UserError, match="a single scene"):
        train(short(), [data], tmp_path / "run", device="cpu", validation=[tmp_path / "one"])


def test_the_model_of_a_preset_file_is_kept(
    short: Short, data: Path, tmp_path: Path, as_toml: Callable[[TrainConfig], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    preset = as_toml(short("gap"))
    assert command(data, tmp_path / "run", "--dry-run", "--preset", str(preset)) == 0
    assert '"kind": "gap"' in capsys.readouterr().out


def test_a_finished_run_resumes_to_itself(short: Short, data: Path, tmp_path: Path) -> None:
    last = train(short(), [data], tmp_path, device="cpu")
    before = last.read_bytes()
    assert train(short(), [data], tmp_path, device="cpu", resume=True) == last
    assert last.read_bytes() == before
