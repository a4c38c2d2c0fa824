"""What pictures and pages say about how they were made: files, schemas and model, by name and SHA-256."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sceneswap.errors import encoded
from sceneswap.files import sha256
from sceneswap.inference.synthesizer import Synthesizer
from sceneswap.labels.schema import LabelSchema


def file_note(synthesizer: Synthesizer, path: Path, schema: LabelSchema | None = None) -> dict[str, Any]:
    """What a picture's note says of an input file: its name and SHA-256, and of a label map the schema it was read by.

    Raises `UserError` when the file cannot be read.
    """
    note = {"file": path.name, "sha256": sha256(path)}
    if schema is not None:
        note["schema"] = schema.name
        if schema != synthesizer.schema:
            note["schema_sha256"] = hashlib.sha256(json.dumps(schema.to_dict(), sort_keys=True).encode()).hexdigest()
    return note


def picture_note(synthesizer: Synthesizer, **files: Mapping[str, Any]) -> dict[str, str]:
    """The PNG text that says how a picture was made: its input files (what each is → its `file_note`) and the model.

    The same settings give the same text, on any machine, any day.
    """
    note = json.dumps({**files, "model": synthesizer.describe()}, ensure_ascii=False)
    return {"sceneswap": encoded(note).decode()}  # as the file will hold it


def made(synthesizer: Synthesizer, files: str, map_notes: Iterable[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """What a page says of how it was made.

    files: what lies beside the page. map_notes: of all label maps, see `SceneReader.map_note`; those that were estimated
    are counted.
    """
    model, notes = synthesizer.describe(), list(map_notes)
    by = [note["estimated_by"]["network"] for note in notes if "estimated_by" in note]
    estimated = {"label maps": f"{len(by)} of {len(notes)} estimated from the photographs by {by[0]}"} if by else {}
    return {
        "model": model["name"],
        "weights (SHA-256)": model["weights_sha256"],
        "label schema": model["schema"],
        **estimated,
        "sceneswap": model["sceneswap"],
        "files": files,
    }


def class_colors(schema: LabelSchema, indices: Iterable[int]) -> dict[str, Sequence[int]]:
    """The names of the classes `indices` and their colours, for the legend of a page."""
    names = (*schema.names, "void")
    return {names[i]: schema.colors[i] for i in sorted(indices)}
