"""`sceneswap`: the table of commands. A command's module is imported only when it is called; PyTorch only when it runs."""

import errno
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from sceneswap import __version__
from sceneswap.errors import UserError, printable
from sceneswap.files import reading_error
from sceneswap.notes import on_stderr

COMMANDS: dict[str, tuple[str, str, str]] = {
    # name: (module, what it does, worked example)
    "examples": (
        "sceneswap.cli.examples",
        "write photographs, label maps and looks to try everything on",
        "sceneswap examples",
    ),
    "swap": (
        "sceneswap.cli.swap",
        "draw a photograph in the look of another, or every layout in every look: a grid and a page",
        "sceneswap swap beach.jpg dusk.jpg -o beach_at_dusk.png",
    ),
    "restyle": (
        "sceneswap.cli.restyle",
        "draw a labelled data set again in other looks, labels and annotations carried along: more data to train on",
        "sceneswap restyle my_data --looks evenings/ --out restyled",
    ),
    "synthesize": (
        "sceneswap.cli.synthesize",
        "make one photograph from a layout and an exemplar, or many from a manifest",
        "sceneswap synthesize --label-map map.png --exemplar dusk.jpg --exemplar-label-map dusk.png -o out.png",
    ),
    "encode": (
        "sceneswap.cli.encode",
        "keep the look of a photograph as a small file, to draw with it later",
        "sceneswap encode dusk.jpg -o dusk.look.safetensors",
    ),
    "interpolate": (
        "sceneswap.cli.interpolate",
        "mix the looks of several exemplars: over the picture, by place, by class",
        "sceneswap interpolate global --label-map map.png --exemplars day.jpg dusk.jpg "
        "--exemplar-label-maps day.png dusk.png --out strip/",
    ),
    "attention": (
        "sceneswap.cli.attention",
        "see what the attention learned, and where a pixel's look comes from",
        "sceneswap attention matrix --data scenes/ --pairs 500 --out attention/",
    ),
    "labels": (
        "sceneswap.cli.labels",
        "check, convert, colour and estimate label maps",
        "sceneswap labels check my_data/labels --schema ade20k-150-1based",
    ),
    "data": (
        "sceneswap.cli.data",
        "render procedural scenes, or import labelled photographs",
        "sceneswap data render --count 100 --out scenes/",
    ),
    "train": (
        "sceneswap.cli.train",
        "train a model on folders of photographs and label maps",
        "sceneswap train --preset small --data scenes/ --out runs/first",
    ),
    "evaluate": (
        "sceneswap.cli.evaluate",
        "measure models: style swapping, duplicating, mirroring, retrieving, known answers, layout, label maps; compare",
        "sceneswap evaluate swap --data scenes/ --model ours=models/first --out results/swap",
    ),
    "export": (
        "sceneswap.cli.export",
        "turn a training run into a model folder to use and share",
        "sceneswap export runs/first --out models/first --half",
    ),
}


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code: 0 done, 2 a mistake of the user's, 130 interrupted.

    A file that the system will not give, and that no reader has explained, is the user's to mend too. A bug keeps its
    traceback.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_help())
        return 0
    if arguments[0] == "--version":
        print(f"sceneswap {__version__}")
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        print(f"sceneswap: there is no command {name!r}; the commands are {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    try:
        with on_stderr():
            _call(name, rest)
    except UserError as error:
        print(f"sceneswap: {printable(str(error))}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.filename is None:
            raise
        print(f"sceneswap: {printable(str(reading_error(error.filename, error)))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("sceneswap: interrupted", file=sys.stderr)
        return 130
    except SystemExit as end:  # of the argument parser: --help, or a mistake that it has explained
        return end.code if isinstance(end.code, int) else 2
    return 0


def main() -> None:
    """Entry point of the console script.

    A terminal that cannot show a character gets its number in place of it, and SIGTERM is Ctrl-C. Whoever closes the
    output, such as `head`, has seen enough; a disk that is full has not.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        code = 0
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename is not None:
            raise
        print(
            "sceneswap: the output cannot be written: the disk is full; free some space and run it again",
            file=sys.stderr,
        )
        code = 2
    else:
        sys.exit(code)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered has nowhere to go
    sys.exit(code)


def _call(name: str, arguments: list[str]) -> None:
    import tyro

    commands: Callable[..., None] | dict[str, Callable[..., None]] = import_module(COMMANDS[name][0]).COMMANDS
    prog = f"sceneswap {name}"
    flat = (tyro.conf.OmitArgPrefixes,)  # options that are declared together are flags like the others
    if isinstance(commands, dict):
        tyro.extras.subcommand_cli_from_dict(commands, prog=prog, args=arguments, config=flat)
    else:
        tyro.cli(commands, prog=prog, args=arguments, config=flat)


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = ["sceneswap: the layout of a label map, the look of another photograph", "", "commands:"]
    lines += [f"  {name:<{width}}  {what}" for name, (_, what, _) in COMMANDS.items()]
    lines += ["", "examples:", *(f"  {example}" for _, _, example in COMMANDS.values())]
    lines += ["", "sceneswap COMMAND --help tells the rest."]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
