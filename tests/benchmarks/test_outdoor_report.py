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

from benchmarks.common import write_jpeg
from benchmarks.outdoor.classes import ClassCounts, by_class
from sceneswap.errors import UserError
from sceneswap.evaluation.metrics.layout import LayoutAgreement
from sceneswap.evaluation.metrics.metric import Drawings
from sceneswap.evaluation.pairs import Sample
from sceneswap.evaluation.tasks import Extractors
from sceneswap.files import write_json
from sceneswap.inference.segmentation import DeepLabSegmenter
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.labels.presets import load_schema
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
    return root


@pytest.fixture
def report(module: ModuleType, folder: Path, vgg_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Settings of a tiny report. FID's features are mean colours and the segmenter is blind: both networks are slow."""
    monkeypatch.setenv("SCENESWAP_VGG19", str(vgg_file))
    monkeypatch.setattr(Extractors, "inception", lambda self: lambda images: images.mean(dim=(2, 3)))
    monkeypatch.setattr(Extractors, "segmenter", lambda self: Blind())
    models = tuple(f"{name}={folder / 'models' / name}" for name in ("ours", "GAP", "SPADE_VAE"))
    out = tmp_path / "out"
    synthesizer = Synthesizer.from_pretrained(folder / "models" / "ours", device="cpu")
    write_json(out / "speed.json", {"model": synthesizer.describe(), "size": 64, "runs": 1, **SPEED})
    return module.Report(
        data=(folder / "test" / "mix",), model=models, out=out, private=tmp_path / "private",
        train=(folder / "train" / "mix",), labelled=("mix",), pairs=6, fid_pairs=7, transfers=4, size=64, locations=50,
        runs=1, batch_size=3, device="cpu",
    )  # fmt: skip


class Blind(DeepLabSegmenter):
    """Sees one class everywhere."""

    def __init__(self) -> None:
        self.schema, self.description, self.sha256 = load_schema("outdoor"), "blind", "0" * 64

    def segment(self, images: torch.Tensor) -> NDArray[np.int16]:
        return np.zeros((len(images), *images.shape[-2:]), np.int16)


def test_the_report(module: ModuleType, report: Any, capsys: pytest.CaptureFixture[str]) -> None:
    module.main(report)
    published = {path.name for path in report.out.rglob("*")}
    assert published == {
        "README.md", "swap.json", "layout.json", "fid.json", "sheet.json", "sheet.jpg", "attention.json", "border.json",
        "figures.json", "labels.json", "speed.json", "similarity.png", "like.png", "transfer.png", "dendrogram.png",
        "swaps-ours.jpg", "swaps-GAP.jpg", "swaps-SPADE_VAE.jpg",
    }  # fmt: skip
    page = (report.out / "README.md").read_text()
    for link in re.findall(r"\]\(([^)]+)\)", page):
        assert link in published
    for words in ("ours / SPADE_VAE", "*0.39*", "among 4 scenes", "`python", "lake", "## 6 random swaps", "--train"):
        assert words in page
    assert "photo_" not in page
    assert not {"nan", "None"} & set(re.findall(r"\w+", page))
    assert str(report.out.parent) not in page + "".join(p.read_text() for p in report.out.glob("*.json"))
    swap, layout, fid, attention = (
        json.loads((report.out / f"{n}.json").read_text()) for n in ("swap", "layout", "fid", "attention")
    )
    assert list(swap["scores"]) == ["ours", "GAP", "SPADE_VAE"]
    assert swap["protocol"]["pairs"] == layout["protocol"]["pairs"]
    assert fid["protocol"]["swaps"]["pairs"]["count"] == 7
    assert fid["protocol"]["photographs"]["data"]["scenes"] == 5
    means = {name: by["L_style"]["mean"] for name, by in swap["scores"].items()}
    assert swap["ratios"]["ours / GAP"]["L_style"]["ratio"] == pytest.approx(means["ours"] / means["GAP"])
    assert fid["scores"]["GAP"]["ours / this"] == pytest.approx(
        fid["scores"]["ours"]["FID"] / fid["scores"]["GAP"]["FID"]
    )
    assert len(attention["like"]) == 4
    drawings = list((report.private / "drawings").rglob("*.png"))
    assert len(drawings) == 3 * 6  # all parts use the same, and FID keeps none
    assert (report.private / "sheet" / "index.html").exists()

    capsys.readouterr()
    before = {path: path.stat().st_mtime_ns for path in [*drawings, *report.private.rglob("*.jsonl")]}
    module.main(report)
    assert (report.out / "README.md").read_text() == page
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert "measured otherwise" not in capsys.readouterr().err

    fewer = replace(report, pairs=3, only=("swap",))
    module.main(fewer)
    assert capsys.readouterr().err.count("ours was measured otherwise") == 1
    page = (report.out / "README.md").read_text()
    assert "3 random swaps among" in page
    assert "## 6 random swaps" in page  # kept: it is of the same models


def test_records_of_other_models_are_left_out(module: ModuleType, report: Any, folder: Path) -> None:
    """One part by one model, and then another by another: the page must not join them."""
    module.main(replace(report, only=("border",)))
    assert "## Attention on the border" in (report.out / "README.md").read_text()
    others = replace(report, model=(f"ours={folder / 'models' / 'SPADE_VAE'}",), train=(), only=("sheet",))
    module.main(others)
    page = (report.out / "README.md").read_text()
    assert "random swaps" in page
    assert "border" not in page


def test_classes_that_are_lost_come_first() -> None:
    """Two pictures of 10 pixels, three classes, the last in neither: counted, then found."""
    photograph = np.array([[6, 4, 0, 6, 4, 0], [10, 0, 0, 10, 0, 0]], np.float32)
    ours = np.array([[6, 4, 0, 6, 1, 0], [10, 0, 0, 8, 0, 0]], np.float32)
    found = by_class({"ours": ours, "photograph": photograph}, ["sky", "person", "sea"], "photograph")
    assert list(found) == ["person", "sky"]
    assert found["person"]["share"] == pytest.approx(0.2)
    assert found["person"]["pictures"] == 1
    assert found["person"]["lost"] == pytest.approx(0.2 * 0.75)
    assert found["sky"]["found"]["ours"]["ratio"] == pytest.approx(14 / 16)


def test_pixels_are_counted_by_class() -> None:
    """What `ClassCounts` counts adds up to what layout agreement says of the same picture."""
    scenes = [random_scene(seed, 32, 32) for seed in (1, 2)]
    samples = [Sample(i, scene, scene, None, 1.0) for i, scene in enumerate(scenes)]
    agreement = LayoutAgreement(Blind(), load_schema("outdoor"))
    photos = [scene.photo for scene in scenes]
    _, counts = ClassCounts(agreement, torch.device("cpu"))(samples, photos)
    shares = agreement(Drawings(samples, photos, torch.device("cpu")))
    half = counts.shape[1] // 2
    assert counts[:, :half].sum(axis=1).tolist() == [32 * 32, 32 * 32]
    assert (counts[:, half:].sum(axis=1) / counts[:, :half].sum(axis=1)).tolist() == pytest.approx(shares)


def test_nothing_private_is_published(module: ModuleType, report: Any) -> None:
    for private in (report.out / "work", ROOT / "docs" / "results" / "work"):
        with pytest.raises(UserError, match="would be published"):
            module.main(replace(report, private=private))


def test_pictures_are_shrunk_until_they_fit(tmp_path: Path) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    write_jpeg(tmp_path / "small.jpg", photo, 20_000)
    assert 8_000 < (tmp_path / "small.jpg").stat().st_size <= 20_000
    write_jpeg(tmp_path / "whole.jpg", photo, 10**6)
    with Image.open(tmp_path / "whole.jpg") as image:
        assert image.size == (400, 300)
