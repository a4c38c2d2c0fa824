"""`sceneswap restyle` as it is typed; killed and started again."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sceneswap.cli.main import run
from sceneswap.files import write_bytes
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.remote import place
from tests.forked import start
from tests.tiny import make_scene, random_scene, tiny_release, write_photo, write_scene


@pytest.fixture
def looks(tmp_path: Path) -> Path:
    for seed in range(2):
        write_photo(tmp_path / "looks" / f"look-{seed}.jpg", (48, 64), seed)
    return tmp_path / "looks"


def test_restyle_says_what_it_did(
    data: Path, head_folder: Path, looks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["restyle", str(data), "--looks", str(looks), "--out", str(out), "--per-image", "2", "-j", "2"]
    command += ["--model", str(head_folder), "--device", "cpu", "--agreement", "0.000001", "--format", "webp"]
    assert run([*command, "--shard", "1/2"]) == 0
    told = capsys.readouterr().out
    assert "shard 1/2: " in told
    assert not (out / "index.html").exists()
    assert run(command) == 0
    told = capsys.readouterr().out
    assert told.strip().splitlines()[-1] == str(out / "index.html")
    assert "dropped: " in told
    copies = count(out / "images") + count(out / "dropped")
    assert copies == 8


def test_restyle_takes_addresses_of_object_stores(
    data: Path, head_folder: Path, looks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("upath", reason="object stores need universal_pathlib: pip install 'sceneswap[ray]'")
    store = f"memory://{tmp_path.name}"
    for folder in (data, looks):
        for file in folder.rglob("*.*"):
            write_bytes(place(f"{store}/{folder.name}/{file.relative_to(folder)}"), file.read_bytes())
    model = ["--model", str(head_folder), "--device", "cpu", "--per-image", "2", "-j", "2"]
    assert run(["restyle", str(data), "--looks", str(looks), "--out", str(tmp_path / "out"), *model]) == 0
    there = ["restyle", f"{store}/data", "--looks", f"{store}/looks", *model, "--out"]
    assert run([*there, f"{store}/out"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{store}/out/index.html"
    for file in (tmp_path / "out").rglob("*.*"):
        assert place(f"{store}/out/{file.relative_to(tmp_path / 'out')}").read_bytes() == file.read_bytes()
    assert run([*there, "sftp://host/out"]) == 2
    assert "sftp://host/out is no address that files can be written to whole" in capsys.readouterr().err


def test_restyle_takes_any_layout_and_schema(
    data: Path, head_folder: Path, looks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "images").rename(data / "train")
    (data / "labels").rename(data / "trainannot")
    (data / "schema.toml").rename(tmp_path / "mine.toml")
    base = ["restyle", str(data), "--looks", *map(str, sorted(looks.iterdir())), "--out", str(tmp_path / "out")]
    base += ["--layout", "train+trainannot", "--model", str(head_folder), "--device", "cpu", "--per-image", "1"]
    assert run(base) == 2
    assert "Name their schema with --schema" in capsys.readouterr().err
    (tmp_path / "mine.toml").write_text(
        'base = "outdoor"\nname = "mine"\nclasses = [{ id = 0, name = "unheard of" }]\n'
    )
    assert run([*base, "--schema", str(tmp_path / "mine.toml")]) == 2
    assert "no class of schema mine" in capsys.readouterr().err
    assert run([*base, "--schema", "outdoor"]) == 0
    assert len(list((tmp_path / "out" / "train").iterdir())) == 4
    assert (tmp_path / "out" / "schema.toml").read_text() == 'preset = "outdoor"\n'


def test_classes_that_cannot_be_drawn_are_named(
    tmp_path: Path, looks: Path, data: Path, head_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "schema.toml").write_text(
        'base = "outdoor"\nname = "mine"\nclasses = ['
        + ", ".join(f'{{ id = {i}, name = "{"sky-other" if i == 0 else f"thing {i}"}" }}' for i in range(40))
        + "]\n"
    )
    command = ["restyle", str(data), "--looks", str(looks), "--out", str(tmp_path / "out"), "--per-image", "1"]
    run([*command, "--model", str(head_folder), "--device", "cpu"])
    assert "lacks thing 1, thing 2, " in capsys.readouterr().err


def test_failures_are_listed_and_the_code_is_2(
    data: Path, head_folder: Path, looks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "labels" / "c.png").write_bytes(b"")
    command = ["restyle", str(data), "--looks", str(looks), "--out", str(tmp_path / "out"), "--per-image", "1"]
    assert run([*command, "--model", str(head_folder), "--device", "cpu"]) == 2
    told = capsys.readouterr()
    assert "3 drawn" in told.out
    assert "1 of 4 pictures failed" in told.err
    assert "│ c " in told.err


def test_wrong_options_are_one_sentence(
    data: Path, head_folder: Path, looks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["restyle", str(data), "--looks", str(looks), "--out", str(out), "--model", str(head_folder)]
    cases: list[tuple[list[str], str]] = [
        (["--shard", "5"], "such as 3/16"), (["--per-image", "0"], "--per-image"), (["-j", "0"], "--jobs"),
        (["--overlap", "2"], "--overlap"), (["--quality", "0"], "--quality"), (["--looks", str(tmp_path / "no")], "no"),
        (["--annotations", str(tmp_path / "no.json")], "no.json"), (["--layout", "images"], "--layout"),
        (["--schema", "nonsense"], "nonsense"), (["--per-image", "3"], "as many looks"),
    ]  # fmt: skip
    for extra, words in cases:
        assert run([*command, *extra]) == 2, extra
        message = capsys.readouterr().err.strip().splitlines()[-1]
        assert message.startswith("sceneswap: "), message
        assert words in message
    assert not out.exists()


PICTURES, LOOKS = 100, 4


def count(folder: Path, pattern: str = "[!.]*") -> int:
    return sum(1 for _ in folder.glob(pattern)) if folder.is_dir() else 0


@pytest.mark.slow
def test_killed_at_five_places_and_started_again_the_files_are_the_same_bit_for_bit(tmp_path: Path) -> None:
    Synthesizer(tiny_release(), name="tiny", device="cpu").save_pretrained(tmp_path / "model")
    model = Synthesizer.from_pretrained(tmp_path / "model", device="cpu")
    for number in range(PICTURES):
        write_scene(tmp_path / "data", f"{number:03d}", random_scene(number))
    for number in range(LOOKS):
        write_scene(tmp_path / "looks", f"look-{number}", random_scene(1000 + number))
    model.encode(make_scene((48, 64), 5, model.schema)).save(tmp_path / "extra.look.safetensors")

    def restyle(out: Path) -> list[str]:
        looks = tmp_path / "looks", tmp_path / "extra.look.safetensors"
        words = ["restyle", tmp_path / "data", "--looks", *looks, "--model", tmp_path / "model", "--device", "cpu"]
        return [*map(str, words), "--out", str(out)]

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run(restyle(whole)) == 0
    assert count(whole / "images") == count(whole / "labels") == PICTURES * 4
    places: list[Callable[[], bool]] = [
        lambda: count(broken / "looks") >= 1,
        *(lambda some=some: count(broken / "images") >= some for some in (30, 150, 320)),
        lambda: count(broken / "images") >= PICTURES * 4,
    ]
    for reached in places:
        process = start(*restyle(broken))
        while process.is_alive() and not reached():
            time.sleep(0.002)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    assert run(restyle(broken)) == 0
    files = [{p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()} for out in (whole, broken)]
    assert files[0].keys() == files[1].keys()
    assert files[0] == files[1]
