"""The paper's experiment from the download to table and figures, at an eighth of its size; and the hours of the whole."""

import json
from pathlib import Path

import pytest

from benchmarks.chain import METHODS, chain
from benchmarks.common import ROOT
from benchmarks.speed.paper import entry_gigaflop, main


@pytest.mark.slow
def test_the_whole_chain_at_an_eighth(tmp_path: Path, vgg_file: Path) -> None:
    seconds = chain(tmp_path, vgg_file)
    assert sum(name.startswith("train") for name in seconds) == len(METHODS) == 3
    kept = json.loads((tmp_path / "coco_outdoor" / "kept.json").read_text())
    assert 0 < kept["kept"] <= 9 < kept["of"] == 12  # every fourth scene has become a room
    results = json.loads((tmp_path / "table" / "results.json").read_text())
    assert set(METHODS) <= set(results["methods"])
    assert len(json.loads((tmp_path / "attention" / "transfer.json").read_text())["controls"]) == 4
    for name in ("table/index.html", "attention/dendrogram.png", "global/index.html", "spatial/index.html"):
        assert (tmp_path / name).stat().st_size > 0


def test_the_hours_of_the_document_are_computed(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    assert capsys.readouterr().out.strip() in (ROOT / "docs" / "reproduce.md").read_text(encoding="utf-8")
    parts = {"labels": 1.0, "compress": 10.0, "ladder": 100.0, "vgg": 1000.0, "discriminator": 10_000.0}
    each = entry_gigaflop(parts)
    assert each["features"] == 2 * 1000 + 3 * 12
    assert each["image"] == 3 * 112 + 3 * 1000 + 9 * 10_000
