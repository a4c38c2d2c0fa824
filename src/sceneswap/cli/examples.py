"""`sceneswap examples`."""

from pathlib import Path
from shlex import quote

from sceneswap.errors import counted


def examples(out: Path = Path("examples")) -> None:
    """Write photographs, label maps, a drawn map and saved looks to try everything on.

    Eight photographs (CC0) with their label maps, a map drawn by hand, two looks and a list of pictures to draw: a
    README.md among them says what is what, and where it comes from. Files of your own are never replaced. After an
    update of sceneswap, --overwrite brings files and looks up to date.

    Try:

        sceneswap examples

        sceneswap swap examples/images/lake.jpg examples/images/sunset.jpg -o painted.png

    Args:
        out: Folder to write to; made if missing.
    """
    from sceneswap.jobs.examples import write_examples

    new = write_examples(out)
    print(
        f"{out}: {counted(new, 'new file')}; {out / 'README.md'} says what they are"
        if new
        else f"{out}: all there already"
    )
    layout, exemplar = (out / "images" / name for name in ("lake.jpg", "sunset.jpg"))
    print(f"try: sceneswap swap {quote(str(layout))} {quote(str(exemplar))} -o painted.png")


COMMANDS = examples
