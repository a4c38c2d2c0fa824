"""Three models by one recipe, each command gone on with, and never by two recipes."""

from pathlib import Path

import pytest

from benchmarks.outdoor import baselines
from sceneswap.checkpoint import load_release
from sceneswap.errors import UserError
from tests.tiny import random_scene, write_scene


@pytest.mark.slow
def test_three_models_of_one_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "photos"
    for seed in range(3):
        write_scene(data, f"photo_{seed}", random_scene(seed, 64, 64))
    out = tmp_path / "baselines"
    changes = ("phases.pretrain.steps=1", "phases.patch.steps=1", "phases.global.steps=1")
    baselines.main((data,), out, "tiny", changes, "cpu", 0)
    releases = {name: load_release(out / "models" / name) for name in baselines.METHODS}
    assert {name: one.model.kind for name, one in releases.items()} == baselines.METHODS
    assert {one.record["step"] for one in releases.values()} == {3}
    assert f"SPADE_VAE={out}/models/SPADE_VAE" in capsys.readouterr().out

    (out / "models" / "GAP" / "config.json").unlink()
    before = (out / "models" / "ours" / "config.json").stat().st_mtime_ns
    baselines.main((data,), out, "tiny", changes, "cpu", 0)
    assert load_release(out / "models" / "GAP").record == releases["GAP"].record
    assert (out / "models" / "ours" / "config.json").stat().st_mtime_ns == before


def test_another_recipe_is_refused(tmp_path: Path) -> None:
    baselines.write_json(tmp_path / "recipe.json", {"preset": "another"})
    with pytest.raises(UserError, match="another recipe"):
        baselines.main((tmp_path,), tmp_path)


def test_a_refusal_of_training_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="sceneswap train failed"):
        baselines.main((tmp_path / "nothing",), tmp_path / "out", preset="tiny")
