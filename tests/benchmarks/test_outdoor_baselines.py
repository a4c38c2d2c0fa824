"""Three models by one recipe, each command gone on with, and never by two recipes."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.outdoor import baselines
from sceneswap.checkpoint import load_release
from sceneswap.errors import UserError
from tests.tiny import random_scene, write_scene

ALL_BUT_ONE = ("phases.patch.steps=1", "phases.global.steps=1")


@pytest.mark.slow
def test_three_models_of_one_recipe(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "photos"
    for seed in range(3):
        write_scene(data, f"photo_{seed}", random_scene(seed, 64, 64))
    out = tmp_path / "baselines"
    options = {"preset": "tiny", "changes": ("phases.pretrain.steps=1", *ALL_BUT_ONE), "device": "cpu", "workers": 0}
    baselines.main((data,), out, **options)
    releases = {name: load_release(out / "models" / name) for name in baselines.METHODS}
    assert {name: one.model.kind for name, one in releases.items()} == baselines.METHODS
    assert {one.record["step"] for one in releases.values()} == {3}
    assert f"SPADE_VAE={out}/models/SPADE_VAE" in capfd.readouterr().out

    (out / "models" / "GAP" / "config.json").unlink()
    before = (out / "models" / "ours" / "config.json").stat().st_mtime_ns
    baselines.main((data,), out, **options)
    assert replace(load_release(out / "models" / "GAP"), network=None) == replace(releases["GAP"], network=None)
    assert (out / "models" / "ours" / "config.json").stat().st_mtime_ns == before


def test_another_recipe_is_refused(tmp_path: Path) -> None:
    baselines.write_json(tmp_path / "recipe.json", {"preset": "another"})
    with pytest.raises(UserError, match="another recipe"):
        baselines.main((tmp_path,), tmp_path)


def test_a_refusal_of_training_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="sceneswap train ended with 2"):
        baselines.main((tmp_path / "nothing",), tmp_path / "out", preset="tiny")
