"""Models as ONNX graphs: what is written, what is refused."""

import errno
import json
import shutil
from math import prod
from pathlib import Path

import onnx
import pytest

from sceneswap.cli.main import run
from sceneswap.errors import UserError
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.onnx import export
from sceneswap.onnx.export import export_onnx, folder_for_now
from sceneswap.onnx.parity import PICTURE_TOLERANCE, compare
from sceneswap.onnx.runtime import DESCRIPTION, GRAPHS, OnnxSynthesizer
from tests.tiny import vivid_release


def test_every_graph_tells_its_model_and_takes_every_size_and_batch(model: Synthesizer, graphs: Path) -> None:
    for name in GRAPHS:
        graph = onnx.load(str(graphs / name))
        about = json.loads({entry.key: entry.value for entry in graph.metadata_props}["sceneswap"])
        assert about["weights_sha256"] == model.weights_sha256
        assert [c["name"] for c in about["schema"]["classes"]] == list(model.schema.names)
        assert [c["color"] for c in about["schema"]["classes"]] == model.schema.colors[:-1].tolist()
        first = graph.graph.input[0].type.tensor_type.shape.dim
        assert [bool(dim.dim_param) for dim in (first[0], first[-2], first[-1])] == [True] * 3


def test_weights_are_stored_in_16_bits(graphs: Path) -> None:
    for name in GRAPHS:
        weights = [
            t for t in onnx.load(str(graphs / name)).graph.initializer if len(t.dims) == 4 and prod(t.dims) >= 64
        ]
        assert weights
        assert {t.data_type for t in weights} == {onnx.TensorProto.FLOAT16}


def test_a_model_without_attention_of_its_own_and_without_a_head_is_exported(tmp_path: Path) -> None:
    synthesizer = Synthesizer(vivid_release("gap"), name="average", device="cpu")
    parity = export_onnx(synthesizer, tmp_path / "graphs")
    assert parity.picture < PICTURE_TOLERANCE / 10
    assert parity.labels < 0.01
    assert (tmp_path / "graphs" / "read.onnx").stat().st_size < 1.05 * 2_376_526  # its file's: integers stay integers
    read = json.loads((tmp_path / "graphs" / DESCRIPTION).read_text())["read"]
    assert read["by"] == "segmenter"
    assert len(read["classes"]) == 150


def test_graphs_of_another_model_are_refused_and_nothing_is_left(
    model: Synthesizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = vivid_release(seed=1, label_head=8).network
    draw = export._draw
    monkeypatch.setattr(export, "_draw", lambda _: draw(other))  # type: ignore[arg-type]
    with pytest.raises(
        UserError, match=r"the graphs of tiny are not its own: a picture is off by .* nothing was written"
    ):
        export_onnx(model, tmp_path / "graphs")
    assert list((tmp_path / "graphs").iterdir()) == []


def test_a_baseline_without_attention_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no attention"):
        export_onnx(Synthesizer(vivid_release("spade-vae"), name="vae", device="cpu"), tmp_path / "graphs")
    assert not (tmp_path / "graphs").exists()


def test_the_command_exports_a_model_folder(
    model: Synthesizer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model.save_pretrained(tmp_path / "model")
    assert run(["export", str(tmp_path / "model"), "--onnx", str(tmp_path / "graphs")]) == 0
    assert capsys.readouterr().out.startswith("tiny: read.onnx, encode.onnx, draw.onnx, ")
    opened = OnnxSynthesizer.from_folder(tmp_path / "graphs")
    assert compare(Synthesizer.from_pretrained(tmp_path / "model", device="cpu"), opened).fault() is None


@pytest.mark.parametrize(
    "arguments", [["run"], ["model", "--onnx", "graphs", "--half"], ["--out", "model"], ["x/y/z", "--onnx", "g"]]
)
def test_what_cannot_be_exported_is_one_sentence(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["export", *arguments]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_damaged_and_missing_graphs_are_refused(graphs: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(graphs, tmp_path / "broken")
    (broken / "draw.onnx").write_bytes((broken / "draw.onnx").read_bytes()[:-7])
    with pytest.raises(UserError, match=r"draw\.onnx is damaged or of another model"):
        OnnxSynthesizer.from_folder(broken)
    (broken / "draw.onnx").unlink()
    with pytest.raises(UserError, match=r"draw\.onnx"):
        OnnxSynthesizer.from_folder(broken)
    for text in ("{}", "[1]", '{"format": "sceneswap-onnx-1"}', "not JSON"):
        (broken / DESCRIPTION).write_text(text)
        with pytest.raises(UserError, match=r"model\.json"):
            OnnxSynthesizer.from_folder(broken)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (OSError(errno.EFBIG, "File too large"), "files as large as it may not be written"),
        (shutil.Error([("a", "b", "[Errno 28] No space left on device")]), "No space left on device"),
    ],
)
def test_a_disk_that_takes_no_more_is_said_of_the_folder(tmp_path: Path, error: OSError, words: str) -> None:
    def fail() -> None:
        with folder_for_now(tmp_path / "new") as made:
            (made / "a").write_text("a")
            raise error

    with pytest.raises(UserError, match=f"cannot write .*new.*{words}"):
        fail()
    assert not list((tmp_path / "new").iterdir())
