"""Data folders as one small archive, to train on a machine that receives little: photographs at 256 pixels, as WebP.

    python -m benchmarks.outdoor.pack data/outdoor/train --out outdoor-train-256.tar.xz
    tar -xf outdoor-train-256.tar.xz && sceneswap train --data train/* ...

The archive holds one data folder per source (images/, labels/, schema.toml), photographs with their short side at most
`--side` pixels. Label maps stay exact. The same folders give the same archive, byte for byte. At the quality below, the
5,769 training photographs of `benchmarks.outdoor.data` take 43.6 MB.
"""

import io
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from PIL import Image

from sceneswap.data.folder import FolderDataset, read_folder_schema
from sceneswap.errors import UserError
from sceneswap.files import atomic_path
from sceneswap.images import resize_photo
from sceneswap.labels.io import resize_label_map
from sceneswap.labels.schema import LabelSchema
from sceneswap.scene import Scene


def main(
    train: Annotated[Path, tyro.conf.Positional], out: Path, side: int = 256, quality: int = 28, workers: int = 2
) -> None:
    """Pack every data folder below TRAIN into the archive OUT.

    Args:
        train: A folder of data folders.
        out: The archive to write, .tar.xz.
        side: The longest that the short side of a photograph may be, in pixels.
        quality: Of WebP, 1 to 100.
        workers: Threads.
    """
    roots = sorted(path for path in train.iterdir() if (path / "schema.toml").is_file())
    if not roots:
        raise UserError(f"{train} holds no data folders; build them with python -m benchmarks.outdoor.data")
    with (
        atomic_path(out) as temporary,
        tarfile.open(temporary, "w:xz", preset=3) as archive,
        ThreadPoolExecutor(workers) as pool,
    ):
        for root in roots:
            folder = Path(train.name) / root.name
            _add(archive, folder / "schema.toml", (root / "schema.toml").read_bytes())
            schema = read_folder_schema(root)
            dataset = FolderDataset([root], schema)
            stems = [Path(name).stem for name in dataset.names]
            packed = pool.map(
                partial(_packed, schema=schema, side=side, quality=quality),
                map(dataset.__getitem__, range(len(dataset))),
            )
            for stem, (photo, label_map) in zip(stems, packed, strict=True):
                _add(archive, folder / "images" / f"{stem}.webp", photo)
                _add(archive, folder / "labels" / f"{stem}.png", label_map)
            print(f"{root.name}: {len(dataset)} scenes", file=sys.stderr, flush=True)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB")


def _packed(scene: Scene, schema: LabelSchema, side: int, quality: int) -> tuple[bytes, bytes]:
    """The photograph as WebP and the label map as PNG of the schema's ids."""
    factor = min(1.0, side / min(scene.size))
    size = (round(scene.size[0] * factor), round(scene.size[1] * factor))
    photo, label_map = io.BytesIO(), io.BytesIO()
    Image.fromarray(resize_photo(scene.photo, size)).save(photo, "WEBP", quality=quality, method=6)
    ids = schema.decode(resize_label_map(scene.label_map, size))
    picture = Image.fromarray(ids)
    if ids.dtype == np.uint8:  # as palette indices Pillow leaves rows unfiltered: a quarter less in the archive
        picture.putpalette([value for value in range(256) for _ in "RGB"])
    picture.save(label_map, "PNG", compress_level=0)  # the archive compresses all of them together
    return photo.getvalue(), label_map.getvalue()


def _add(archive: tarfile.TarFile, name: Path, data: bytes) -> None:
    member = tarfile.TarInfo(name.as_posix())
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


if __name__ == "__main__":
    try:
        tyro.cli(main)
    except UserError as error:
        sys.exit(f"pack: {error}")
