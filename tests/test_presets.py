"""Files on top of presets, and single settings changed."""

from pathlib import Path

import pytest

from sceneswap.cli.main import run
from sceneswap.config import load_train_config
from sceneswap.errors import UserError
from sceneswap.presets import PRESETS, preset_text, read_settings


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_printed_as_the_file_that_it_is(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["presets", "show", name]) == 0
    mine = tmp_path / "mine.toml"
    mine.write_text(capsys.readouterr().out, encoding="utf-8")
    assert mine.read_text(encoding="utf-8") == preset_text(name)
    assert load_train_config(str(mine)) == load_train_config(name)
    assert run(["presets", "list"]) == 0
    assert name in capsys.readouterr().out


def test_a_file_holds_only_what_differs_from_its_base(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('base = "tiny"\nseed = 7\n[loss]\nstyle = 2.0\n', encoding="utf-8")
    (tmp_path / "deeper.toml").write_text('base = "mine.toml"\n[loss]\nstyle = 3.0\n', encoding="utf-8")
    tiny, mine = load_train_config("tiny"), load_train_config(str(tmp_path / "mine.toml"))
    assert (mine.seed, mine.loss.style) == (7, 2)
    assert (mine.loss.pixel, mine.model, mine.phases) == (tiny.loss.pixel, tiny.model, tiny.phases)
    deeper = load_train_config(str(tmp_path / "deeper.toml"))
    assert (deeper.seed, deeper.loss.style) == (7, 3)


def test_single_settings_are_changed() -> None:
    changed = load_train_config(
        "tiny", ["loss.style=2", "precision=bf16", "betas=[0.5, 0.9]", "phases.patch.steps=9", 'schema="camvid"']
    )
    assert (changed.loss.style, changed.precision, changed.betas, changed.schema) == (2, "bf16", (0.5, 0.9), "camvid")
    assert [phase.steps for phase in changed.phases] == [4, 9, 4]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("loss.style", "give a setting and its value"),
        (".style=1", "give a setting and its value"),
        ("los.style=2", "unknown setting 'los'"),
        ("loss.style=often", "must be a number"),
        ("phases.third.steps=1", "there are pretrain, patch, global"),
        ("log_every.deep.er=1", "no table of settings"),
        ("log_every.deep=1", "holds no settings"),
        ("phases=1", "must be a list"),
    ],
)
def test_changes_that_make_no_sense_are_named(change: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        load_train_config("tiny", [change])


def test_a_wrong_base_is_named(tmp_path: Path) -> None:
    one, other = tmp_path / "one.toml", tmp_path / "other.toml"
    one.write_text('base = "other.toml"\n', encoding="utf-8")
    other.write_text('base = "one.toml"\n', encoding="utf-8")
    with pytest.raises(UserError, match="is its own base"):
        read_settings(str(one))
    for base, why in ("5", "base must be"), ('"smal"', "no preset"), ('"nowhere.toml"', "does not exist"):
        one.write_text(f"base = {base}\n", encoding="utf-8")
        with pytest.raises(UserError, match=why):
            read_settings(str(one))
