"""docs/fidelity.md: what it names exists, and its numbers are those of the networks."""

import pytest

from benchmarks.fidelity import DOCUMENT, locate, named
from benchmarks.parameters import BLOCKS, ours, spade, table

NAMES = sorted(set(named(DOCUMENT.read_text(encoding="utf-8"))))


@pytest.mark.parametrize(("file", "name"), NAMES)
def test_what_the_table_names_is_there(file: str, name: str) -> None:
    path, line = locate(file, name)
    text = path.read_text(encoding="utf-8").splitlines()
    assert not name or name.rpartition(".")[2] in text[line - 1]


def test_there_are_names_and_what_is_gone_is_noticed() -> None:
    assert len(NAMES) > 40
    for file, name in (("models/msca.py", "MSCA.psi_logits"), ("models/mscb.py", ""), ("presets/paper.toml", "psi")):
        with pytest.raises(LookupError):
            locate(file, name)


def test_every_section_of_the_supplement_has_its_rows() -> None:
    rows = [
        line
        for line in DOCUMENT.read_text(encoding="utf-8").splitlines()
        if line[:3] in {f"| {n}" for n in range(1, 9)}
    ]
    assert {row[2] for row in rows} == set("12345678")
    assert len(rows) > 35


def test_the_table_of_parameters_is_of_these_networks() -> None:
    theirs, mine = spade(), ours()
    assert table(theirs, mine) in DOCUMENT.read_text(encoding="utf-8")
    equal = [f"{block} {part}" for block in BLOCKS for part in ("modulation", "convolutions")]
    assert all(theirs[name] == mine[name] for name in (*equal, "to image", "VAE: image encoder", "VAE: μ and log σ²"))
