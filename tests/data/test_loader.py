"""Batches: a pure function of (seed, position), whatever the workers and the processes."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sceneswap.config import PhaseTask
from sceneswap.data.folder import FolderDataset
from sceneswap.data.loader import Batch, BatchStream, Sampling, make_batch, sample_entries
from sceneswap.errors import UserError
from sceneswap.labels.schema import LabelClass, LabelSchema
from sceneswap.scene import Scene

CLASSES = 4
SCHEMA = LabelSchema(
    "tiny", tuple(LabelClass(n, f"class {n}", (n, n, n + 1), "outdoor") for n in range(CLASSES)), (255,)
)
TOML = "void_ids = [255]\n" + "".join(
    f'[[classes]]\nid = {n}\nname = "class {n}"\ncolor = [{n}, {n}, {n + 1}]\nsetting = "outdoor"\n'
    for n in range(CLASSES)
)
PATCH = Sampling("patch", 32, batch_size=2)
GLOBAL = Sampling("global", 32, batch_size=2)
PLAIN: dict[str, Any] = {"flip": False, "jitter_gain": 0.0, "jitter_shift": 0.0}
SCENES = 5


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    (folder / "schema.toml").write_text(TOML)
    for part in ("images", "labels"):
        (folder / part).mkdir()
    rng = np.random.default_rng(0)
    for n, size in enumerate([(32, 32), (40, 33), (32, 50), (64, 48), (20, 30)]):
        photo = rng.integers(0, 256, (*size, 3)).astype(np.uint8)
        label_map = rng.choice([*range(CLASSES), 255], size).astype(np.uint8)
        Image.fromarray(photo).save(folder / "images" / f"{n}.png")
        Image.fromarray(label_map).save(folder / "labels" / f"{n}.png")
    return folder


@pytest.fixture(scope="module")
def dataset(root: Path) -> FolderDataset:
    return FolderDataset([root], SCHEMA)


class Pictures:
    """Scenes in memory."""

    def __init__(self, *scenes: Scene) -> None:
        self.scenes = scenes

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, index: int) -> Scene:
        return self.scenes[index]


def numbered_scene(size: int = 32) -> Scene:
    """Every pixel has a colour of its own: red counts rows, green columns; the label map is their parity, or void."""
    rows, columns = np.mgrid[:size, :size]
    label_map = ((rows + columns) % (CLASSES + 1)).astype(np.int16)
    return Scene(np.stack([rows, columns, 0 * rows], axis=2).astype(np.uint8), label_map, "numbered")


def assert_equal(a: Batch, b: Batch) -> None:
    assert a.names == b.names
    for x, y in ((a.image, b.image), (a.label_map, b.label_map), (a.exemplar, b.exemplar)):
        assert torch.equal(x, y)


def take(dataset: FolderDataset, sampling: Sampling, count: int, **kwargs: int) -> list[Batch]:
    with BatchStream(dataset, sampling, seed=7, **kwargs) as stream:
        return [next(stream) for _ in range(count)]


@pytest.mark.parametrize("sampling", [PATCH, GLOBAL])
def test_the_form_of_a_batch(dataset: FolderDataset, sampling: Sampling) -> None:
    batch = take(dataset, sampling, 1)[0]
    entries = sampling.batch_size * sampling.entries_per_scene
    assert batch.image.shape == (entries, 3, 16, 16)
    assert batch.image.dtype == torch.float32
    assert batch.image.is_contiguous(memory_format=torch.channels_last)
    assert batch.image.min() >= -1
    assert batch.image.max() <= 1
    assert batch.label_map.shape == (entries, 16, 16)
    assert batch.label_map.dtype == batch.exemplar.dtype == torch.int64
    assert set(batch.label_map.unique().tolist()) == {*range(CLASSES), SCHEMA.void_index}
    assert len(batch.names) == entries
    moved = batch.to("cpu")
    assert_equal(moved, batch)


def test_entries_are_all_p_then_all_q_then_all_wholes_and_p_and_q_swap(dataset: FolderDataset) -> None:
    patch, whole = take(dataset, PATCH, 1)[0], take(dataset, GLOBAL, 1)[0]
    assert patch.exemplar.tolist() == [2, 3, 0, 1]
    assert whole.exemplar.tolist() == [2, 3, 0, 1, 4, 5]
    assert (patch.known, whole.known) == (4, 6)
    swap = take(dataset, Sampling("swap", 32, 2), 1)[0]
    assert swap.exemplar.tolist() == [2, 3, 1, 0]  # q is drawn after p of the next scene, where nobody knows the answer
    assert swap.known == 2
    assert torch.equal(swap.image, patch.image)
    assert patch.names == patch.names[:2] * 2
    assert whole.names == whole.names[:2] * 3
    assert patch.names[0] != patch.names[1]


@pytest.mark.parametrize("sampling", [PATCH, GLOBAL])
def test_a_batch_holds_the_entries_of_its_scenes(dataset: FolderDataset, sampling: Sampling) -> None:
    batch = take(dataset, sampling, 2)[1]
    scenes = [sample_entries(dataset, sampling, 7, k) for k in (2, 3)]
    in_order = [scene[kind] for kind in range(sampling.entries_per_scene) for scene in scenes]
    assert_equal(batch, make_batch(in_order, batch.exemplar.tolist()))


def test_bytes_become_minus_one_to_one_exactly() -> None:
    photo = np.zeros((2, 2, 3), np.uint8)
    photo[0, 1] = 255
    photo[1, 0] = (255, 0, 51)
    batch = make_batch([Scene(photo, np.zeros((2, 2), np.int16))], [0])
    assert batch.image[0, :, 0, 0].tolist() == [-1, -1, -1]
    assert batch.image[0, :, 0, 1].tolist() == [1, 1, 1]
    assert batch.image[0, :, 1, 0].tolist() == pytest.approx([1, -1, -0.6])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 2**40))
def test_the_patches_of_a_pair_never_share_a_pixel(k: int, seed: int) -> None:
    sampling = Sampling("patch", 32, batch_size=1, **PLAIN)
    pair = sample_entries(Pictures(numbered_scene()), sampling, seed, k)
    pixels = [{tuple(colour) for colour in entry.photo.reshape(-1, 3).tolist()} for entry in pair]
    assert [len(p) for p in pixels] == [256, 256]
    assert not pixels[0] & pixels[1]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["patch", "global"]), st.booleans())
def test_photo_and_label_map_of_an_entry_belong_together(k: int, task: PhaseTask, mirrored: bool) -> None:
    """Classes are blocks of 8 pixels in known colours: away from edges a pixel's colour still says its class."""
    label_map = np.kron(np.random.default_rng(k).integers(0, 3, (4, 4)), np.ones((8, 8))).astype(np.int16)
    scene = Scene(np.repeat((label_map * 100)[:, :, None], 3, axis=2).astype(np.uint8), label_map)
    sampling = Sampling(task, 32, batch_size=1, flip=mirrored, jitter_gain=0, jitter_shift=0)
    for entry in sample_entries(Pictures(scene), sampling, 0, k):
        assert entry.size == (16, 16)
        agree = np.rint(entry.photo[:, :, 0] / 100) == entry.label_map
        assert agree.mean() > 0.8 if task == "global" else agree.all()


def test_all_entries_of_a_scene_share_one_jitter_and_scenes_differ() -> None:
    scene = Scene(np.full((32, 32, 3), 120, np.uint8), np.zeros((32, 32), np.int16))
    looks = set()
    for k in range(20):
        entries = sample_entries(Pictures(scene), GLOBAL, 3, k)
        colors = np.concatenate([entry.photo.reshape(-1, 3) for entry in entries])
        assert len(np.unique(colors, axis=0)) == 1
        looks.add(tuple(colors[0].tolist()))
    assert len(looks) == 20


def test_flips_happen_half_of_the_time_and_only_when_asked() -> None:
    scenes = Pictures(numbered_scene())

    def share(flip: bool) -> float:
        sampling = Sampling("patch", 32, batch_size=1, flip=flip, jitter_gain=0, jitter_shift=0)
        entries = [sample_entries(scenes, sampling, 0, k) for k in range(200)]
        mirrored = [[int(e.photo[0, 0, 1]) > int(e.photo[0, 1, 1]) for e in pair] for pair in entries]
        assert all(a == b for a, b in mirrored)  # one scene, one orientation
        return float(np.mean(mirrored))

    assert share(False) == 0
    assert 0.4 < share(True) < 0.6


def test_the_whole_of_the_global_task_is_the_whole_window() -> None:
    scene = numbered_scene()
    *_, whole = sample_entries(Pictures(scene), Sampling("global", 32, batch_size=1, **PLAIN), 0, 0)
    blocks = scene.photo.reshape(16, 2, 16, 2, 3).mean(axis=(1, 3))
    assert np.abs(whole.photo[2:-2, 2:-2] - blocks[2:-2, 2:-2]).max() <= 1


def test_the_global_image_is_the_whole_photograph_where_that_is_wanted() -> None:
    photo = np.zeros((40, 100, 3), np.uint8)
    photo[:, :50], photo[:, 50:, 1] = 200, 90  # a window of 40 × 40 would show one half, or the seam off its middle
    scene = Scene(photo, np.repeat([[0] * 50 + [1] * 50], 40, axis=0).astype(np.int16), "wide")
    for k in range(3):
        whole = sample_entries(Pictures(scene), Sampling("global", 64, 1, geometry="whole", **PLAIN), 0, k)[2]
        assert whole.size == (32, 32)
        assert (whole.label_map[:, :16] == 0).all()
        assert (whole.label_map[:, 16:] == 1).all()
        first, second = sample_entries(Pictures(scene), Sampling("patch", 64, 1, geometry="whole", **PLAIN), 0, k)
        assert first.size == second.size == (32, 32)


def test_an_epoch_shows_every_scene_once_and_the_next_in_another_order(dataset: FolderDataset) -> None:
    orders = [
        [sample_entries(dataset, PATCH, 1, k)[0].name for k in range(SCENES * epoch, SCENES * (epoch + 1))]
        for epoch in range(4)
    ]
    assert all(sorted(order) == sorted(dataset.names) for order in orders)
    assert len({tuple(order) for order in orders}) > 1


def test_the_same_scene_is_cut_differently_in_another_epoch_and_under_another_seed() -> None:
    scenes = Pictures(numbered_scene(64))

    def cut(seed: int, k: int) -> bytes:
        return b"".join(entry.photo.tobytes() for entry in sample_entries(scenes, PATCH, seed, k))

    assert len({cut(seed, k) for seed in range(3) for k in range(3)}) == 9
    assert cut(1, 2) == cut(1, 2)


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_change_nothing(dataset: FolderDataset, workers: int) -> None:
    for a, b in zip(take(dataset, GLOBAL, 6), take(dataset, GLOBAL, 6, workers=workers), strict=True):
        assert_equal(a, b)


@pytest.mark.parametrize("stop", [0, 1, 4])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_stream_goes_on_where_the_first_was(dataset: FolderDataset, stop: int, workers: int) -> None:
    unbroken = take(dataset, PATCH, 7)
    with BatchStream(dataset, PATCH, seed=7, workers=workers) as stream:
        for _ in range(stop):
            next(stream)
        position = stream.position  # of batches delivered, whatever is prepared ahead
    assert position == stop * 2
    with BatchStream(dataset, PATCH, seed=7, position=position, workers=2 - workers) as stream:
        for expected in unbroken[stop:]:
            assert_equal(next(stream), expected)


@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_share_the_scenes_of_one_larger_process(dataset: FolderDataset, world_size: int) -> None:
    one = take(dataset, Sampling("patch", 32, batch_size=2 * world_size), 4)
    parts = [take(dataset, PATCH, 4, rank=rank, world_size=world_size) for rank in range(world_size)]
    for step, whole in enumerate(one):
        for side in (0, 1):  # p, then q
            pieces = [part[step].image[2 * side : 2 * side + 2] for part in parts]
            assert torch.equal(torch.cat(pieces), whole.image.chunk(2)[side])
    with BatchStream(dataset, PATCH, seed=7, rank=1, world_size=world_size) as stream:
        next(stream)
        assert stream.position == 2 * world_size


@pytest.mark.parametrize("task", ["swap", "whole"])
@pytest.mark.parametrize(("world_size", "batch_size"), [(2, 2), (2, 1), (3, 2)])
def test_swaps_go_round_all_processes(
    dataset: FolderDataset, task: PhaseTask, world_size: int, batch_size: int
) -> None:
    """The last swap of a process is drawn after a scene of the next process."""
    b, all_scenes = batch_size, world_size * batch_size
    one = take(dataset, Sampling(task, 32, batch_size=all_scenes), 3)
    sampling = Sampling(task, 32, batch_size=b)
    parts = [take(dataset, sampling, 3, rank=rank, world_size=world_size) for rank in range(world_size)]
    for step, whole in enumerate(one):
        assert whole.entries == len(whole.image) == 2 * all_scenes
        for rank, part in enumerate(parts):
            batch = part[step]
            assert (batch.entries, batch.known, len(batch.image)) == (2 * b, b, 2 * b + 1)
            mine = [*range(rank * b, rank * b + b), *range(all_scenes + rank * b, all_scenes + rank * b + b)]
            assert torch.equal(batch.image[: 2 * b], whole.image[mine])
            assert torch.equal(batch.image[batch.exemplar], whole.image[whole.exemplar[mine]])
            assert torch.equal(batch.label_map[batch.exemplar], whole.label_map[whole.exemplar[mine]])


def test_fewer_processes_keep_the_rings(dataset: FolderDataset) -> None:
    """One process in two micro-steps draws what two drew in one."""
    sampling = Sampling("swap", 32, batch_size=2)
    two = [take(dataset, sampling, 2, rank=rank, world_size=2) for rank in range(2)]
    one = take(dataset, sampling, 4, ring=4)
    for number, batch in enumerate(one):
        assert_equal(batch, two[number % 2][number // 2])


def test_a_data_set_smaller_than_the_batch_is_repeated(dataset: FolderDataset) -> None:
    sampling = Sampling("patch", 32, batch_size=2 * SCENES + 1)
    with BatchStream(dataset, sampling, seed=0, workers=1) as stream:
        batch = next(stream)
    scenes = batch.names[: 2 * SCENES + 1]
    assert sorted(scenes[:SCENES]) == sorted(scenes[SCENES : 2 * SCENES]) == sorted(dataset.names)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_unreadable_file_is_named_and_the_position_stays(root: Path, tmp_path: Path, workers: int) -> None:
    folder = tmp_path / "copy"
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
        for path in (root / part).iterdir():
            (folder / part / path.name).write_bytes(path.read_bytes())
    (folder / "schema.toml").write_text(TOML)
    bad = folder / "images" / "3.png"
    whole = bad.read_bytes()
    bad.write_bytes(whole[: len(whole) // 2])
    broken = FolderDataset([folder], SCHEMA)
    with BatchStream(broken, Sampling("patch", 32, batch_size=1), seed=5, workers=workers) as stream:
        with pytest.raises(UserError, match=r"images/3\.png"):  # noqa: PT012 - somewhere within the first epoch
            for _ in range(SCENES):
                next(stream)
        position = stream.position
        assert position < SCENES
        bad.write_bytes(whole)
        assert next(stream).names[0] == str(bad)
        assert stream.position == position + 1


def test_closing_ends_the_workers_and_the_stream_can_go_on(dataset: FolderDataset) -> None:
    def alive() -> int:
        return sum(thread.name.startswith("sceneswap-data") for thread in threading.enumerate())

    expected = take(dataset, PATCH, 3)
    stream = BatchStream(dataset, PATCH, seed=7, workers=2)
    assert iter(stream) is stream
    assert_equal(next(stream), expected[0])
    assert alive() > 0
    stream.close()
    stream.close()
    assert alive() == 0
    assert_equal(next(stream), expected[1])
    stream.close()
    assert alive() == 0


def test_impossible_streams_are_refused(dataset: FolderDataset) -> None:
    with pytest.raises(UserError, match="no scene"):
        BatchStream(Pictures(), PATCH, seed=0)
    with pytest.raises(ValueError, match="rank 2 of 2"):
        BatchStream(dataset, PATCH, seed=0, rank=2, world_size=2)
    with pytest.raises(UserError, match="batch_size of 2 or more"):
        BatchStream(dataset, Sampling("swap", 32, batch_size=1), seed=0)
