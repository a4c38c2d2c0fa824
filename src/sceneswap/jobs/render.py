"""Data folders of the procedural renderer: scenes to train on, or style swaps whose answers are known."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sceneswap.errors import UserError
from sceneswap.files import make_folder, read_json, write_json, write_text
from sceneswap.guard import keep_files, keep_folder
from sceneswap.images import write_png
from sceneswap.labels.io import write_label_map
from sceneswap.labels.presets import load_schema
from sceneswap.procedural.render import scene, swap_pair
from sceneswap.processes import mapping
from sceneswap.progress import progress
from sceneswap.scene import LabelMap

Job = Callable[[int], object]
Size = tuple[int, int]
_SWAPS = {  # what a swap is made of, and the folder of it
    "label_map": "label_maps", "exemplar": "exemplars", "exemplar_label_map": "exemplar_label_maps", "answer": "answers",
}  # fmt: skip


def render_folder(
    out: Path, seeds: Sequence[int], size: Size, schema: str, *, swaps: bool = False, workers: int = 1
) -> tuple[int, int]:
    """Render the scenes (or swaps) of `seeds` that are not there; return how many were rendered, and were there already.

    size: (height, width) in pixels. schema: preset that the label maps are written in. workers: processes.
    Raises `UserError` when `out` holds other data.
    """
    kind = "swaps" if swaps else "scenes"
    done = _read_index(out, kind, size, schema)
    paths = _swap_paths if swaps else _scene_paths

    def complete(seed: int) -> bool:
        return all(path.is_file() for path in paths(out, seed).values())

    missing = [seed for seed in seeds if not complete(seed)]
    keep_files(path for seed in missing for path in paths(out, seed).values())
    make_folder(out)
    index: dict[str, Any] = {
        "format": "sceneswap-scenes-1",
        "kind": kind,
        "size": list(size),
        "schema": schema,
        "seeds": done,
    }
    write_json(out / "scenes.json", index)
    write_text(out / "schema.toml", f'preset = "{schema}"\n')
    job: Job = partial(_render_swap if swaps else _render_scene, out=out, size=size, schema=schema)
    with progress("rendering", len(missing)) as advance, mapping(min(workers, len(missing) // 4)) as each:
        for _ in each(job, missing):
            advance()
    index["seeds"] = sorted(seed for seed in {*done, *seeds} if complete(seed))
    write_json(out / "scenes.json", index)
    if swaps:
        write_text(out / "pairs.jsonl", "".join(_swap_line(out, seed) for seed in index["seeds"]))
    return len(missing), len(seeds) - len(missing)


def _read_index(out: Path, kind: str, size: Size, schema: str) -> list[int]:
    """The seeds in scenes.json of a folder that holds the same kind of pictures; none of a new folder."""
    path = out / "scenes.json"
    if not keep_folder(
        out, path.name, ("images", "labels", *_SWAPS.values(), "schema.toml", "pairs.jsonl"), "`data render`"
    ):
        return []
    index = read_json(path, "the index of rendered scenes")
    wanted: dict[str, Any] = {"kind": kind, "size": list(size), "schema": schema}
    try:
        seeds = [int(number) for number in index["seeds"]]
        other = [f"{name} {index[name]}" for name, value in wanted.items() if index[name] != value]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{path} is not an index of rendered scenes; choose another folder") from error
    if other:
        raise UserError(f"{out} holds rendered pictures of {', '.join(other)}; choose another folder or these options")
    return seeds


def _scene_paths(out: Path, seed: int) -> dict[str, Path]:
    return {"photo": out / "images" / f"{seed:06d}.png", "label_map": out / "labels" / f"{seed:06d}.png"}


def _swap_paths(out: Path, seed: int) -> dict[str, Path]:
    return {name: out / folder / f"{seed:06d}.png" for name, folder in _SWAPS.items()}


def _swap_line(out: Path, seed: int) -> str:
    return json.dumps({name: path.relative_to(out).as_posix() for name, path in _swap_paths(out, seed).items()}) + "\n"


def _render_scene(seed: int, out: Path, size: Size, schema: str) -> None:
    one, paths = scene(seed, size), _scene_paths(out, seed)
    write_png(paths["photo"], one.photo)
    _write_label_map(paths["label_map"], one.label_map, schema)


def _render_swap(seed: int, out: Path, size: Size, schema: str) -> None:
    target, exemplar, answer = swap_pair(seed, size)
    paths = _swap_paths(out, seed)
    _write_label_map(paths["label_map"], target.label_map, schema)
    write_png(paths["exemplar"], exemplar.photo)
    _write_label_map(paths["exemplar_label_map"], exemplar.label_map, schema)
    write_png(paths["answer"], answer)


def _write_label_map(path: Path, label_map: LabelMap, name: str) -> None:
    schema = load_schema(name)
    write_label_map(path, load_schema("procedural").convert(label_map, schema), schema)
