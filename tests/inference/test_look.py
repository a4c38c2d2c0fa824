"""Looks: kilobytes, equal in a batch of any sizes, saved and opened bit for bit, and no other model's."""

import io
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sceneswap.checkpoint import read_tensors, write_tensors
from sceneswap.errors import UserError
from sceneswap.inference.blend import blend
from sceneswap.inference.look import Look
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.inference.thumbnail import MOST_BYTES, shown_look, thumbnail
from sceneswap.models.spade_vae import Latent
from tests.tiny import random_scene, tiny_synthesizer


@pytest.fixture(scope="module", params=["msca", "gap", "spade-vae"])
def synthesizer(request: pytest.FixtureRequest) -> Synthesizer:
    return tiny_synthesizer(request.param)


def test_a_saved_look_draws_and_blends_bit_for_bit(synthesizer: Synthesizer, tmp_path: Path) -> None:
    label_map = random_scene(9, 40, 24).label_map
    looks = [synthesizer.encode(random_scene(i, 32, 16 * i)) for i in (1, 2, 3)]
    for number, look in enumerate(looks):
        look.save(tmp_path / f"{number}.look.safetensors")
    opened = [Look.load(tmp_path / f"{number}.look.safetensors") for number in range(3)]
    for look, again in zip(looks, opened, strict=True):
        kept = ("name", "size", "schema", "picture", "shares", "thumbnail")
        assert [getattr(again, name) for name in kept] == [getattr(look, name) for name in kept]
        assert np.array_equal(synthesizer.draw(label_map, look), synthesizer.draw(label_map, again))
    one, same = (synthesizer.draw(label_map, blend(some, weights=[0.5, 0.3, 0.2])) for some in (looks, opened))
    assert np.array_equal(one, same)
    if not isinstance(looks[0].encoded, Latent):
        one, same = (synthesizer.draw(label_map, blend(some, maps="left-right")) for some in (looks, opened))
        assert np.array_equal(one, same)


def test_a_look_knows_the_classes_of_its_exemplar(synthesizer: Synthesizer, tmp_path: Path) -> None:
    scene = random_scene(1)
    look = synthesizer.encode(scene)
    assert look.shares == pytest.approx([np.mean(scene.label_map == i) for i in range(len(look.shares))])
    assert len(look.shares) == synthesizer.schema.num_classes + 1
    replace(look, shares=()).save(tmp_path / "old.look.safetensors")  # as looks were saved before
    assert Look.load(tmp_path / "old.look.safetensors").shares == ()
    replace(look, shares=look.shares[1:]).save(tmp_path / "wrong.look.safetensors")
    with pytest.raises(UserError, match="shares of classes do not fit"):
        Look.load(tmp_path / "wrong.look.safetensors")


def test_a_look_weighs_the_same_whatever_its_photograph(tmp_path: Path) -> None:
    synthesizer = tiny_synthesizer()
    sizes = set()
    for side in (32, 256):
        look = synthesizer.encode(random_scene(1, side, side), size=side)
        look.save(tmp_path / "a.look.safetensors", thumbnail=False)
        sizes.add((tmp_path / "a.look.safetensors").stat().st_size // 100)
    assert len(sizes) == 1
    assert (tmp_path / "a.look.safetensors").stat().st_size < 60_000


def test_a_look_shows_its_exemplar_unless_that_is_left_out(synthesizer: Synthesizer, tmp_path: Path) -> None:
    path, rows = tmp_path / "dusk.look.safetensors", np.linspace(0, 255, 300)[:, None, None]
    scene = replace(random_scene(1, 300, 400), photo=np.broadcast_to(rows, (300, 400, 3)).astype(np.uint8))
    look = synthesizer.encode(scene)
    look.save(path)
    with_it = path.stat().st_size
    again = Look.load(path)
    assert again.thumbnail == look.thumbnail
    assert 0 < len(look.thumbnail) <= MOST_BYTES
    small = shown_look(again.thumbnail, "dusk")
    assert small.shape == (120, 160, 3)
    assert np.abs(small[::30, 0, 0] - np.linspace(0, 255, 120)[::30]).max() < 12
    look.save(path, thumbnail=False)
    assert path.stat().st_size < with_it
    assert Look.load(path).thumbnail == b""
    assert np.unique(shown_look(b"", "dusk")).size > 1  # its name on grey


def test_a_thumbnail_is_small_whatever_the_photograph() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (500, 900, 3), np.uint8)
    for photo in (noise, noise[:1], noise[:, :1], noise[:8, :8]):
        assert 0 < len(thumbnail(photo)) <= MOST_BYTES


def test_exemplars_of_many_sizes_draw_in_one_batch_as_alone(synthesizer: Synthesizer) -> None:
    random = np.random.default_rng(0)
    scenes = [random_scene(i, *random.integers(20, 80, 2).tolist()) for i in range(32)]
    looks = [synthesizer.encode(scene) for scene in scenes]
    label_map = random_scene(99, 32, 40).label_map
    batches: list[int] = []
    counter = synthesizer.release.network.synthesis.register_forward_hook(
        lambda *passed: batches.append(len(passed[2]))
    )
    together = synthesizer.draw_batch([label_map] * len(looks), looks, batch_size=32)
    counter.remove()
    assert batches == [32]
    for look, drawn in zip(looks, together, strict=True):
        alone = synthesizer.draw(label_map, look)
        assert np.abs(alone.astype(int) - drawn.astype(int)).max() <= 1


def test_looks_of_another_model_are_refused(tmp_path: Path) -> None:
    mine, other = tiny_synthesizer(seed=0), tiny_synthesizer(seed=1)
    path = tmp_path / "dusk.look.safetensors"
    other.encode(random_scene(1)).save(path)
    look = Look.load(path)
    label_map = random_scene(2).label_map
    with pytest.raises(UserError, match="encoded by another model"):
        mine.draw(label_map, look)
    with pytest.raises(UserError, match="encoded by different models"):
        blend([mine.encode(random_scene(3)), look])
    with pytest.raises(UserError, match="encoded by another model"):
        mine.draw(label_map, blend([look]))
    with pytest.raises(UserError, match="label schema outdoor, but this model has camvid"):
        tiny_synthesizer(schema="camvid").draw(random_scene(2, classes=(0, 1)).label_map, look)


def test_a_look_outlives_saving_its_model(tmp_path: Path) -> None:
    synthesizer, label_map = tiny_synthesizer(), random_scene(2).label_map
    look = synthesizer.encode(random_scene(1))
    synthesizer.save_pretrained(tmp_path)
    again = Synthesizer.from_pretrained(tmp_path, device="cpu")
    assert np.array_equal(again.draw(label_map, look), synthesizer.draw(label_map, look))


def test_a_look_that_is_not_finite_cannot_be_made() -> None:
    look = tiny_synthesizer().encode(random_scene(1))
    tensors = look.encoded.tensors()
    with pytest.raises(UserError, match=r"not finite \(mass.1\)"):
        replace(look, encoded=look.encoded.of({**tensors, "mass.1": tensors["mass.1"] / 0}))


def test_a_look_says_nothing_of_its_folder_and_keeps_its_suffix(tmp_path: Path) -> None:
    look = tiny_synthesizer().encode(replace(random_scene(1), name=str(tmp_path / "dusk.jpg")))
    look.save(tmp_path / "dusk.look.safetensors")
    assert str(tmp_path).encode() not in (tmp_path / "dusk.look.safetensors").read_bytes()
    assert Look.load(tmp_path / "dusk.look.safetensors").name == "dusk.jpg"
    with pytest.raises(UserError, match=r"must be named dusk\.look\.safetensors"):
        look.save(tmp_path / "dusk.safetensors")


def test_files_that_are_no_looks_are_refused_in_a_sentence(synthesizer: Synthesizer, tmp_path: Path) -> None:
    path = tmp_path / "a.look.safetensors"
    synthesizer.encode(random_scene(1)).save(path)
    tensors, meta = read_tensors(path, "a look")
    name = next(iter(tensors))

    def refused(match: str, tensors: dict[str, torch.Tensor], meta: dict[str, object]) -> None:
        write_tensors(path, tensors, meta)
        with pytest.raises(UserError, match=match):
            Look.load(path)

    refused("not finite", {**tensors, name: torch.full_like(tensors[name], torch.nan)}, meta)
    refused("not a look", tensors, {**meta, "format": "x"})
    refused("not complete", tensors, {k: v for k, v in meta.items() if k != "size"})
    refused("not complete", {k: t for k, t in tensors.items() if k != name}, meta)
    refused("not complete", tensors, {**meta, "kind": "picture"})
    refused("schema", tensors, {**meta, "schema": {}})
    refused("not complete", tensors, {**meta, "thumbnail": 5})
    refused("thumbnail is no small WebP", tensors, {**meta, "thumbnail": b64encode(b"GIF89a").decode()})
    huge = io.BytesIO()
    Image.new("RGB", (4000, 4000)).save(huge, "WEBP")
    refused("thumbnail is no small WebP", tensors, {**meta, "thumbnail": b64encode(huge.getvalue()).decode()})
    doubled = {k: t if k == "shares" else torch.cat([t, t], dim=-1) for k, t in tensors.items()}
    write_tensors(path, doubled, meta)
    with pytest.raises(UserError, match="does not fit its own model"):
        synthesizer.draw(random_scene(2).label_map, Look.load(path))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match="cannot be read as a look"):
        Look.load(path)
    with pytest.raises(UserError, match="does not exist"):
        Look.load(tmp_path / "none.look.safetensors")


def test_a_blend_takes_the_files_of_looks(tmp_path: Path) -> None:
    synthesizer, label_map, path = tiny_synthesizer(), random_scene(9).label_map, tmp_path / "dusk.look.safetensors"
    beach, dusk = (synthesizer.encode(random_scene(i)) for i in (1, 2))
    dusk.save(path)
    expected = synthesizer.draw(label_map, blend([beach, dusk], [0.3, 0.7]))
    assert np.array_equal(synthesizer.draw(label_map, blend([beach, path], [0.3, 0.7])), expected)
