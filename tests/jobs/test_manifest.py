"""Manifests: what is refused before any work, batches, resuming, rows that fail."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sceneswap.errors import UserError
from sceneswap.images import read_photo, read_png_text, write_png
from sceneswap.inference.look import Look
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.jobs import synthesize
from sceneswap.jobs.manifest import COLUMNS, read_manifest
from sceneswap.jobs.reader import SceneReader
from sceneswap.jobs.synthesize import failure_lines, failures_path, run_manifest
from sceneswap.scene import Scene


def row(layout: str, exemplar: str, output: str = "", **settings: str) -> dict[str, str]:
    """The columns for scenes of the folder `data`."""
    files = (f"labels/{layout}.png", f"images/{exemplar}.png", f"labels/{exemplar}.png")
    return dict(zip(COLUMNS, (*files, output or f"out/{layout}{exemplar}.png"), strict=True)) | settings


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows as .csv or .jsonl."""
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, [*rows[0]])
            writer.writeheader()
            writer.writerows(rows)
    return path


# --- The list ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["list.csv", "list.jsonl"])
def test_paths_are_relative_to_the_manifest(tmp_path: Path, name: str) -> None:
    entries = [row("a", "b", schema="", exemplar_schema=""), row("c", "d", schema="camvid", exemplar_schema="outdoor")]
    rows = read_manifest(write(tmp_path / name, entries))
    assert rows[0].label_map == tmp_path / "labels" / "a.png"
    assert rows[1].output == tmp_path / "out" / "cd.png"
    assert (rows[0].schema, rows[1].schema.name, rows[1].exemplar_schema.name) == (None, "camvid", "outdoor")  # type: ignore[union-attr]


def test_a_spreadsheets_csv_is_read(tmp_path: Path) -> None:
    text = "\ufefflabel_map, exemplar, exemplar_label_map, output, schema\r\nm.png, p.jpg, q.png, o.png,\r\n"
    (tmp_path / "list.csv").write_bytes(text.encode())
    (only,) = read_manifest(tmp_path / "list.csv")
    assert (only.exemplar, only.output, only.schema) == (tmp_path / "p.jpg", tmp_path / "o.png", None)


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_the_list_of_any_spreadsheet(tmp_path: Path, mark: str) -> None:
    """With the separator of its language, empty rows in between and below, empty columns beside."""
    lines = ["label_map,exemplar,output,,", "m.png,p.jpg,o.png,,", ",,,,", '"a b.png",p.jpg,q.png,,', "", ",,"]
    (tmp_path / "list.csv").write_text("\r\n".join(lines).replace(",", mark))
    first, second = read_manifest(tmp_path / "list.csv")
    assert (first.exemplar, first.output) == (tmp_path / "p.jpg", tmp_path / "o.png")
    assert (second.label_map, second.output, second.line) == (tmp_path / "a b.png", tmp_path / "q.png", 4)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("list.csv", "label_map,exemplar\na,b\n", "its header lacks output"),
        ("list.csv", "", "its header lacks label_map"),
        ("list.csv", ",".join(COLUMNS) + "\n", "has no rows"),
        ("list.csv", ",".join(COLUMNS) + ",shema\na,b,c,d.png,x\n", "unknown column 'shema'"),
        ("list.csv", ",".join(COLUMNS) + "\na,b,c,d.png,e\n", "line 2 has more values"),
        ("list.csv", ",".join(COLUMNS) + "\na,,c,d.png\n", "line 2 has no exemplar"),
        ("list.csv", ",".join(COLUMNS) + "\na,b,c\n", "line 2 has no output"),
        ("list.csv", ",".join(COLUMNS) + "\na,b,c,d.gif\n", r"line 2: the output .*d\.gif must be named \.png"),
        ("list.csv", ",".join(COLUMNS) + "\na,b,c,d.png\ne,f,g,./d.png\n", "lines 2 and 3 both write"),
        ("list.csv", ",".join(COLUMNS) + "\na,b,c,d.png\nd.png,f,g,e.png\n", "line 2 would overwrite the input"),
        ("list.csv", ",".join(COLUMNS) + ",schema\na,b,c,d.png,cocoo\n", "line 2: .*cocoo"),
        ("list.csv", ",".join(COLUMNS) + '\n"a\n', "not valid CSV"),
        ("list.jsonl", '{"label_map": "a"}\n', "line 1 lacks exemplar"),
        ("list.jsonl", "{\n", "line 1 is not valid JSON"),
        ("list.jsonl", "[1]\n", "line 1 must be an object"),
        ("list.jsonl", json.dumps(row("a", "b") | {"output": 3}), "line 1 has no output"),
        ("list.jsonl", json.dumps(row("a", "b") | {"exemplar_label_map": 3}), "line 1 has no exemplar_label_map"),
        ("list.jsonl", json.dumps(row("a", "b") | {"schema": 3}), "schema must be a preset"),
        ("list.txt", "", "neither .csv nor .jsonl"),
    ],
)
def test_a_wrong_list_is_refused_before_any_work(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=words) as caught:
        read_manifest(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_the_exemplars_map_may_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("label_map,exemplar,output\na.png,b.jpg,c.png\n")
    (tmp_path / "list.jsonl").write_text(json.dumps(row("a", "b") | {"exemplar_label_map": ""}))
    for name in ("list.csv", "list.jsonl"):
        (only,) = read_manifest(tmp_path / name)
        assert only.exemplar_label_map is None
        assert only.inputs == (only.label_map, only.exemplar)


def test_a_list_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        read_manifest(tmp_path / "list.csv")
    (tmp_path / "other.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read"):
        read_manifest(tmp_path / "other.csv")


# --- Running it -------------------------------------------------------------------------------------------------------


def test_rows_are_drawn_as_single_pictures_are(synthesizer: Synthesizer, data: Path) -> None:
    rows = read_manifest(write(data / "list.csv", [row(x, y) for x in "abcd" for y in "abcd"]))
    done: list[int] = []
    outcome = run_manifest(SceneReader(synthesizer), rows, batch_size=2, on_done=done.append)
    assert (outcome.drawn, outcome.skipped, outcome.failures, sum(done)) == (16, 0, [], 16)
    for one in rows:
        assert one.exemplar_label_map is not None
        look = synthesizer.encode(synthesizer.read_scene(one.exemplar, one.exemplar_label_map))
        alone = synthesizer.draw(synthesizer.read_label_map(one.label_map), look).astype(int)
        assert np.abs(read_photo(one.output).astype(int) - alone).max() <= 1


def test_no_rows_are_no_work(synthesizer: Synthesizer) -> None:
    outcome = run_manifest(SceneReader(synthesizer), [])
    assert (outcome.drawn, outcome.skipped, outcome.failures) == (0, 0, [])


def test_a_shared_exemplar_is_encoded_once(
    synthesizer: Synthesizer, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[str] = []
    encode = Synthesizer.encode

    def remember(self: Synthesizer, scene: Scene) -> Look:
        encoded.append(scene.name)
        return encode(self, scene)

    monkeypatch.setattr(Synthesizer, "encode", remember)
    rows = read_manifest(write(data / "list.csv", [row(x, y) for y in "ab" for x in "abcd"]))
    run_manifest(SceneReader(synthesizer), rows, batch_size=1)  # several windows
    assert sorted(Path(name).stem for name in encoded) == ["a", "b"]


def test_the_cache_of_exemplars_is_bounded(
    synthesizer: Synthesizer, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthesize, "_CACHED_EXEMPLARS", 1)
    rows = read_manifest(write(data / "list.csv", [row(x, y) for x in "abcd" for y in "abcd"]))
    assert run_manifest(SceneReader(synthesizer), rows, batch_size=1).drawn == 16


def test_only_what_is_missing_or_different_is_drawn_again(
    synthesizer: Synthesizer, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = read_manifest(write(data / "list.csv", [row("a", y) for y in "abcd"]))
    assert run_manifest(SceneReader(synthesizer), rows).drawn == 4
    before = [r.output.read_bytes() for r in rows]
    assert run_manifest(SceneReader(synthesizer), rows).skipped == 4
    rows[0].output.unlink()
    rows[1].output.write_bytes(before[1][:-40])
    write_png(rows[2].output, read_photo(rows[2].output))  # its note is gone
    outcome = run_manifest(SceneReader(synthesizer), rows)
    assert (outcome.drawn, outcome.skipped) == (2, 1)
    (refused,) = outcome.failures  # cut short, so no longer as it was sealed: somebody else has had it
    assert "sceneswap has not written it or it was changed since" in refused.error
    photo = read_photo(rows[3].exemplar)
    write_png(rows[3].exemplar, 255 - photo)
    assert run_manifest(SceneReader(synthesizer), rows).drawn == 1
    assert run_manifest(SceneReader(synthesizer), rows, overwrite=True).drawn == 4
    monkeypatch.setattr(synthesizer, "weights_sha256", "of another model")
    assert run_manifest(SceneReader(synthesizer), rows).drawn == 4


def test_outputs_say_how_they_were_made(synthesizer: Synthesizer, data: Path) -> None:
    (only,) = rows = read_manifest(write(data / "list.csv", [row("a", "b")]))
    run_manifest(SceneReader(synthesizer), rows)
    note = json.loads(read_png_text(only.output)["sceneswap"])
    assert [note[what]["file"] for what in COLUMNS[:3]] == ["a.png", "b.png", "b.png"]
    assert note["label_map"]["schema"] == note["model"]["schema"] == "outdoor"
    assert note["model"]["weights_sha256"] == synthesizer.weights_sha256
    assert str(data) not in json.dumps(note)


def test_rows_that_fail_do_not_stop_the_others(synthesizer: Synthesizer, data: Path) -> None:
    (data / "images" / "broken.png").write_bytes((data / "images" / "a.png").read_bytes()[:200])
    write_png(data / "labels" / "broken.png", np.zeros((48, 64), np.uint8))
    (data / "file").write_text("")
    write_png(data / "labels" / "foreign.png", np.full((8, 8), 77, np.uint8))
    entries = [
        row("a", "b"), row("missing", "b"), row("foreign", "b"), row("a", "broken"), row("b", "broken"),
        row("a", "a", "file/x.png"), row("b", "a") | {"exemplar": "images/b.png"}, row("d", "d"),
    ]  # fmt: skip
    rows = read_manifest(write(data / "list.csv", entries))
    outcome = run_manifest(SceneReader(synthesizer), rows, batch_size=4)
    assert outcome.drawn == 2
    assert [failure.line for failure in outcome.failures] == [3, 4, 5, 6, 7, 8]
    words = ["does not exist", "id 77", "damaged", "damaged", "no folder", "must be of one size"]
    for failure, expected in zip(outcome.failures, words, strict=True):
        assert expected in failure.error
    assert failures_path(rows) == data / "errors.jsonl"
    listed = [json.loads(line) for line in failure_lines(outcome).splitlines()]
    assert [entry["line"] for entry in listed] == [3, 4, 5, 6, 7, 8]
    assert not list(data.rglob("*.tmp"))


def test_an_interruption_leaves_whole_pictures_and_can_be_gone_on_from(synthesizer: Synthesizer, data: Path) -> None:
    rows = read_manifest(write(data / "list.csv", [row(x, y) for x in "abcd" for y in "abcd"]))

    def interrupt(count: int) -> None:
        if len(list((data / "out").glob("*.png"))) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_manifest(SceneReader(synthesizer), rows, batch_size=2, on_done=interrupt)
    assert len(list((data / "out").iterdir())) == 5
    outcome = run_manifest(SceneReader(synthesizer), rows, batch_size=2)
    assert (outcome.drawn, outcome.skipped) == (11, 5)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_a_picture_does_not_depend_on_its_company(synthesizer: Synthesizer, data: Path, batch_size: int) -> None:
    """Whatever was drawn before, is there already or cannot be read: the same bytes."""
    pairs = ["ab", "cb", "ca", "ac", "cd", "ad", "aa"]  # a and c are of one size
    rows = read_manifest(write(data / "list.csv", [row(*pair) for pair in pairs]))
    run_manifest(SceneReader(synthesizer), rows, batch_size=batch_size)
    whole = {r.output: r.output.read_bytes() for r in rows}
    for missing in ([1], [0, 4], [2, 3, 5, 6], [6]):
        for number in missing:
            rows[number].output.unlink()
        broken = rows[missing[0]].label_map.parent / "none.png"
        others = [replace(r, label_map=broken, output=r.output.with_name("x.png")) for r in rows[:1]]
        run_manifest(SceneReader(synthesizer), [*others, *reversed(rows)], batch_size=batch_size)
        assert {r.output: r.output.read_bytes() for r in rows} == whole
