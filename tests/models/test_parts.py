"""Parts of pictures: boxes, statistics gathered part by part, activations on the disk, label features of a part."""

import errno

import numpy as np
import pytest
import torch

from sceneswap.errors import UserError
from sceneswap.models import parts
from sceneswap.models.encoders import LabelEncoder
from sceneswap.models.layers import InstanceNorm
from sceneswap.models.parts import Box, Moments, Store, boxes


def test_boxes_cover_every_position_once() -> None:
    for size in ((1, 1), (64, 64), (65, 130), (7, 200)):
        seen = np.zeros(size, int)
        for box in boxes(size, 64):
            assert max(box.size) <= 64
            seen[box.top : box.bottom, box.left : box.right] += 1
        assert (seen == 1).all()


def test_boxes_grow_within_the_picture_and_cut() -> None:
    box = Box(2, 5, 0, 7)
    assert box.grown(3, (6, 20)) == Box(0, 6, 0, 10)
    assert box.times(4).over(4) == box
    assert Box(3, 5, 0, 7).halved() == Box(1, 3, 0, 4)
    picture = torch.arange(120).reshape(6, 20)
    wide = box.grown(3, (6, 20))
    assert torch.equal(box.cut(wide.cut(picture, Box.of((6, 20))), wide), picture[2:5, 0:7])


def test_moments_are_those_of_the_whole_picture() -> None:
    torch.manual_seed(0)
    picture = torch.randn(1, 5, 70, 90) * torch.rand(1, 5, 70, 90) + 1000 * torch.rand(1, 5, 1, 1)
    picture[:, :, 40:] += 3  # parts differ
    moments = Moments()
    for box in boxes((70, 90), 32):
        moments.add(box.cut(picture, Box.of((70, 90))))
    torch.testing.assert_close(moments.mean.float(), picture.mean(dim=(2, 3), keepdim=True))
    expected = InstanceNorm()(picture.double()).float()
    torch.testing.assert_close(moments.normalise(picture), expected, atol=2e-4, rtol=2e-4)
    assert moments.normalise(picture.bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize("in_memory", [0, 1 << 26])
def test_a_store_gives_back_what_it_took(in_memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_IN_MEMORY", in_memory)
    picture = torch.randn(1, 3, 50, 70)
    store = Store(3, (50, 70))
    tiles = list(boxes((50, 70), 16))
    for box in reversed(tiles):
        store.write(box, box.cut(picture, Box.of((50, 70))))
    for box in (*tiles, Box(3, 41, 9, 70), Box.of((50, 70))):
        assert torch.equal(store.read(box), box.cut(picture, Box.of((50, 70))))


def test_a_full_disk_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_IN_MEMORY", 0)
    store = Store(3, (50, 70))

    class Full:
        def seek(self, place: int) -> None: ...

        def write(self, data: bytes) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    store._file = Full()  # type: ignore[assignment]
    with pytest.raises(UserError, match=r"cannot hold 0\.0 GB \(No space left on device\); .* TMPDIR"):
        store.write(Box(0, 2, 0, 2), torch.zeros(1, 3, 2, 2))


@pytest.mark.parametrize("padding", ["zeros", "replicate"])
def test_label_features_of_a_part_are_those_of_the_whole(padding: str) -> None:
    torch.manual_seed(0)
    encoder = LabelEncoder(num_classes=5, embedding=4, channels=(3, 4, 5, 6), padding=padding)  # type: ignore[arg-type]
    label_map = torch.randint(0, 6, (48, 80), dtype=torch.int16)
    with torch.inference_mode():
        whole = encoder(label_map.long()[None])
        for scale, features in enumerate(whole):
            size = (features.shape[2], features.shape[3])
            for box in (
                Box.of(size),
                Box(0, 3, 0, 5),
                Box(size[0] - 1, size[0], size[1] - 4, size[1]),
                Box(1, 4, 2, 9),
            ):
                torch.testing.assert_close(encoder.part(label_map, scale, box), box.cut(features, Box.of(size)))
