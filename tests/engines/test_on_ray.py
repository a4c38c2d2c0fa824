"""The Ray engine on a cluster of two nodes: the same files as here, whoever is killed; and what is said where there is none."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.scale.nodes import Nodes
from benchmarks.scale.nodes import nodes as started
from sceneswap.cli.main import run
from sceneswap.data.pairing import find_pairs
from sceneswap.engines.on_ray import RayEngine
from sceneswap.errors import UserError
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.jobs.reader import SceneReader
from sceneswap.jobs.restyle.plan import Places, RestyleSettings
from sceneswap.jobs.restyle.run import Job, Summary, restyle
from sceneswap.jobs.sources import find_sources
from sceneswap.labels.presets import load_schema
from tests.tiny import random_scene, write_photo, write_scene

pytest.importorskip("ray", reason="the engine on a cluster needs Ray: pip install 'sceneswap[ray]'")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")  # Ray's own

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Nodes]:
    with started(0) as nodes:
        yield nodes


@pytest.fixture
def nodes(cluster: Nodes) -> Nodes:
    """The cluster with two nodes."""
    while len(cluster.there) < 2:
        cluster.add()
    return cluster


@dataclass(frozen=True)
class Marking:
    """Writes a line per row that is worked at, and ends its process where it is told to. log: a folder."""

    log: Path
    deadly: tuple[int, ...] = ()
    times: int = 10**6
    slow: float = 0.0

    def __call__(self, row: int) -> str:
        tried = len(list(self.log.glob(f"{row}-*")))
        (self.log / f"{row}-{tried}-{os.getpid()}").touch()
        if row in self.deadly and tried < self.times:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.slow)
        return f"row {row}"

    def lost(self, row: int, why: str) -> str:
        return f"lost {row}"


def test_rows_come_in_order_and_an_actor_that_dies_loses_none(nodes: Nodes, tmp_path: Path) -> None:
    engine = RayEngine(nodes.address)
    work = Marking(tmp_path, deadly=(7,), times=1, slow=0.02)
    assert list(engine(work, range(60))) == [f"row {row}" for row in range(60)]
    assert [actor.state for actor in engine.actors].count("lost") == 1
    assert sum(actor.rows for actor in engine.actors) == 60
    assert all(actor.node and actor.rate > 0 for actor in engine.actors if actor.rows)


def test_a_row_that_nobody_survives_is_a_result(nodes: Nodes, tmp_path: Path) -> None:
    assert list(RayEngine(nodes.address)(Marking(tmp_path, deadly=(3,)), range(6))) == [
        "lost 3" if row == 3 else f"row {row}" for row in range(6)
    ]
    assert 5 <= len(list(tmp_path.glob("3-*"))) <= 10  # each time perhaps by a second actor that backed up the first


@pytest.fixture
def looks(tmp_path: Path) -> Path:
    for seed in range(5):
        write_photo(tmp_path / "looks" / f"look-{seed}.jpg", (48, 64), seed)
    return tmp_path / "looks"


def made(folder: Path) -> Files:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_node_that_is_lost_in_the_middle_changes_no_file(
    nodes: Nodes, reading: Synthesizer, looks: Path, tmp_path: Path
) -> None:
    for number in range(24):
        write_scene(tmp_path / "data", f"{number:02d}", random_scene(number))
    (tmp_path / "data" / "labels" / "05.png").write_bytes(b"no picture")
    sources, _ = find_sources([looks], schema=reading.schema)
    places, known = Places(tmp_path / "data"), load_schema("outdoor")
    here = Job(find_pairs(tmp_path / "data"), places, known, sources, tmp_path / "here", RestyleSettings())
    away = replace(here, out=tmp_path / "away")
    reader = SceneReader(reading, long_side=1024)
    assert restyle(reader, here).copies == {"drawn": 23 * 4}

    engine, lost = RayEngine(nodes.address), list[float]()

    def lose(so_far: Summary) -> None:
        if sum(so_far.copies.values()) > 20 and not lost:
            lost.append(time.monotonic())
            nodes.lose()

    summary = restyle(reader, away, engine=engine, on_done=lose)
    assert lost
    assert sum(summary.copies.values()) == 23 * 4
    assert list(summary.errors) == ["05"]
    assert made(away.out) == made(here.out)


def test_commands_on_ray_write_what_they_write_here(
    nodes: Nodes, data: Path, head_folder: Path, looks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    on_ray = ["--engine", "ray", "--address", nodes.address]
    model = ["--model", str(head_folder), "--device", "cpu", "--threads", "1"]
    base = ["restyle", str(data), "--looks", str(looks), "--format", "png", "-j", "2", *model, "--out"]
    assert run([*base, str(tmp_path / "here")]) == 0
    capsys.readouterr()
    assert run([*base, str(tmp_path / "away"), *on_ray]) == 0
    told = capsys.readouterr().out
    assert "16 drawn" in told
    assert "per second" in told
    assert made(tmp_path / "away") == made(tmp_path / "here")


def test_label_maps_estimated_on_ray_are_those_estimated_here(
    nodes: Nodes, head_folder: Path, looks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (looks / "broken.jpg").write_bytes(b"no picture")
    base = ["labels", "estimate", str(looks), "--model", str(head_folder), "--device", "cpu", "--threads", "1", "--out"]
    for out, where in (("here", []), ("away", ["--engine", "ray", "--address", nodes.address])):
        assert run([*base, str(tmp_path / out), *where]) == 2
        assert "broken.jpg" in capsys.readouterr().err
    assert made(tmp_path / "away") == made(tmp_path / "here")
    assert len(made(tmp_path / "away")) == 10


def refused(command: list[str], capsys: pytest.CaptureFixture[str], seconds: float = 60) -> str:
    """The one sentence of a command that is refused: in ten seconds where nothing else runs; Ray would try for 80."""
    began = time.monotonic()
    assert run(command) == 2
    assert time.monotonic() - began < seconds
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


@pytest.fixture
def command(data: Path, looks: Path, head_folder: Path, tmp_path: Path) -> list[str]:
    whole = ["restyle", str(data), "--looks", str(looks), "--out", str(tmp_path / "out")]
    return [*whole, "--model", str(head_folder), "--device", "cpu", "--engine", "ray"]


def test_no_cluster_is_one_sentence_within_ten_seconds(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with socket.create_server(("", 0)) as other:  # something that is no cluster
        answers = threading.Thread(target=_answer, args=(other,), daemon=True)
        answers.start()
        for address in (
            f"127.0.0.1:{port}",
            f"127.0.0.1:{other.getsockname()[1]}",
            "nowhere.invalid:6379",
            "nonsense",
            "h:x",
        ):
            assert f"no Ray cluster at --address {address} " in refused([*command, "--address", address], capsys)
        answers.join(60)
        assert not answers.is_alive()
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{port}")  # of one that was stopped
    assert "no Ray cluster at --address auto" in refused(command, capsys)
    assert not (tmp_path / "out").exists()


def _answer(server: socket.socket) -> None:
    with server.accept()[0] as asked:
        asked.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def test_options_of_ray_without_it_and_a_look_of_another_model(
    command: list[str], nodes: Nodes, synthesizer: Synthesizer, scene: Callable[..., Any], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert "belong to --engine ray" in refused([*command[:-2], "--actors", "2"], capsys)
    synthesizer.encode(scene()).save(tmp_path / "z.look.safetensors")
    foreign = [
        *command,
        "--address",
        nodes.address,
        "--looks",
        str(tmp_path / "z.look.safetensors"),
        "--per-image",
        "1",
    ]
    assert "encoded by another model" in refused(foreign, capsys)
    assert not (tmp_path / "out" / "images").exists()


def test_a_cluster_without_room_says_so(nodes: Nodes, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="an actor needs 64 CPU"):
        next(iter(RayEngine(nodes.address, cpus=64)(Marking(tmp_path), [1])))


@dataclass(frozen=True)
class Full:
    """A work whose disk is full."""

    def __call__(self, row: int) -> int:
        if row == 3:
            raise UserError("cannot write x: the disk is full")
        return row

    def lost(self, row: int, why: str) -> int:
        return -1


def test_what_ends_the_job_is_said_here(nodes: Nodes) -> None:
    with pytest.raises(UserError, match="the disk is full"):
        list(RayEngine(nodes.address)(Full(), range(10)))
