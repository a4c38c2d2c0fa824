"""Results are kept pair by pair: an interrupted evaluation goes on, and gives the numbers of an uninterrupted one."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sceneswap.config import load_train_config, to_dict
from sceneswap.errors import UserError
from sceneswap.evaluation.methods import CLASS_MEAN, COPY, ModelMethod
from sceneswap.evaluation.pairs import FolderPairs, Sample, Scenes, random_pairs
from sceneswap.evaluation.runner import drop_unlike, read_rows, run
from sceneswap.files import slug
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.labels.presets import load_schema
from sceneswap.scene import Photo

PROTOCOL: dict[str, Any] = {"task": "test", "size": 32}


class Brightness:
    """Measures the mean of each drawing; stops after `limit` batches as a power cut would."""

    def __init__(self, limit: int = 1000) -> None:
        self.limit = limit
        self.measured: list[int] = []

    def __call__(
        self, samples: Sequence[Sample], drawn: Sequence[Photo]
    ) -> tuple[dict[str, list[float]], NDArray[np.float32] | None]:
        if self.limit == 0:
            raise KeyboardInterrupt
        self.limit -= 1
        self.measured += [s.index for s in samples]
        return {"mean": [float(d.mean()) for d in drawn]}, np.stack([d.mean(axis=(0, 1)) for d in drawn]).astype(
            np.float32
        )


@pytest.fixture
def pairs(scenes_folder: Path) -> FolderPairs:
    return random_pairs(Scenes([scenes_folder], 32, load_schema("procedural")), 14, 0)


@pytest.fixture
def model(msca: Path, pairs: FolderPairs) -> ModelMethod:
    return ModelMethod("ours", Synthesizer.from_pretrained(msca, device="cpu"), pairs, 4)


def test_a_model_tells_what_its_training_compared(model: ModelMethod) -> None:
    assert model.losses() is None  # no training is recorded
    release = model.synthesizer.release
    for preset, gram in (("outdoor-small", ("relu2_2", "relu3_3", "relu4_1")), ("paper", ())):
        release.record["config"] = to_dict(load_train_config(preset))
        losses = model.losses()
        assert losses is not None
        assert losses["Gram matrices"] == gram
        assert {"relu1_1", "relu2_1"} <= set(losses["activations"])
    release.record["config"]["loss"]["what no version has"] = 1
    assert model.losses() is None


def test_rows_tell_pair_scenes_similarity_and_metric(pairs: FolderPairs, tmp_path: Path) -> None:
    results = run(pairs, COPY, Brightness(), tmp_path, PROTOCOL, batch_size=4)
    assert [row["pair"] for row in results.rows] == list(range(14))
    sample, row = pairs[3], results.rows[3]
    assert (row["layout"], row["exemplar"]) == (sample.target.name, sample.exemplar.name)
    assert row["similarity"] == sample.similarity
    assert row["mean"] == pytest.approx(sample.exemplar.photo.mean())
    assert results.features().shape == (14, 3)
    assert results.pairs_timed == 14


def test_interrupted_and_resumed_is_bit_equal(pairs: FolderPairs, model: ModelMethod, tmp_path: Path) -> None:
    whole = run(pairs, model, Brightness(), tmp_path / "whole", PROTOCOL, batch_size=4)
    for limit in (1, 0, 2):
        with pytest.raises(KeyboardInterrupt):
            run(pairs, model, Brightness(limit), tmp_path / "parts", PROTOCOL, batch_size=4)
    last = Brightness()
    resumed = run(pairs, model, last, tmp_path / "parts", PROTOCOL, batch_size=4)
    assert len(last.measured) == 2  # three batches of four had been kept
    assert resumed.rows == whole.rows
    assert np.array_equal(resumed.features(), whole.features())
    assert resumed.path.read_bytes() == whole.path.read_bytes()


def test_a_finished_run_measures_nothing_again(pairs: FolderPairs, model: ModelMethod, tmp_path: Path) -> None:
    first = run(pairs, model, Brightness(), tmp_path, PROTOCOL, batch_size=4)
    before = first.path.read_bytes()
    done: list[int] = []
    again = Brightness()
    second = run(pairs, model, again, tmp_path, PROTOCOL, batch_size=4, on_done=done.append)
    assert again.measured == []
    assert done == [14]
    assert second.rows == first.rows
    assert second.path.read_bytes() == before


def test_only_what_was_measured_otherwise_is_dropped(pairs: FolderPairs, tmp_path: Path) -> None:
    kept = run(pairs, COPY, Brightness(), tmp_path, PROTOCOL, batch_size=4)
    assert not drop_unlike(COPY, tmp_path, PROTOCOL, batch_size=4)
    assert read_rows(tmp_path, COPY.name) == kept.rows
    assert not drop_unlike(CLASS_MEAN, tmp_path, PROTOCOL, batch_size=4)  # nothing there
    assert drop_unlike(COPY, tmp_path, PROTOCOL | {"size": 64}, batch_size=4)
    assert not kept.path.exists()


def test_half_a_batch_is_measured_again(pairs: FolderPairs, tmp_path: Path) -> None:
    whole = run(pairs, COPY, Brightness(), tmp_path, PROTOCOL, batch_size=4)
    lines = whole.path.read_text().splitlines()
    whole.path.write_text("\n".join(lines[:7]) + "\n")  # header, one batch, half a batch
    again = Brightness()
    assert run(pairs, COPY, again, tmp_path, PROTOCOL, batch_size=4).rows == whole.rows
    assert len(again.measured) == 10


def test_pairs_of_one_exemplar_follow_one_another(pairs: FolderPairs, tmp_path: Path) -> None:
    brightness = Brightness()
    run(pairs, COPY, brightness, tmp_path, PROTOCOL, batch_size=4)
    keys = [pairs.exemplar_key(i) for i in brightness.measured]
    assert keys == sorted(keys)


@pytest.mark.parametrize(
    ("change", "field"),
    [({"size": 64}, "protocol.size"), ({"batch": 2}, "batch_size"), ({"other": 1}, "protocol.other")],
)
def test_another_evaluation_in_the_folder_is_refused(
    pairs: FolderPairs, tmp_path: Path, change: dict[str, int], field: str
) -> None:
    run(pairs, COPY, Brightness(), tmp_path, PROTOCOL, batch_size=4)
    batch = change.pop("batch", 4)
    with pytest.raises(UserError, match=f"holds results of another evaluation: {field} was"):
        run(pairs, COPY, Brightness(), tmp_path, PROTOCOL | change, batch_size=batch)


def test_another_model_of_the_same_name_is_refused(
    pairs: FolderPairs, model: ModelMethod, gap: Path, tmp_path: Path
) -> None:
    run(pairs, model, Brightness(), tmp_path, PROTOCOL, batch_size=4)
    other = ModelMethod("ours", Synthesizer.from_pretrained(gap, device="cpu"), pairs, 4)
    with pytest.raises(UserError, match=r"method\.(name|weights_sha256) was"):
        run(pairs, other, Brightness(), tmp_path, PROTOCOL, batch_size=4)


@pytest.mark.parametrize(
    "line", ["", "5", "null", "[]", "{}", '{"pair": "x"}', "[" * 5000, '{"pair": 1, "layout": 2}', "1e999"]
)
def test_odd_lines_are_named(pairs: FolderPairs, tmp_path: Path, line: str) -> None:
    kept = run(pairs, COPY, Brightness(), tmp_path, PROTOCOL, batch_size=4)
    lines = kept.path.read_text().splitlines()
    kept.path.write_text("\n".join([*lines[:3], line, *lines[3:]]) + "\n")
    for read in (
        lambda: run(pairs, COPY, Brightness(), tmp_path, PROTOCOL, batch_size=4),
        lambda: read_rows(tmp_path, COPY.name),
    ):
        with pytest.raises(UserError, match=r"is damaged.*delete it to measure (it )?again"):
            read()


@pytest.mark.parametrize(
    "clock", ["{}", "[]", "null", '{"pairs": 1e999, "seconds": 1}', '{"pairs": 1, "seconds": "x"}']
)
def test_an_odd_clock_is_named(pairs: FolderPairs, tmp_path: Path, clock: str) -> None:
    kept = run(pairs, COPY, Brightness(), tmp_path, PROTOCOL, batch_size=4)
    kept.path.with_suffix(".time.json").write_text(clock)
    with pytest.raises(UserError, match=r"time\.json is damaged; delete it"):
        run(pairs, COPY, Brightness(), tmp_path, PROTOCOL, batch_size=4)


def test_damaged_results_are_named(pairs: FolderPairs, tmp_path: Path) -> None:
    kept = run(pairs, COPY, Brightness(), tmp_path, PROTOCOL, batch_size=4)
    (kept.features_folder / "000001.npy").unlink()
    with pytest.raises(UserError, match="is damaged"):
        run(pairs, COPY, Brightness(), tmp_path, PROTOCOL, batch_size=4).features()
    kept.path.write_text('{"protocol"')
    with pytest.raises(UserError, match="is damaged"):
        run(pairs, COPY, Brightness(), tmp_path, PROTOCOL, batch_size=4)


def test_model_drawings_do_not_depend_on_company(pairs: FolderPairs, model: ModelMethod) -> None:
    together = model.draw([pairs[0], pairs[1], pairs[2]])
    alone = model.draw([pairs[2]])[0]
    assert np.abs(together[2].astype(int) - alone).max() <= 1
    assert together[0].shape == (32, 32, 3)


def test_class_mean_fills_classes(pairs: FolderPairs) -> None:
    sample = pairs[0]
    drawn = CLASS_MEAN.draw([sample])[0]
    for label in np.unique(sample.target.label_map):
        inside = sample.exemplar.label_map == label
        wanted = sample.exemplar.photo[inside] if inside.any() else sample.exemplar.photo.reshape(-1, 3)
        colors = np.unique(drawn[sample.target.label_map == label], axis=0)
        assert len(colors) == 1
        assert np.abs(colors[0] - wanted.mean(axis=0)).max() <= 0.5


def test_file_names_are_safe_and_distinct() -> None:
    assert slug("ours_GAP-2") == "ours_GAP-2"
    assert "/" not in slug("../a/b")
    assert slug("a b") != slug("a/b")


def test_header_is_the_first_line(pairs: FolderPairs, tmp_path: Path) -> None:
    kept = run(pairs, COPY, Brightness(), tmp_path, PROTOCOL, batch_size=4)
    header = json.loads(kept.path.read_text().splitlines()[0])
    assert header == {"protocol": PROTOCOL, "method": COPY.describe(), "batch_size": 4}
