"""The report is made whole on tiny input, publishes only what it may, and does nothing twice."""

import json
import re
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file

from sceneswap.errors import UserError
from sceneswap.evaluation.tasks import Extractors
from sceneswap.files import write_json
from sceneswap.inference.segmentation import DeepLabSegmenter
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.models.pretrained.vgg import VGG19
from tests.tiny import random_scene, tiny_model, write_scene

ROOT = Path(__file__).parents[2]
SPEED = {
    "encode_seconds": 0.1, "draw_seconds": 0.2, "encode_gflop": 1.0, "draw_gflop": 2.0, "msca_share": 0.1,
    "memory_peak_mebibytes": 100.0, "parameters": 5, "machine": {"processor": "P", "cores": 2, "threads": 1},
}  # fmt: skip


@pytest.fixture(scope="module")
def module() -> ModuleType:
    return import_module("benchmarks.outdoor.report")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Splits of tiny scenes, two of which may be shown, and three untrained models."""
    root = tmp_path_factory.mktemp("outdoor")
    for split, first, shown in (("test", 0, 0), ("train", 10, 11)):
        for seed in range(first, first + 5):
            name = f"wallpapers_{seed}" if seed == shown else f"photo_{seed}"
            write_scene(root / split / "mix", name, random_scene(seed, 64, 64))
    for name, kind in (("ours", "msca"), ("GAP", "gap"), ("SPADE_VAE", "spade-vae")):
        tiny_model(root / "models" / name, kind)
    torch.manual_seed(1)
    save_file(VGG19().state_dict(), root / "vgg19.safetensors")
    return root


@pytest.fixture
def report(module: ModuleType, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Settings of a tiny report. FID's features are mean colours and the segmenter is blind: both networks are slow."""
    monkeypatch.setenv("SCENESWAP_VGG19", str(folder / "vgg19.safetensors"))
    monkeypatch.setattr(Extractors, "inception", lambda self: lambda images: images.mean(dim=(2, 3)))
    monkeypatch.setattr(Extractors, "segmenter", lambda self: Blind())
    models = tuple(f"{name}={folder / 'models' / name}" for name in ("ours", "GAP", "SPADE_VAE"))
    out = tmp_path / "out"
    synthesizer = Synthesizer.from_pretrained(folder / "models" / "ours", device="cpu")
    write_json(out / "synthesis.json", {"model": synthesizer.describe(), "size": 64, "runs": 1, **SPEED})
    return module.Report(
        data=(folder / "test" / "mix",), model=models, out=out, private=tmp_path / "private",
        seen=(folder / "train" / "mix",), pairs=6, transfers=4, figure_scenes=3, size=64, locations=50, runs=1,
        batch_size=3, device="cpu",
    )  # fmt: skip


class Blind(DeepLabSegmenter):
    """Sees one class everywhere."""

    def __init__(self) -> None:
        from sceneswap.labels.presets import load_schema

        self.schema, self.description, self.sha256 = load_schema("outdoor"), "blind", "0" * 64

    def segment(self, images: torch.Tensor) -> NDArray[np.int16]:
        return np.zeros((len(images), *images.shape[-2:]), np.int16)


def test_the_report(module: ModuleType, report: Any, capsys: pytest.CaptureFixture[str]) -> None:
    module.main(report)
    published = {path.name for path in report.out.rglob("*")}
    assert published == {
        "README.md", "swap.json", "layout.json", "attention.json", "synthesis.json", "similarity.png", "like.png",
        "transfer.png", "dendrogram.png", "swaps-ours.jpg", "swaps-GAP.jpg", "swaps-SPADE_VAE.jpg",
    }  # fmt: skip
    page = (report.out / "README.md").read_text()
    for link in re.findall(r"\]\(([^)]+)\)", page):
        assert link in published
    for words in (
        "ours / SPADE_VAE",
        "*0.39*",
        "among 4 scenes",
        "test: wallpapers_0; train: wallpapers_11.",
        "`python",
    ):
        assert words in page
    assert "photo_" not in page
    assert not {"nan", "None"} & set(re.findall(r"\w+", page))
    assert str(report.out.parent) not in page + "".join(p.read_text() for p in report.out.glob("*.json"))
    swap, layout, attention = (
        json.loads((report.out / f"{n}.json").read_text()) for n in ("swap", "layout", "attention")
    )
    assert list(swap["scores"]) == ["ours", "GAP", "SPADE_VAE"]
    assert swap["protocol"]["pairs"] == layout["protocol"]["pairs"]
    means = {name: by["L_style"]["mean"] for name, by in swap["scores"].items()}
    assert swap["ratios"]["ours / GAP"]["L_style"]["ratio"] == pytest.approx(means["ours"] / means["GAP"])
    assert layout["overall"]["ours"]["FID"] > layout["overall"]["target's own photograph"]["FID"] == 0
    assert len(attention["like"]) == 4
    drawings = list((report.private / "drawings").rglob("*.png"))
    assert len(drawings) == 3 * 6  # both parts use the same

    capsys.readouterr()
    before = {path: path.stat().st_mtime_ns for path in [*drawings, *report.private.rglob("*.jsonl")]}
    module.main(report)
    assert (report.out / "README.md").read_text() == page
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert "measured otherwise" not in capsys.readouterr().err

    fewer = replace(report, pairs=3, credit="Shown as they are.", showable="nothing")
    module.main(fewer)
    assert capsys.readouterr().err.count("ours was measured otherwise") == 2
    page = (report.out / "README.md").read_text()
    assert "3 random swaps" in page
    assert "--pairs 3" in page
    assert "every look" not in page


def test_nothing_private_is_published(module: ModuleType, report: Any) -> None:
    for private in (report.out / "work", ROOT / "docs" / "results" / "work"):
        with pytest.raises(UserError, match="would be published"):
            module.main(replace(report, private=private))


def test_pictures_are_shrunk_until_they_fit(module: ModuleType, tmp_path: Path) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    module.write_jpeg(tmp_path / "small.jpg", photo, 20_000)
    assert 8_000 < (tmp_path / "small.jpg").stat().st_size <= 20_000
    module.write_jpeg(tmp_path / "whole.jpg", photo, 10**6)
    with Image.open(tmp_path / "whole.jpg") as image:
        assert image.size == (400, 300)
