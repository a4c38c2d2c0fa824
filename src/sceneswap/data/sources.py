"""What `--data` may name: folders of scenes, or shards."""

from collections.abc import Sequence
from pathlib import Path

from sceneswap.data.folder import FolderDataset
from sceneswap.data.remote import is_url
from sceneswap.data.shard import INDEX
from sceneswap.data.shard_dataset import ShardDataset
from sceneswap.errors import UserError
from sceneswap.labels.schema import LabelSchema


def names_shards(data: str | Path) -> bool:
    """Whether a word of --data names shards: a URL, a tar, a folder with shards.json; else it is a folder of scenes."""
    text = str(data)
    return is_url(text) or text.endswith(".tar") or (Path(text) / INDEX).is_file()


def open_scenes(
    data: Sequence[str | Path],
    schema: LabelSchema,
    *,
    only: Sequence[str] | None = None,
    cache: bool = False,
    fetched: Path | None = None,
) -> FolderDataset | ShardDataset:
    """The scenes that folders hold, or shards. cache: keep decoded scenes of folders; fetched: `cache` of `ShardDataset`.

    Raises `UserError` as the two do, and when both kinds are named together.
    """
    shards = [one for one in data if names_shards(one)]
    if not shards:
        return FolderDataset([Path(one) for one in data], schema, only=only, cache=cache)
    if len(shards) < len(data):
        folder = next(one for one in data if not names_shards(one))
        raise UserError(
            f"{folder} is a folder and {shards[0]} are shards; shard the folder too: sceneswap data shard {folder}"
        )
    return ShardDataset(shards, schema, only=only, cache=fetched)
