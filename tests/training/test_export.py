"""A training run becomes a model that needs nothing else."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from sceneswap import checkpoint
from sceneswap.errors import UserError
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.labels.presets import load_schema
from sceneswap.training.export import export_run
from tests.tiny import make_scene, write_run

KINDS = ("msca", "gap", "spade-vae")


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_the_average_of_the_newest_state_is_released(kind: str, tmp_path: Path) -> None:
    averages = write_run(tmp_path / "run", kind, steps=(4, 8))
    export_run(tmp_path / "run", tmp_path / "model")
    synthesizer = Synthesizer.from_pretrained(tmp_path / "model", device="cpu")
    one = make_scene((32, 32), 0, synthesizer.schema)
    drawn = synthesizer.draw(one.label_map, synthesizer.encode(one)).astype(int)
    image = torch.from_numpy(one.photo).permute(2, 0, 1)[None].float() / 127.5 - 1
    label_map = torch.from_numpy(one.label_map.astype(np.int64))[None]
    average = averages[8].eval()
    expected = average.draw(label_map, average.encode_exemplar(image, label_map))  # type: ignore[arg-type]
    pixels = ((expected[0].permute(1, 2, 0) + 1) * 127.5).round().numpy().astype(int)
    assert np.abs(drawn - pixels).max() <= 1
    assert not any("parametrizations" in name for name, _ in synthesizer.release.network.named_parameters())


def test_the_label_head_may_stay_behind(tmp_path: Path) -> None:
    write_run(tmp_path / "run", label_head=8)
    export_run(tmp_path / "run", tmp_path / "with")
    export_run(tmp_path / "run", tmp_path / "without", label_head=False)
    full, lean = (Synthesizer.from_pretrained(tmp_path / n, device="cpu") for n in ("with", "without"))
    assert full.estimates_labels
    assert not lean.estimates_labels
    one = make_scene((32, 32), 0, lean.schema)
    drawn = [s.draw(one.label_map, s.encode(one)) for s in (full, lean)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    sizes = [(tmp_path / n / "model.safetensors").stat().st_size for n in ("with", "without")]
    assert sizes[1] < sizes[0]


def test_the_record_tells_how_it_was_trained(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    record = export_run(tmp_path / "run", tmp_path / "model", name="small hills").record
    written = json.loads((tmp_path / "model" / "config.json").read_text())
    assert written["record"] == json.loads(json.dumps(record))
    assert written["class_names"] == list(load_schema("outdoor").names)
    assert record["name"] == "small hills"
    assert (record["step"], record["seconds"], record["scenes"], record["seed"]) == (8, 1.5, 6, 0)
    assert record["phases"] == [{"name": "pretrain", "steps": 4}, {"name": "patch", "steps": 4}]
    assert record["losses"] == {"pixel": 0.25}
    assert record["alarms"]["response"] == 0.5
    assert record["torch"] == torch.__version__
    assert Synthesizer.from_pretrained(tmp_path / "model", device="cpu").working_size == 32


def test_half_precision_halves_the_file(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    sizes = []
    for half, int8 in ((False, False), (True, False), (False, True)):
        export_run(tmp_path / "run", tmp_path / "model", half=half, int8=int8)  # each replaces the one before
        sizes.append((tmp_path / "model" / "model.safetensors").stat().st_size)
    assert sizes[2] < sizes[1] < 0.7 * sizes[0]
    assert Synthesizer.from_pretrained(tmp_path / "model", device="cpu").name == "run"


def test_a_run_without_a_log_is_exported(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    (tmp_path / "run" / "metrics.jsonl").unlink()
    assert export_run(tmp_path / "run", tmp_path / "model").record["losses"] is None


def truncate(run: Path) -> None:
    state = checkpoint.newest_state(run)
    assert state is not None
    state.write_bytes(state.read_bytes()[:-50])


def make_foreign(run: Path) -> None:
    state = checkpoint.newest_state(run)
    assert state is not None
    checkpoint.write_tensors(state, {"weight": torch.zeros(3)}, {"format": "of somebody else"})


def leave_out_schema(run: Path) -> None:
    state = checkpoint.newest_state(run)
    assert state is not None
    tensors, meta = checkpoint.read_state(state)
    del meta["schema"]
    checkpoint.write_tensors(state, tensors, meta)


def leave_out_average(run: Path) -> None:
    state = checkpoint.newest_state(run)
    assert state is not None
    tensors, meta = checkpoint.read_state(state)
    checkpoint.write_tensors(state, {n: t for n, t in tensors.items() if not n.startswith("average")}, meta)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (truncate, "damaged or not complete"),
        (make_foreign, "is not a training state"),
        (leave_out_schema, "the setting schema is missing"),
        (leave_out_average, "does not fit this model"),
    ],
)
def test_damaged_and_foreign_runs_are_refused(tmp_path: Path, damage: Callable[[Path], None], words: str) -> None:
    write_run(tmp_path / "run")
    damage(tmp_path / "run")
    with pytest.raises(UserError, match=words):
        export_run(tmp_path / "run", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no training run"):
        export_run(tmp_path / "nowhere", tmp_path / "model")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="is no training run: it holds no checkpoints"):
        export_run(tmp_path / "folder", tmp_path / "model")


def test_another_configuration_is_not_overwritten(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    (tmp_path / "run" / "config.json").write_text('{"seed": 0}')
    with pytest.raises(UserError, match=r"config\.json is not of a model and would be overwritten"):
        export_run(tmp_path / "run", tmp_path / "run")
    assert (tmp_path / "run" / "config.json").read_text() == '{"seed": 0}'
