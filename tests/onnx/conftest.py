"""Exported tiny models, made once."""

from pathlib import Path

import pytest

from sceneswap.inference.synthesizer import Synthesizer
from tests.tiny import vivid_release

pytest.importorskip("onnx", reason="ONNX graphs need the extra `onnx`")
pytest.importorskip("onnxruntime", reason="ONNX graphs need the extra `onnx`")


@pytest.fixture(scope="session")
def model() -> Synthesizer:
    """A tiny model with a label head."""
    return Synthesizer(vivid_release(label_head=8), name="tiny", device="cpu")


@pytest.fixture(scope="session")
def graphs(model: Synthesizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its ONNX graphs."""
    from sceneswap.onnx.export import export_onnx

    folder = tmp_path_factory.mktemp("onnx") / "tiny"
    export_onnx(model, folder)
    return folder
