"""The studio as a folder of files: the page, what runs graphs in a browser, a model's graphs, looks and starting layouts."""

import gzip
import io
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from PIL import Image

from sceneswap.errors import UserError
from sceneswap.files import make_folder, read_json, sha256, write_bytes, write_json
from sceneswap.images import read_photo, write_png
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.labels.io import colorize, read_label_map, resize_label_map, write_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.onnx.export import export_onnx, folder_for_now
from sceneswap.onnx.runtime import DESCRIPTION, GRAPHS
from sceneswap.pictures import inside
from sceneswap.scene import LabelMap, Scene

LAYOUTS = ("lake", "dunes", "city", "tea", "peaks", "coast", "harbour")
"""Photographs of the shelf whose label maps the page offers to start from."""

LAYOUT_SIDE = 384
_QUALITY = 80  # of the pictures of starting layouts
_OURS = "studio.json"  # marks a folder that this module wrote, and may replace
_VENDOR = ("ort.mjs", "ort-wasm.mjs", "ort.wasm.gz", "ort-gpu.mjs", "ort-gpu-wasm.mjs", "ort-gpu.wasm.gz")


@dataclass(frozen=True)
class Entry:
    """A photograph of the shelf: its name and what the page says of it."""

    name: str
    title: str
    author: str
    licence: str
    source: str


def package_folder() -> Path:
    """The folder of this module's files."""
    return Path(str(resources.files("sceneswap"))) / "studio"


def page_folder() -> Path:
    """The page with what it needs of npm. Raises `UserError` when that has not been brought."""
    page = package_folder() / "page"
    if missing := [name for name in _VENDOR if not (page / "vendor" / name).is_file()]:
        raise UserError(
            f"the studio's page is not built here (vendor/{missing[0]} is missing); run `make studio` in the checkout, which "
            "needs npm, or install sceneswap from a wheel"
        )
    return page


def built_folder(weights_sha256: str) -> Path | None:
    """What `make studio` made of the model of that hash, None if it made nothing, or of another model."""
    built = package_folder() / "built"
    path = built / "model" / DESCRIPTION
    if not path.is_file():
        return None
    about = read_json(path, "the description of ONNX graphs")
    return built if about.get("weights_sha256") == weights_sha256 else None


def write_model(synthesizer: Synthesizer, folder: Path) -> None:
    """Write a model's part of the studio: `model/` (graphs), `looks/` and `layouts/`. Raises `UserError`.

    The graphs are packed, as the page's WebAssembly is: static hosts do not pack by themselves.
    """
    model = folder / "model"
    export_onnx(synthesizer, model)
    for graph in GRAPHS:
        write_bytes(model / f"{graph}.gz", packed((model / graph).read_bytes()))
        (model / graph).unlink()
    write_looks(synthesizer, folder / "looks")
    write_layouts(synthesizer, folder / "layouts")


def packed(data: bytes) -> bytes:
    """gzip, the same bytes for the same bytes."""
    return gzip.compress(data, 9, mtime=0)


def write_looks(synthesizer: Synthesizer, folder: Path) -> None:
    """Encode the photographs of the shelf: NAME.look.safetensors, NAME.webp, NAME.png (ids of the model) and shelf.json."""
    make_folder(folder)
    entries = []
    for entry, labels in _shelf(synthesizer):
        picture = package_folder() / "shelf" / f"{entry.name}.webp"
        if np.all(labels == synthesizer.schema.void_index):
            continue  # a model of other things than this photograph shows
        photo = read_photo(picture)
        look = synthesizer.encode(Scene(photo, labels, entry.title))
        look.save(folder / f"{entry.name}.look.safetensors", thumbnail=False)  # the photograph lies beside it
        write_label_map(folder / f"{entry.name}.png", labels, synthesizer.schema)
        shutil.copyfile(picture, folder / f"{entry.name}.webp")
        entries.append(entry.__dict__)
    if not entries:
        raise UserError(
            f"no class of the shelf's photographs (schema outdoor) has a counterpart in {synthesizer.schema.name}; the studio "
            "has no looks for this model"
        )
    write_json(folder / "shelf.json", {"looks": entries})


def write_layouts(synthesizer: Synthesizer, folder: Path) -> None:
    """Write starting layouts: NAME.png (ids of the model), NAME.colors.png, NAME.webp (drawn by the model), layouts.json."""
    make_folder(folder)
    entries = []
    for entry, labels in _shelf(synthesizer):
        if entry.name in LAYOUTS and not np.all(labels == synthesizer.schema.void_index):
            layout = resize_label_map(labels, inside(labels.shape, LAYOUT_SIDE, enlarge=True))
            write_label_map(folder / f"{entry.name}.png", layout, synthesizer.schema)
            write_png(folder / f"{entry.name}.colors.png", colorize(layout, synthesizer.schema))
            photo = read_photo(package_folder() / "shelf" / f"{entry.name}.webp")
            drawn = synthesizer.draw(layout, synthesizer.encode(Scene(photo, labels, entry.title)))
            file = io.BytesIO()
            Image.fromarray(drawn).save(file, "WEBP", quality=_QUALITY, method=6)
            write_bytes(folder / f"{entry.name}.webp", file.getvalue())
            entries.append({"name": entry.name, "title": entry.title})
    entries.sort(key=lambda entry: LAYOUTS.index(entry["name"]))
    write_json(folder / "layouts.json", entries)


def export_studio(synthesizer: Synthesizer, folder: Path) -> None:
    """Write the whole studio into `folder` for any static host; one that was written before is replaced.

    Raises `UserError` when the folder holds anything else.
    """
    page = page_folder()
    _check_folder(folder)
    with folder_for_now(folder.parent) as name:
        made = name / "studio"
        shutil.copytree(page, made)
        built = built_folder(synthesizer.weights_sha256)
        if built is None:
            write_model(synthesizer, made)
        else:
            shutil.copytree(built, made, dirs_exist_ok=True)
        files = {path.relative_to(made).as_posix(): sha256(path) for path in sorted(made.rglob("*")) if path.is_file()}
        write_json(made / _OURS, {"model": synthesizer.describe(), "files": files})
        if folder.exists():
            folder.rename(name / "old")
        made.rename(folder)


def _check_folder(folder: Path) -> None:
    """Raise `UserError` unless `folder` is free, or an export of the studio in which nothing was changed or added since."""
    if not os.path.lexists(folder) or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / _OURS).is_file():
        raise UserError(f"{folder} is not empty and no studio; name another folder")
    record = read_json(folder / _OURS, "the list of a studio's files")
    files = record.get("files") if isinstance(record, dict) else None
    if not isinstance(files, dict):
        raise UserError(
            f"{folder / _OURS} does not list the files of a studio; name another folder, or remove this one"
        )
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name != _OURS and not path.is_dir() and (path.is_symlink() or files.get(name) != sha256(path)):
            raise UserError(
                f"{path} was added or changed since the studio was written, and would be lost; move it away"
            )


def _shelf(synthesizer: Synthesizer) -> Iterator[tuple[Entry, LabelMap]]:
    """The photographs of the shelf with their label maps in the model's classes."""
    shelf = package_folder() / "shelf"
    listed = json.loads((shelf / "shelf.json").read_text(encoding="utf-8"))
    schema = load_schema(listed["schema"])
    for values in listed["looks"]:
        entry = Entry(**values)
        yield entry, schema.convert(read_label_map(shelf / f"{entry.name}.png", schema), synthesizer.schema)
