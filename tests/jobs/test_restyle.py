"""Restyled copies of a labelled data set: what they are, whose look they get, what lies beside them, the same every time."""

import csv
import errno
import json
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from sceneswap import remote
from sceneswap.data.folder import FolderDataset
from sceneswap.data.pairing import Pair, find_pairs
from sceneswap.engines.local import in_order
from sceneswap.errors import UserError
from sceneswap.files import write_bytes
from sceneswap.guard import overwriting
from sceneswap.images import read_photo, read_picture_text
from sceneswap.inference.look import Look, known_shares
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.jobs.reader import SceneReader
from sceneswap.jobs.restyle.annotations import Annotations
from sceneswap.jobs.restyle.copies import CopyMaker, Outcome
from sceneswap.jobs.restyle.looks import encode_looks
from sceneswap.jobs.restyle.plan import Places, RestyleSettings, Shard
from sceneswap.jobs.restyle.run import Job, Summary, restyle
from sceneswap.jobs.sources import find_sources
from sceneswap.labels.io import read_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.pictures import inside
from tests.tiny import make_scene, write_photo

OUTDOOR = load_schema("outdoor")
LOOKS = 5
Files = dict[str, bytes]


@pytest.fixture
def looks(reading: Synthesizer, tmp_path: Path) -> Path:
    """Four photographs and a saved look."""
    folder = tmp_path / "looks"
    for seed in range(LOOKS - 1):
        write_photo(folder / f"look-{seed}.jpg", (48, 64), seed)
    reading.encode(make_scene((48, 64), 77, OUTDOOR)).save(folder / "saved.look.safetensors")
    return folder


@pytest.fixture
def job(data: Path, looks: Path, reading: Synthesizer, tmp_path: Path) -> Job:
    sources, _ = find_sources([looks], schema=reading.schema)
    settings = RestyleSettings(per_image=2, suffix=".png")
    return Job(find_pairs(data), Places(data), OUTDOOR, sources, tmp_path / "out", settings)


def made(folder: Path) -> Files:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def run(reading: Synthesizer, job: Job, **options: Any) -> Summary:
    return restyle(SceneReader(reading, long_side=1024), job, **options)


def with_settings(job: Job, **changes: Any) -> Job:
    return replace(job, settings=replace(job.settings, **changes))


def listed(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "pictures.csv").read_text(encoding="utf-8").splitlines()))


def looks_of(folder: Path) -> dict[str, str]:
    return {Path(row["picture"]).stem: row["look"] for row in listed(folder)}


def test_a_copy_has_the_layout_of_its_picture_and_the_look_of_another(reading: Synthesizer, job: Job) -> None:
    summary = run(reading, job)
    assert summary.copies == {"drawn": 8}
    for pair in job.pairs:
        label_map = read_label_map(pair.label_map, OUTDOOR)
        for number in (1, 2):
            copy = job.out / "images" / f"{pair.name}__{number}.png"
            assert (job.out / "labels" / f"{copy.stem}.png").read_bytes() == pair.label_map.read_bytes()
            assert read_photo(copy).shape[:2] == label_map.shape
            note = json.loads(read_picture_text(copy)["sceneswap"])
            assert note["label_map"]["file"] == pair.label_map.name
            kept = [
                Look.load(p) for p in (job.out / "looks").iterdir() if p.name.startswith(looks_of(job.out)[copy.stem])
            ]
            if kept:
                assert np.array_equal(read_photo(copy), reading.draw(label_map, kept[0]))
                assert note["exemplar"]["file"] == kept[0].name
    assert len(list((job.out / "looks").iterdir())) == LOOKS - 1  # the saved one is its own file
    pairs_of_looks = {name: {looks_of(job.out)[f"{name}__{n}"] for n in (1, 2)} for name in "abcd"}
    assert all(len(two) == 2 for two in pairs_of_looks.values())
    assert len(set().union(*pairs_of_looks.values())) > 2


def test_the_copies_are_a_data_set(reading: Synthesizer, job: Job) -> None:
    run(reading, job)
    assert len(FolderDataset([job.out], OUTDOOR)) == 8
    FolderDataset([job.out], OUTDOOR)[7]
    page = (job.out / "index.html").read_text(encoding="utf-8")
    assert page.count("<figcaption>") == 3 * 8
    record = json.loads((job.out / "restyle.json").read_text())
    assert record["pictures"]["copies"] == 8
    assert str(job.out.parent) not in (job.out / "restyle.json").read_text() + page


def test_a_second_run_draws_nothing_and_changes_nothing(
    reading: Synthesizer, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(reading, job)
    before = made(job.out)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("drawn again")

    monkeypatch.setattr(Synthesizer, "draw_batch", never)
    monkeypatch.setattr(Synthesizer, "encode", never)
    assert run(reading, job).copies == {"there": 8}
    assert made(job.out) == before


def test_what_is_missing_or_half_there_is_made_again(reading: Synthesizer, job: Job) -> None:
    run(reading, job)
    before = made(job.out)
    (job.out / "images" / "a__2.png").unlink()
    (job.out / "labels" / "b__1.png").unlink()
    (job.out / "index.html").unlink()
    next((job.out / "looks").iterdir()).unlink()
    (job.out / "images" / ".sceneswap-0123456789ab.tmp").write_bytes(b"half")
    assert run(reading, job).copies == {"there": 7, "drawn": 1}
    assert made(job.out) == before


def test_the_maker_of_copies_can_be_sent_to_another_machine(reading: Synthesizer, job: Job, tmp_path: Path) -> None:
    """As an engine would that shares the rows out: the maker travels, the rows travel, the files are the same."""
    run(reading, job)
    away = replace(job, out=tmp_path / "away")

    def engine(make: Callable[[Pair], Outcome], rows: Sequence[Pair]) -> Iterator[Outcome]:
        sent = pickle.dumps(make)
        done = {
            row.name: pickle.loads(pickle.dumps(pickle.loads(sent)(pickle.loads(pickle.dumps(row)))))
            for row in rows[::-1]
        }
        return (done[row.name] for row in rows)

    run(reading, away, engine=engine)
    assert made(away.out) == made(job.out)


def test_batches_and_threads_change_no_picture(reading: Synthesizer, job: Job, tmp_path: Path) -> None:
    run(reading, job)
    other = replace(job, out=tmp_path / "threads")
    run(reading, other, engine=lambda make, rows: in_order(make, rows, 3))
    assert made(other.out) == made(job.out)
    batched = replace(job, out=tmp_path / "batched")
    run(reading, batched, batch_size=2)
    for name in made(job.out):
        if name.startswith("images/"):
            one, two = (read_photo(folder / name).astype(int) for folder in (job.out, batched.out))
            assert np.abs(one - two).max() <= 1
    (batched.out / "images" / "a__2.png").unlink()
    before = made(batched.out)
    run(reading, batched, batch_size=2)
    assert {name: data for name, data in made(batched.out).items() if name in before} == before


def test_the_look_is_a_pure_function_of_seed_picture_and_number(reading: Synthesizer, job: Job, tmp_path: Path) -> None:
    run(reading, job)
    first = looks_of(job.out)
    fewer = replace(job, pairs=job.pairs[1:3], out=tmp_path / "fewer")
    run(reading, fewer)
    assert looks_of(fewer.out) == {name: look for name, look in first.items() if name[0] in "bc"}
    run(reading, with_settings(job, per_image=4))  # more of them, in the same folder
    more = looks_of(job.out)
    assert len(more) == 16
    assert first.items() <= more.items()
    other = with_settings(replace(job, out=tmp_path / "other"), seed=1)
    run(reading, other)
    assert looks_of(other.out) != first


def test_looks_are_like_the_picture_where_that_is_asked_for(reading: Synthesizer, job: Job, tmp_path: Path) -> None:
    scenes = [make_scene((48, 64), seed, OUTDOOR) for seed in range(6)]
    for number, scene in enumerate(scenes):
        reading.encode(scene).save(tmp_path / "some" / f"{number}.look.safetensors")
    sources, _ = find_sources([tmp_path / "some"], schema=reading.schema)
    overlaps = {}
    for pair in job.pairs:
        label_map = read_label_map(pair.label_map, OUTDOOR)
        for number, scene in enumerate(scenes):
            two = (np.bincount(m.ravel(), minlength=36)[:36] / m.size for m in (label_map, scene.label_map))
            overlaps[pair.name, str(number)] = float(np.minimum(*two).sum())
    least = float(np.median(list(overlaps.values())))
    like = with_settings(replace(job, looks=sources), overlap=least, per_image=6)
    summary = run(reading, like)
    fit = {key for key, value in overlaps.items() if value >= least - 1e-6}
    assert {(Path(r["photograph"]).stem, r["look"]) for r in listed(job.out)} == fit
    assert summary.wanting == len(overlaps) - len(fit)
    replace(reading.encode(scenes[0]), shares=()).save(tmp_path / "some" / "old.look.safetensors")
    sources, _ = find_sources([tmp_path / "some"], schema=reading.schema)
    with pytest.raises(UserError, match=r"old\.look\.safetensors was saved without the classes"):
        run(reading, replace(like, looks=sources, out=tmp_path / "two"))
    assert known_shares([0.25, 0.25, 0.5]).tolist() == [0.5, 0.5]


def test_no_picture_gets_its_own_look(reading: Synthesizer, job: Job, data: Path) -> None:
    sources, _ = find_sources([data], schema=reading.schema)
    run(reading, with_settings(replace(job, looks=sources), per_image=4))
    assert {(row["photograph"][0], row["look"]) for row in listed(job.out)} == {
        (one, other) for one in "abcd" for other in "abcd" if one != other
    }


def test_copies_that_are_not_read_as_drawn_are_dropped_once(
    reading: Synthesizer, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(reading, with_settings(job, agreement=1e-9))
    known = sorted(float(row["agreement"]) for row in listed(job.out))
    strict = with_settings(replace(job, out=tmp_path / "strict"), agreement=max(known[-1], 0.01))
    summary = run(reading, strict)
    kept = [row for row in listed(strict.out) if float(row["agreement"]) >= strict.settings.agreement]
    assert len(kept) == len(listed(strict.out)) == len(list((strict.out / "images").glob("*")) if kept else [])
    assert summary.copies["dropped"] == 8 - len(kept) == len(list((strict.out / "dropped").iterdir())) > 0
    assert f"{summary.copies['dropped']:,} dropped" in (strict.out / "index.html").read_text(encoding="utf-8")
    before = made(strict.out)
    monkeypatch.setattr(Synthesizer, "draw_batch", lambda *_, **__: pytest.fail("drawn again"))
    assert run(reading, strict).copies["dropped"] == summary.copies["dropped"]
    assert made(strict.out) == before


def test_agreement_is_the_share_of_known_pixels_read_as_drawn(reading: Synthesizer, job: Job) -> None:
    run(reading, with_settings(job, agreement=1e-9, long_side=32))
    for row in listed(job.out):
        label_map = read_label_map(job.out / row["label_map"], OUTDOOR)
        assert read_photo(job.out / row["picture"]).shape[:2] == label_map.shape
        assert 0 <= float(row["agreement"]) <= 1
    maker = CopyMaker(SceneReader(reading), OUTDOOR, encode_looks(SceneReader(reading), job.looks, job.out / "looks"),
                      replace(job.settings, agreement=1e-9), job.out.parent / "alone", job.places)  # fmt: skip
    outcome = maker(job.pairs[0])
    look = next(one for one in maker.looks.named if one.name == outcome.copies[0].look)
    layout = read_label_map(job.pairs[0].label_map, OUTDOOR)
    layout = layout[: inside(layout.shape, 1024)[0]]
    seen = reading.estimate_labels(reading.draw(layout, look.look))
    assert outcome.copies[0].agreement == pytest.approx(np.mean((seen == layout)[layout != 36]), abs=1e-4)


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_files_as_small_as_wanted(reading: Synthesizer, job: Job, tmp_path: Path, suffix: str) -> None:
    sizes = []
    for quality in (20, 95):
        one = with_settings(replace(job, out=tmp_path / str(quality)), suffix=suffix, quality=quality)
        run(reading, one)
        pictures = list((one.out / "images").iterdir())
        assert {p.suffix for p in pictures} == {suffix}
        sizes.append(sum(p.stat().st_size for p in pictures))
        assert run(reading, one).copies == {"there": 8}
    assert sizes[0] < sizes[1]


def test_annotations_are_carried_by_name(reading: Synthesizer, job: Job, tmp_path: Path) -> None:
    voc, yolo, coco = tmp_path / "Annotations", tmp_path / "yolo", tmp_path / "instances.json"
    voc.mkdir()
    yolo.mkdir()
    xml = (
        b"<annotation>\r\n\t<folder>x</folder><filename>a.png</filename>\n<object><name>cow &amp; calf</name></object>"
    )
    (voc / "a.xml").write_bytes(xml + b"</annotation>")
    (yolo / "b.txt").write_bytes(b"3 0.5 0.5 0.25 0.25\r\n")
    (yolo / "classes.txt").write_text("cow")
    box = {"bbox": [1, 2, 3, 4], "category_id": 3, "iscrowd": 0}
    content = {
        "info": {"year": 2017}, "categories": [{"id": 3, "name": "cow"}],
        "images": [{"id": 7, "file_name": "train/a.png", "width": 64, "height": 48}, {"id": 9, "file_name": "gone.png"}],
        "annotations": [{"id": 40, "image_id": 7, **box}, {"id": 41, "image_id": 9, **box}],
    }  # fmt: skip
    coco.write_text(json.dumps(content))
    carried = replace(job, annotations=Annotations.of([voc, yolo, coco]))
    run(reading, carried)
    assert (job.out / "Annotations" / "a__2.xml").read_bytes() == xml.replace(b"a.png", b"a__2.png") + b"</annotation>"
    assert {p.name for p in (job.out / "yolo").iterdir()} == {"b__1.txt", "b__2.txt"}
    assert (job.out / "yolo" / "b__1.txt").read_bytes() == (yolo / "b.txt").read_bytes()
    new = json.loads((job.out / "instances.json").read_text())
    assert [(one["id"], one["file_name"], one["width"]) for one in new["images"]] == [
        (10, "train/a__1.png", 64), (11, "train/a__2.png", 64)
    ]  # fmt: skip
    assert new["annotations"] == [{"id": 42, "image_id": 10, **box}, {"id": 43, "image_id": 11, **box}]
    assert (new["info"], new["categories"]) == (content["info"], content["categories"])
    (yolo / "c.txt").write_text("1 0.5 0.5 1 1")
    assert run(reading, carried).copies == {"there": 8}  # what is new beside a copy needs no drawing
    assert (job.out / "yolo" / "c__2.txt").exists()


def test_annotations_that_are_none_are_refused(reading: Synthesizer, job: Job, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    cases: list[tuple[str, Callable[[Path], object], str]] = [
        ("gone.json", lambda p: None, "does not exist|is missing"),
        ("gone", lambda p: None, "does not exist"),
        ("a.csv", lambda p: p.write_text(""), "neither a folder"),
        ("boxes", lambda p: p.mkdir(), "no .txt or .xml file named"),
        ("b.json", lambda p: p.write_text("[1]"), "not in COCO's format"),
        ("c.json", lambda p: p.write_text('{"images": [{"id": 1}]}'), "not in COCO's format"),
        (
            "d.json",
            lambda p: p.write_text('{"images": [{"id": 1, "file_name": "x.jpg"}]}'),
            "names none of the pictures",
        ),
    ]
    for name, write, words in cases:
        write(tmp_path / name)
        with pytest.raises(UserError, match=words):
            run(reading, replace(job, annotations=Annotations.of([tmp_path / name])))
    with pytest.raises(UserError, match="there would be two images"):
        Annotations.of([job.pairs[0].photo.parent], ["images", "labels"])
    assert not job.out.exists()


def test_shards_together_are_the_whole(reading: Synthesizer, job: Job, tmp_path: Path) -> None:
    run(reading, job)
    shared = replace(job, out=tmp_path / "shared")
    counts = [run(reading, replace(shared, shard=Shard.parse(f"{n}/3"))).copies["drawn"] for n in (3, 1, 2)]
    assert counts == [2, 4, 2]
    assert not (shared.out / "index.html").exists()
    assert run(reading, shared).copies == {"there": 8}
    assert made(shared.out) == made(job.out)
    for wrong in ("3", "0/3", "4/3", "a/b", "1/0", "-1/2"):
        with pytest.raises(UserError, match="such as 3/16"):
            Shard.parse(wrong)


def test_a_folder_keeps_to_one_plan(reading: Synthesizer, job: Job, tmp_path: Path) -> None:
    run(reading, job)
    before = made(job.out)
    for change, words in (
        ({"seed": 3}, "--seed"), ({"quality": 50}, "--quality"), ({"per_image": 1}, "fewer --per-image"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=f"made with other settings .{words}"):
            run(reading, with_settings(job, **change))
    with pytest.raises(UserError, match=r"other settings .looks"):
        run(reading, replace(job, looks=job.looks[1:]))
    assert made(job.out) == before
    for name in ("images", "schema.toml", "index.html"):
        (tmp_path / f"of-{name}" / name).mkdir(parents=True)
        with pytest.raises(UserError, match=f"holds {name}, which restyle has not written"):
            run(reading, replace(job, out=tmp_path / f"of-{name}"))
    (job.out / "restyle.json").write_text("[]")
    with pytest.raises(UserError, match="is not the record"):
        run(reading, job)


def test_a_picture_of_somebody_else_is_never_written_over(reading: Synthesizer, job: Job) -> None:
    run(reading, job)
    mine = job.out / "images" / "c__1.png"
    Image.new("RGB", (8, 8)).save(mine)
    before = mine.read_bytes()
    assert list(run(reading, job).errors) == ["c"]
    assert mine.read_bytes() == before
    with overwriting():
        assert run(reading, job).copies == {"there": 7, "drawn": 1}
    assert mine.read_bytes() != before


@pytest.mark.parametrize("name", ["images/a__1.png", "labels/a__1.png", "index.html"])
def test_what_was_retouched_is_kept(reading: Synthesizer, job: Job, name: str) -> None:
    run(reading, job)
    mine = job.out / name
    if name == "index.html":
        mine.write_text(mine.read_text().replace("<h1>", "<h1>My "))
        with pytest.raises(
            UserError, match=r"index\.html exists, and sceneswap has not written it or it was changed since"
        ):
            run(reading, job)
        return
    with Image.open(mine) as image:
        image.transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(mine)
    before = mine.read_bytes()
    assert "was changed since" in run(reading, job).errors["a"]
    assert mine.read_bytes() == before
    with overwriting():
        assert not run(reading, job).errors
    assert mine.read_bytes() != before


def test_a_label_map_that_was_corrected_is_drawn_again(reading: Synthesizer, job: Job) -> None:
    run(reading, job)
    values = np.full((48, 64), OUTDOOR.file_values[3], np.uint8)
    Image.fromarray(values).save(job.pairs[0].label_map)
    assert run(reading, job).copies == {"drawn": 2, "there": 6}
    assert (job.out / "labels" / "a__1.png").read_bytes() == job.pairs[0].label_map.read_bytes()


def test_pictures_that_cannot_be_used_stop_no_others(reading: Synthesizer, job: Job) -> None:
    job.pairs[1].label_map.write_bytes(b"no picture")
    void = int(OUTDOOR.file_values[-1])
    values = np.full((48, 64), void, np.uint8)
    Image.fromarray(values).save(job.pairs[2].label_map)
    summary = run(reading, job)
    assert summary.copies == {"drawn": 4}
    assert list(summary.errors) == ["b"]
    assert sum(summary.left_out.values()) == 1
    values[:24] = OUTDOOR.file_values[0]
    Image.fromarray(values).save(job.pairs[2].label_map)
    assert run(reading, job).copies == {"drawn": 2, "there": 4}
    half = with_settings(replace(job, out=job.out.parent / "half"), max_void=0.4)
    assert run(reading, half).left_out == {"void to the model in more than 40%": 1}


def test_a_wrong_schema_is_one_sentence_and_nothing_is_written(reading: Synthesizer, job: Job, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.png: "):
        run(reading, replace(job, schema=load_schema("stanford-background")))
    assert not (job.out / "images").exists()
    foreign = replace(
        OUTDOOR, name="stars", classes=tuple(replace(c, name=f"star {c.id}", outdoor=None) for c in OUTDOOR.classes)
    )
    with pytest.raises(UserError, match="no class of schema stars has a counterpart"):
        run(reading, replace(job, schema=foreign, out=tmp_path / "other"))
    assert not (tmp_path / "other").exists()


def test_looks_that_cannot_be_used_are_named_before_any_drawing(
    reading: Synthesizer, synthesizer: Synthesizer, job: Job, tmp_path: Path
) -> None:
    synthesizer.encode(make_scene((48, 64), 1, OUTDOOR)).save(tmp_path / "z.look.safetensors")
    sources, _ = find_sources([tmp_path / "looks", tmp_path / "z.look.safetensors"], schema=reading.schema)
    with pytest.raises(UserError, match="encoded by another model"):
        run(reading, replace(job, looks=sources))
    assert not (job.out / "images").exists()
    with pytest.raises(UserError, match="need as many looks, but there are 5"):
        run(reading, with_settings(job, per_image=6))


def test_copies_never_lie_among_what_is_read(reading: Synthesizer, job: Job, data: Path) -> None:
    before = made(data)
    for out in (data, job.looks[0].photo.parent.parent):
        with pytest.raises(UserError, match="choose another folder"):
            run(reading, replace(job, out=out))
    assert made(data) == before


@pytest.mark.parametrize(("number", "words"), [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "read-only")])
def test_a_disk_that_takes_no_more_ends_it_and_it_goes_on_later(
    reading: Synthesizer, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    whole = replace(job, out=tmp_path / "whole")
    run(reading, whole)
    left, sync = [9], os.fsync

    def filling(file: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(number, "no")
        sync(file)

    with monkeypatch.context() as patch:
        patch.setattr("sceneswap.files.os.fsync", filling)
        with pytest.raises(UserError, match=words):
            run(reading, job)
    there = made(job.out)
    assert 0 < len(there) < len(made(whole.out))
    run(reading, job)
    assert made(job.out) == made(whole.out)
    assert there.items() - {("restyle.json", there["restyle.json"])} <= made(job.out).items()


@pytest.mark.parametrize(
    "changes",
    [{"per_image": 0}, {"seed": -1}, {"overlap": 1.5}, {"agreement": -0.1}, {"quality": 101}, {"suffix": ".gif"}],
)
def test_settings_that_make_no_sense(changes: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        RestyleSettings(**changes)


def test_trees_of_files_are_kept_as_they_are(reading: Synthesizer, job: Job, data: Path, tmp_path: Path) -> None:
    for pair, city in zip(job.pairs, ("ulm", "ulm", "bonn", "bonn"), strict=True):
        for file, place in (
            (pair.photo, f"leftImg8bit/train/{city}/{pair.name}.v1_leftImg8bit.png"),
            (pair.label_map, f"gtFine/train/{city}/{pair.name}.v1_gtFine_labelIds.png"),
        ):
            (tmp_path / "tree" / place).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "tree" / place).write_bytes(file.read_bytes())
    layout = "leftImg8bit/train/*/*_leftImg8bit.png+gtFine/train/*/*_gtFine_labelIds.png"
    pairs = find_pairs(tmp_path / "tree", layout)
    tree = replace(job, pairs=pairs, places=Places(tmp_path / "tree", layout))
    assert run(reading, tree).copies == {"drawn": 8}
    assert {p.relative_to(job.out).as_posix() for p in job.out.glob("leftImg8bit/**/*.png")} == {
        f"leftImg8bit/train/{city}/{name}.v1__{number}_leftImg8bit.png"
        for name, city in (("a", "ulm"), ("b", "ulm"), ("c", "bonn"), ("d", "bonn"))
        for number in (1, 2)
    }
    copied = find_pairs(job.out, layout)  # what read the tree reads the copies
    assert [pair.name for pair in copied] == [f"{name}.v1__{number}" for name in "abcd" for number in (1, 2)]
    assert copied[0].label_map.read_bytes() == pairs[0].label_map.read_bytes()
    assert run(reading, tree).copies == {"there": 8}
    with pytest.raises(UserError, match="choose another folder"):
        run(reading, replace(tree, out=tmp_path / "tree"))


def test_label_maps_of_matlab_are_carried_too(reading: Synthesizer, job: Job, data: Path) -> None:
    values = OUTDOOR.decode(make_scene((48, 64), 0, OUTDOOR).label_map)
    (data / "labels" / "a.png").unlink()
    savemat(data / "labels" / "a.mat", {"S": values})
    assert run(reading, replace(job, pairs=find_pairs(data))).copies == {"drawn": 8}
    assert (job.out / "labels" / "a__1.mat").read_bytes() == (data / "labels" / "a.mat").read_bytes()


def test_an_object_store_is_read_and_written_as_folders_are(
    reading: Synthesizer, job: Job, data: Path, looks: Path
) -> None:
    pytest.importorskip("upath", reason="object stores need universal_pathlib: pip install 'sceneswap[ray]'")
    store = remote.place(f"memory://{data.parent.name}")
    for folder in (data, looks):
        for name, content in made(folder).items():
            write_bytes(store / folder.name / name, content)
    run(reading, job)
    sources, _ = find_sources([store / "looks"], schema=reading.schema)
    there = replace(
        job, pairs=find_pairs(store / "data"), places=Places(store / "data"), looks=sources, out=store / "out"
    )
    assert run(reading, there).copies == {"drawn": 8}
    assert made(there.out) == made(job.out)
    assert run(reading, there).copies == {"there": 8}
    mine = there.out / "images" / "c__1.png"
    Image.new("RGB", (8, 8)).save(data.parent / "mine.png")
    mine.write_bytes((data.parent / "mine.png").read_bytes())
    assert list(run(reading, there).errors) == ["c"]
    assert mine.read_bytes() == (data.parent / "mine.png").read_bytes()
    with pytest.raises(UserError, match="choose another folder"):
        run(reading, replace(there, out=store / "data"))
