"""Training from shards: the run of the folder they were made of, resumed bit for bit, and damage named."""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from sceneswap.checkpoint import newest_state, read_state
from sceneswap.cli.main import run
from sceneswap.config import TrainConfig
from sceneswap.data.folder import FolderDataset
from sceneswap.data.sharding import shard_folders
from sceneswap.errors import PreemptedError, UserError
from sceneswap.labels.presets import load_schema
from sceneswap.scene import Scene
from sceneswap.training import loop
from sceneswap.training.loop import train

Short = Callable[..., TrainConfig]


@pytest.fixture(scope="module")
def shards(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("shards")
    assert shard_folders([data], out, size=20_000).shards > 1
    return out


def tensors_of(out: Path) -> dict[str, torch.Tensor]:
    return read_state(newest_state(out) or out)[0]


def assert_same(out: Path, other: Path) -> None:
    a, b = tensors_of(out), tensors_of(other)
    assert set(a) == set(b)
    assert [name for name in a if not torch.equal(a[name], b[name])] == []


def test_shards_train_as_their_folder_does_with_any_number_of_workers(
    short: Short, data: Path, shards: Path, tmp_path: Path
) -> None:
    settings = short(steps=(1, 1, 1))
    train(settings, [data], tmp_path / "folder", device="cpu")
    train(
        settings,
        [f"{shards}/shard-{{000000..{len([*shards.glob('*.tar')]) - 1:06d}}}.tar"],
        tmp_path / "a",
        device="cpu",
    )
    train(settings, [shards], tmp_path / "b", device="cpu", workers=3)
    assert_same(tmp_path / "a", tmp_path / "folder")
    assert_same(tmp_path / "b", tmp_path / "folder")


def test_any_source_of_scenes_trains(short: Short, data: Path, tmp_path: Path) -> None:
    class Mine:
        def __init__(self) -> None:
            self.scenes = FolderDataset([data], load_schema("outdoor"))

        def __len__(self) -> int:
            return len(self.scenes)

        def __getitem__(self, index: int) -> Scene:
            return self.scenes[index]

    settings = short(steps=(0, 2, 0), checkpoint_every=1)
    train(settings, Mine(), tmp_path / "mine", device="cpu")
    train(settings, [data], tmp_path / "folder", device="cpu")
    assert_same(tmp_path / "mine", tmp_path / "folder")
    train(settings, Mine(), tmp_path / "mine", device="cpu", resume=True)
    with pytest.raises(UserError, match="let your own source hand out"):
        train(settings, Mine(), tmp_path / "other", device="cpu", only=["0"])
    with pytest.raises(UserError, match="labelled in indoor, but the settings train outdoor"):
        train(settings, FolderDataset([data], load_schema("indoor")), tmp_path / "other", device="cpu")


def test_damage_stops_training_or_is_skipped_on_request(
    short: Short, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "shards"
    shutil.copytree(shards, broken)
    data = bytearray((broken / "shard-000000.tar").read_bytes())
    data[700] ^= 1
    (broken / "shard-000000.tar").write_bytes(data)
    words = ["train", "--preset", "tiny", "--data", str(broken), "--out", str(tmp_path / "run"), "--device", "cpu"]
    assert run(words) == 2
    errors = capsys.readouterr().err
    assert "is damaged" in errors
    assert "train with --skip-damaged" in errors
    words[6] = str(tmp_path / "skipping")
    assert run([*words, "--skip-damaged"]) == 0
    assert "skipped: the scene" in capsys.readouterr().err


@pytest.mark.parametrize("resume", [[], ["--resume", "auto"]])
def test_sigterm_saves_and_asks_to_be_started_again(
    short: Short, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resume: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """After the second step; `--resume auto` starts, and goes on, and the result is that of an unbroken run."""
    step, out = loop.take_step, tmp_path / "run"

    def stopped(run_: loop.Run, *rest: object) -> dict[str, float]:
        terms = step(run_, *rest)  # type: ignore[arg-type]
        if run_.progress.step == 2:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)  # schedulers and launchers both send one
        return terms

    words = ["train", "--preset", "tiny", "--data", str(shards), "--device", "cpu", "--set", "checkpoint_every=100"]
    with monkeypatch.context() as patch:
        patch.setattr(loop, "take_step", stopped)
        assert run([*words, "--out", str(out), *resume]) == 75
    assert "start the command again with --resume auto" in capsys.readouterr().err
    assert newest_state(out) == out / "checkpoints" / "state-00000002.safetensors"
    assert run([*words, "--out", str(out), "--resume", "auto", "--workers", "0"]) == 0
    assert run([*words, "--out", str(tmp_path / "unbroken")]) == 0
    assert_same(out, tmp_path / "unbroken")
    assert run([*words, "--out", str(tmp_path / "new"), "--resume", "perhaps"]) == 2


def test_sigterm_before_the_first_step_stops_at_once(
    short: Short, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "make_networks", lambda *_: signal.raise_signal(signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(PreemptedError):
        train(short(), [data], tmp_path / "run", device="cpu")
    assert signal.getsignal(signal.SIGTERM) == before
    assert newest_state(tmp_path / "run") is None


def test_auto_says_when_it_goes_on_with_other_settings(
    short: Short, data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train(short(steps=(0, 1, 0)), [data], tmp_path, device="cpu", resume="auto")
    train(short(steps=(0, 1, 0)), [data], tmp_path, device="cpu", resume="auto")
    assert "settings it was started with" not in caplog.text
    train(short(steps=(0, 1, 0), seed=3), [data], tmp_path, device="cpu", resume="auto")
    assert "with the settings it was started with, not with those given now" in caplog.text


@pytest.mark.slow
def test_killed_and_resumed_from_shards(
    short: Short, shards: Path, tmp_path: Path, as_toml: Callable[[TrainConfig], Path]
) -> None:
    from tests.training.test_resume import kill, start

    settings = short(steps=(3, 3, 3), checkpoint_every=1)
    preset, out = as_toml(settings), tmp_path / "killed"
    assert kill(start(preset, shards, out), out, 4) == -signal.SIGKILL
    process = start(preset, shards, out, "--resume", "auto")
    process.communicate(timeout=500)  # closes its pipes
    assert process.returncode == 0
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    train(settings, [shards], tmp_path / "unbroken", device="cpu")
    torch.set_num_threads(threads)
    assert_same(out, tmp_path / "unbroken")


def test_the_stream_is_the_same_from_a_folder_and_from_shards(data: Path, shards: Path) -> None:
    from sceneswap.data.loader import BatchStream, Sampling
    from sceneswap.data.shard_dataset import ShardDataset

    schema = load_schema("outdoor")
    sampling = Sampling("swap", 64, batch_size=2)
    for source in (FolderDataset([data], schema), ShardDataset([shards], schema)):
        with BatchStream(source, sampling, seed=1, position=4, workers=2) as stream:
            batches = [next(stream).image.numpy() for _ in range(4)]
        if isinstance(source, FolderDataset):
            wanted = batches
    assert all(np.array_equal(a, b) for a, b in zip(batches, wanted, strict=True))
