"""`sceneswap evaluate` from the command line: results, and one sentence for every mistake."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sceneswap.cli.main import run

NAMES = ("swap", "duplicate", "mirror", "retrieve", "known-answer", "layout", "compare")


@pytest.fixture(autouse=True)
def no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VGG19", "LPIPS", "INCEPTION", "SEGMENTER"):
        monkeypatch.delenv(f"SCENESWAP_{name}", raising=False)


@pytest.fixture
def swap(scenes_folder: Path, msca: Path, vgg_file: Path) -> Callable[..., int]:
    """Run a small `evaluate swap`; options: further arguments."""

    def call(out: Path, *options: object) -> int:
        arguments = ["evaluate", "swap", "--data", scenes_folder, "--model", f"ours={msca}", "--out", out, "--size", 64]
        arguments += ["--vgg19", vgg_file, "--device", "cpu", "--batch-size", 3, *options]
        return run([str(a) for a in arguments])

    return call


@pytest.mark.parametrize("name", NAMES)
def test_every_help_ends_in_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", name, "--help"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert f"Try: sceneswap evaluate {name} " in printed


def test_help_does_not_load_pytorch() -> None:
    code = (
        "import sys, sceneswap.cli.evaluate; sys.exit('torch' in sys.modules or 'sceneswap.evaluation' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_swap_and_compare(
    swap: Callable[..., int], gap: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, three = tmp_path / "one", tmp_path / "two", tmp_path / "three"
    small = ("--pairs", 3, "--grid-scenes", 0)
    assert swap(one, *small) == 0
    printed = capsys.readouterr().out
    assert "L_style" in printed
    assert printed.strip().endswith("index.html")
    assert swap(two, *small, "--baselines", "--model", f"GAP={gap}") == 0
    assert swap(three, "--pairs", 3, "--grid-scenes", 0, "--seed", 1) == 0
    scores = json.loads((two / "results.json").read_text())["scores"]
    assert list(scores) == ["ours", "GAP", "copy of the exemplar", "mean colour per class"]
    assert scores["ours"] == json.loads((one / "results.json").read_text())["scores"]["ours"]

    joined = tmp_path / "joined.json"
    capsys.readouterr()
    assert run(["evaluate", "compare", str(one / "results.json"), str(two), "--out", str(joined)]) == 0
    assert list(json.loads(joined.read_text())["scores"]) == list(scores)
    assert run(["evaluate", "compare", str(one), str(three)]) == 2
    assert "pairs.seed is 0 in the first and 1 in the second" in capsys.readouterr().err

    assert swap(one, *small, "--seed", 2) == 2
    assert "holds results of another evaluation: protocol.pairs.seed was 0, now it is 2" in capsys.readouterr().err


def test_known_answer(lpips_file: Path, msca: Path, tmp_path: Path) -> None:
    arguments = ["evaluate", "known-answer", "--pairs", "3", "--size", "64", "--model", f"ours={msca}", "--baselines"]
    assert run([*arguments, "--out", str(tmp_path), "--lpips", str(lpips_file), "--device", "cpu"]) == 0
    record = json.loads((tmp_path / "results.json").read_text())
    scores = {name: by_metric["PSNR"]["mean"] for name, by_metric in record["scores"].items()}
    assert list(scores) == [
        "ours", "copy of the exemplar", "grey", "mean colour per class", "target's own photograph",
    ]  # fmt: skip
    assert scores["mean colour per class"] > scores["copy of the exemplar"]
    assert record["protocol"]["pairs"]["first_seed"] == 1_000_000
    assert (tmp_path / "figures" / "examples.png").exists()


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("duplicate", "SCENESWAP_LPIPS"),
        ("retrieve", "SCENESWAP_INCEPTION"),
        ("layout", "SCENESWAP_SEGMENTER"),
        ("known-answer", "SCENESWAP_LPIPS"),
    ],
)
def test_missing_weights_are_named(
    name: str, needs: str, scenes_folder: Path, msca: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = [] if name == "known-answer" else ["--data", str(scenes_folder)]
    assert run(["evaluate", name, *data, "--model", f"ours={msca}", "--out", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert needs in message
    assert message.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--vgg19", "nowhere.safetensors"), "VGG-19 weights nowhere.safetensors do not exist"),
        (("--model", "nameless"), "--model nameless: give a name"),
        (("--model", "ours=elsewhere"), "two models are named 'ours'"),
        (("--pairs", 0), "--pairs 0: give a number from 1"),
        (("--size", 16), "--size 16: give a number from 64 to 4,096"),
        (("--seed", -1), "--seed -1: give a number from 0"),
        (("--schema", "outdor"), "there is no label schema 'outdor'; did you mean outdoor"),
        (("--data", "nowhere"), "nowhere is not a folder"),
    ],
)
def test_mistakes_are_one_sentence(
    swap: Callable[..., int],
    options: tuple[object, ...],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert swap(tmp_path / "out", *options) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1


def test_folders_of_different_schemas_are_evaluated_in_the_models(
    swap: Callable[..., int], scenes_folder: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(scenes_folder, tmp_path / "other"))
    (other / "schema.toml").write_text('preset = "outdoor"\n')
    assert swap(tmp_path / "out", "--data", other, "--pairs", 2, "--grid-scenes", 0) == 0
    assert json.loads((tmp_path / "out" / "results.json").read_text())["protocol"]["schema"]["name"] == "outdoor"
