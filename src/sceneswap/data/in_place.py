"""Data folders of photographs that lie elsewhere: what their index says, and the files that any data folder is made of."""

from pathlib import Path

from sceneswap.data.record import INDEX
from sceneswap.errors import UserError
from sceneswap.files import MAX_TEXT, read_json


def is_in_place(root: Path) -> bool:
    """Whether a data folder holds an index of files elsewhere, as `data import --in-place` makes it."""
    return (root / INDEX).is_file()


def files_of(root: Path) -> dict[str, Path]:
    """The files of a data folder's scenes, and its schema.toml, by the names that they have or would have in it.

    Raises `UserError` when it has an index that cannot be read.
    """
    found: dict[str, Path] = {}
    if is_in_place(root):
        for name, photo, label_map in read_index(root):
            found |= {f"images/{name}{photo.suffix}": photo, f"labels/{name}{label_map.suffix}": label_map}
    else:
        for part in ("images", "labels"):
            found |= {f"{part}/{p.name}": p for p in (root / part).iterdir() if p.is_file() and p.name[0] != "."}
    return found | {"schema.toml": root / "schema.toml"}


def read_index(root: Path) -> list[tuple[str, Path, Path]]:
    """Name, photograph and label map of every scene that the index of a folder lists, by name. Raises `UserError`."""
    path = root / INDEX
    content = read_json(path, "the index of photographs imported in place", most=MAX_TEXT)
    try:
        scenes = sorted(content["scenes"].items())
        return [(str(name), Path(photo), root / label_map) for name, (photo, label_map) in scenes]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UserError(f"{path} is not the index of photographs imported in place; import them again") from None
