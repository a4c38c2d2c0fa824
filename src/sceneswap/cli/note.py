"""`sceneswap note`."""

import json
from pathlib import Path
from typing import Annotated

import tyro


def note(picture: Annotated[Path, tyro.conf.Positional]) -> None:
    """Print the settings that a picture carries, as JSON: its files by name and SHA-256, how it was read, the model.

    Pictures of sceneswap know how they were made until another program saves them. To draw such a picture again, or with
    another look: `sceneswap synthesize --like PICTURE`.

    Try:

        sceneswap note painted.png

        sceneswap synthesize --like painted.png --exemplar dusk.jpg -o again.png

    Args:
        picture: A .png, .jpg or .webp that sceneswap has drawn.
    """
    from sceneswap.jobs.recall import read_note

    print(json.dumps(read_note(picture), indent=2, ensure_ascii=True))


COMMANDS = note
