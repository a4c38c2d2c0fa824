"""What a picture says about how it was made: files, schemas and model, by name and SHA-256."""

import hashlib
import json
from pathlib import Path
from typing import Any

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


def picture_note(synthesizer: Synthesizer, **files: tuple[Path, LabelSchema | None] | dict[str, Any]) -> dict[str, str]:
    """The PNG text that says how a picture was made: its input files and the model.

    files: what each is → (path, schema of a label map), or its `file_note` where that is known already.
    The same settings give the same text, on any machine, any day.
    """
    notes = {what: file if isinstance(file, dict) else file_note(synthesizer, *file) for what, file in files.items()}
    return {"sceneswap": json.dumps({**notes, "model": synthesizer.describe()}, ensure_ascii=False)}
