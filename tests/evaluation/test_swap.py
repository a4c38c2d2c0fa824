"""A whole evaluation: numbers, files and page; the same command gives the same, interrupted or not."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from sceneswap.evaluation.methods import ModelMethod
from sceneswap.evaluation.metrics import nearest, style
from sceneswap.evaluation.metrics.metric import Drawings, Metric, Scorer, taps_of
from sceneswap.evaluation.pairs import FolderPairs, Scenes, own_pairs, random_pairs
from sceneswap.evaluation.protocol import protocol
from sceneswap.evaluation.results import evaluate
from sceneswap.evaluation.tasks import Extractors, Task, swap_task
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.labels.presets import load_schema
from sceneswap.models.pretrained.vgg import load_vgg19

CPU = torch.device("cpu")


@pytest.fixture
def scenes(scenes_folder: Path) -> Scenes:
    return Scenes([scenes_folder], 32, load_schema("procedural"))


@pytest.fixture
def measure(scenes: Scenes, msca: Path, gap: Path, vgg_file: Path) -> Callable[..., dict[str, Any]]:
    """Evaluate two models and the baselines on six swaps; return results.json."""

    def run(out: Path, **options: Any) -> dict[str, Any]:
        task = swap_task(scenes, 6, 0, Extractors(CPU, vgg_file))
        models = [
            ModelMethod(name, Synthesizer.from_pretrained(folder, device="cpu"), task.pairs, 2)
            for name, folder in (("ours", msca), ("GAP", gap))
        ]
        evaluate(task, models, out, baselines=True, batch_size=2, grid_scenes=2, sheet_rows=2, **options)
        return dict(json.loads((out / "results.json").read_text()))

    return run


def test_swap_gives_the_same_numbers_again_and_after_interruption(
    measure: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    whole = measure(tmp_path / "whole")
    assert list(whole["scores"]) == ["ours", "GAP", "copy of the exemplar", "mean colour per class"]
    assert list(whole["scores"]["ours"]) == ["L_style", "NN_pixel", "NN_conv1"]
    assert all(s["mean"] == pytest.approx(0, abs=1e-6) for s in whole["scores"]["copy of the exemplar"].values())
    assert all(s["low"] <= s["mean"] <= s["high"] for s in whole["scores"]["ours"].values())
    assert whole["scores"]["ours"] != whole["scores"]["GAP"]
    assert sum(b["n"] for b in whole["binned"]["ours"]["L_style"]) == 6
    assert whole["protocol"]["extractors"]["VGG-19"]
    assert whole["run"]["pairs_per_second"]["ours"] > 0

    def stop(count: int, calls: list[int] = []) -> None:  # noqa: B006
        calls.append(count)
        if len(calls) == 6:  # in the second model's first batches
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(tmp_path / "parts", on_done=stop)
    assert not (tmp_path / "parts" / "results.json").exists()
    parts = measure(tmp_path / "parts")
    assert {k: v for k, v in parts.items() if k != "run"} == {k: v for k, v in whole.items() if k != "run"}
    for name in ("index.html", "figures/ours.png", "figures/examples.png", "figures/similarity.png"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name

    page = (tmp_path / "whole" / "index.html").read_text()
    assert "NOT comparable" in page
    assert "1.13e-03" in page
    assert page.count("<img") > 12
    assert 'src="http' not in page
    assert str(tmp_path) not in page


def test_fid_is_zero_for_the_photographs_themselves(scenes: Scenes, msca: Path, tmp_path: Path) -> None:
    """The features here are mean colours; what is tested is which pictures are held against which."""
    from sceneswap.evaluation.methods import COPY, PHOTOGRAPH

    pairs = own_pairs(scenes, 8, 0, mirrored=False)
    scorer = Scorer([], CPU, lambda images: images.mean(dim=(2, 3)))
    record = protocol("duplicate", pairs, 32, metrics={"FID": "fid-test"}, extractors={})
    task = Task("duplicate", "Duplicating", "", pairs, scorer, record, (COPY,), (PHOTOGRAPH,), scenes)
    model = ModelMethod("ours", Synthesizer.from_pretrained(msca, device="cpu"), pairs, 4)
    evaluate(task, [model], tmp_path, baselines=True, batch_size=4, sheet_rows=2)
    overall = json.loads((tmp_path / "results.json").read_text())["overall"]
    assert overall["target's own photograph"]["FID"] == 0
    assert overall["copy of the exemplar"]["FID"] == pytest.approx(0, abs=1e-6)  # its exemplar is the photograph
    assert overall["ours"]["FID"] > 1e-3
    assert "FID compares 8 drawings with 8 photographs" in (tmp_path / "index.html").read_text()


def test_metrics_that_share_features_equal_those_that_do_not(scenes: Scenes, vgg_file: Path) -> None:
    """Some of the drawings have the same exemplar, whose features are computed once."""
    vgg = load_vgg19(vgg_file, taps=2)
    pairs = FolderPairs(scenes, [(0, 5), (1, 5), (2, 6), (3, 5)], rule="by hand", seed=0)
    drawings = Drawings([pairs[i] for i in range(4)], [scenes[i].photo for i in range(4)], CPU)
    assert len({id(taps) for taps in drawings.exemplar_taps(vgg)}) == 2
    found = {m.name: m.compute(drawings) for m in (style.metric(vgg), *nearest.metrics(vgg))}
    taps = list(zip(taps_of(vgg, drawings.drawn), taps_of(vgg, drawings.exemplar), strict=True))
    by_hand = [float(style.style_distance(style.style_of(a), style.style_of(b))) for a, b in taps]
    assert found["L_style"] == pytest.approx(by_hand, rel=1e-4)
    assert found["NN_conv1"] == pytest.approx([nearest.nn_features(a[0], b[0]) for a, b in taps], rel=1e-4)


def test_models_read_maps_of_other_schemas(scenes: Scenes, msca: Path, vgg_file: Path, tmp_path: Path) -> None:
    """The evaluation is in `procedural` classes, the model in `outdoor`: equal names become equal classes."""
    pairs = random_pairs(scenes, 2, 0)
    synthesizer = Synthesizer.from_pretrained(msca, device="cpu")
    drawn = ModelMethod("ours", synthesizer, pairs, 2).draw([pairs[0]])[0]
    convert = scenes.schema.mapping_to(synthesizer.schema)
    target, exemplar = pairs[0].target, pairs[0].exemplar
    look = synthesizer.encode(replace(exemplar, label_map=convert[exemplar.label_map]))
    assert (drawn == synthesizer.draw(convert[target.label_map], look)).all()


def test_a_metric_is_called_once_per_batch_with_all_it_needs(scenes: Scenes) -> None:
    from sceneswap.evaluation.methods import COPY

    pairs = random_pairs(scenes, 3, 0)
    samples = [pairs[i] for i in range(3)]
    difference = Metric("difference", "lower", "test-1", lambda b: (b.drawn - b.exemplar).abs().amax(dim=(1, 2, 3)))
    values, features = Scorer([difference], CPU)(samples, COPY.draw(samples))
    assert values == {"difference": [0, 0, 0]}
    assert features is None
