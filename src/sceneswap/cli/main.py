"""`sceneswap`: the table of commands. A command's module is imported only when it is called; PyTorch only when it runs."""

import difflib
import errno
import inspect
import io
import logging
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from importlib import import_module
from itertools import pairwise
from pathlib import Path

from sceneswap import __version__
from sceneswap.errors import PreemptedError, UserError, printable
from sceneswap.files import reading_error
from sceneswap.guard import overwriting
from sceneswap.notes import LOG, on_stderr

COMMANDS = {  # name, which is the module's here: what it does, worked example
    "examples": ("write photographs, label maps and looks to try everything on", "sceneswap examples"),
    "swap": (
        "draw a photograph in the look of another, or every layout in every look: a grid and a page",
        "sceneswap swap beach.jpg dusk.jpg -o beach_at_dusk.png",
    ),
    "restyle": (
        "draw a labelled data set again in other looks, labels and annotations carried along: more data to train on",
        "sceneswap restyle my_data --looks evenings/ --out restyled",
    ),
    "synthesize": (
        "make one photograph from a layout and an exemplar, or many from a manifest",
        "sceneswap synthesize --label-map map.png --exemplar dusk.jpg --exemplar-label-map dusk.png -o out.png",
    ),
    "encode": (
        "keep the look of a photograph as a small file, to draw with it later",
        "sceneswap encode dusk.jpg -o dusk.look.safetensors",
    ),
    "note": ("print the settings that a picture carries", "sceneswap note painted.png"),
    "studio": (
        "paint a layout, choose a look, and watch it become a photograph, in a page of your own browser",
        "sceneswap studio",
    ),
    "interpolate": (
        "mix the looks of several exemplars: over the picture, by place, by class",
        "sceneswap interpolate global --label-map map.png --exemplars day.jpg dusk.jpg "
        "--exemplar-label-maps day.png dusk.png --out strip/",
    ),
    "attention": (
        "see what the attention learned, and where a pixel's look comes from",
        "sceneswap attention matrix --data scenes/ --pairs 500 --out attention/",
    ),
    "labels": (
        "check, convert, colour and estimate label maps",
        "sceneswap labels check my_data/labels --schema ade20k-150-1based",
    ),
    "data": (
        "render procedural scenes, import labelled photographs, pack them into shards",
        "sceneswap data render --count 100 --out scenes/",
    ),
    "train": (
        "train a model on folders of photographs and label maps",
        "sceneswap train --preset small --data scenes/ --out runs/first",
    ),
    "presets": ("list the presets of training, or print one to change it", "sceneswap presets show small"),
    "evaluate": (
        "measure models: style swapping, duplicating, mirroring, retrieving, known answers, layout, label maps; compare",
        "sceneswap evaluate swap --data scenes/ --model ours=models/first --out results/swap",
    ),
    "weights": (
        "fetch the weights of the networks that metrics ask; their sizes, licences and hashes",
        "sceneswap weights fetch lpips inception",
    ),
    "export": (
        "turn a training run into a model folder to use and share, or a model into ONNX graphs",
        "sceneswap export runs/first --out models/first --half",
    ),
    "completion": ("print what lets your shell complete commands and options", "sceneswap completion bash"),
}

LOUDNESS = {"--quiet": logging.WARNING, "--verbose": logging.DEBUG}
"""Flags of every command, wherever they stand: from what level on the package's log is shown."""

TRY_AGAIN = 75
"""Exit code of a training that SIGTERM stopped: EX_TEMPFAIL of sysexits.h, upon which schedulers start a job again."""

_NARROWEST = 40  # columns: what is laid out for fewer is never finished
OVERWRITE = "--overwrite"
"""The flag of every command that lets it replace files that sceneswap has not written; some declare it themselves."""


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code: 0 done, 2 a mistake of the user's, 130 interrupted, 75 start it again.

    A file that the system will not give, and that no reader has explained, is the user's to mend too. A bug keeps its
    traceback.
    """
    words = [word for word in arguments if word not in LOUDNESS]
    loudness = next((LOUDNESS[word] for word in arguments if word in LOUDNESS), logging.INFO)
    with on_stderr(loudness), overwriting() if OVERWRITE in words else nullcontext():
        started = time.monotonic()
        try:
            _answer(words)
        except UserError as error:
            print(f"sceneswap: {printable(str(error))}", file=sys.stderr)
            LOG.debug("this is where it was found", exc_info=error)
            return 2
        except OSError as error:
            if error.filename is not None:
                told = str(reading_error(error.filename, error))
            elif isinstance(error, FileNotFoundError):  # what the system answers when asked where we are
                told = "the folder where the command runs is gone; change to another one"
            else:
                raise
            print(f"sceneswap: {printable(told)}", file=sys.stderr)
            LOG.debug("this is where it was found", exc_info=error)
            return 2
        except PreemptedError:
            print("sceneswap: stopped by SIGTERM; start the command again with --resume auto to go on", file=sys.stderr)
            return TRY_AGAIN
        except KeyboardInterrupt:
            print("sceneswap: interrupted", file=sys.stderr)
            return 130
        except SystemExit as end:  # of the argument parser: --help, or a mistake that it has explained
            return 0 if end.code is None else end.code if isinstance(end.code, int) else 2
        LOG.debug("done after %.1f s", time.monotonic() - started)
    return 0


def main() -> None:
    """Entry point of the console script.

    A terminal that cannot show a character gets its number in place of it, and SIGTERM is Ctrl-C (but to a training it says: go
    on later). Whoever closes the output, such as `head`, has seen enough; a disk that is full has not.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # it was closed before the start, and nobody listens
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 to the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, _terminated)
    if shutil.get_terminal_size().columns < _NARROWEST:
        os.environ["COLUMNS"] = str(_NARROWEST)
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads of PyTorch that wait leave the processor to others
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        code = 0
    except KeyboardInterrupt:  # before the command had begun, or after it
        print("sceneswap: interrupted", file=sys.stderr)
        sys.exit(130)
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


def _terminated(number: int, frame: object) -> None:
    raise PreemptedError if sys.argv[1:2] == ["train"] else KeyboardInterrupt


def _answer(words: Sequence[str]) -> None:
    """Do what a command line says."""
    if not words or words[0] in ("-h", "--help") or list(words) == ["help"]:
        print(_help())
    elif words[0] in ("-V", "--version"):
        print(f"sceneswap {__version__}")
    elif words[0] == "help":
        _call([*words[1:], "--help"])
    else:
        _call(words)


def _call(words: Sequence[str]) -> None:
    import tyro

    name, *rest = words
    _check_given(rest)
    commands = functions(_known(name, COMMANDS, "sceneswap"))
    prog = f"sceneswap {name}"
    if isinstance(commands, dict):
        if not rest or rest[0] in ("-h", "--help"):
            print(_help_of(name, commands))
            return
        sub, *rest = rest
        sub = _known(sub.replace("_", "-"), commands, prog)
        commands, prog = commands[sub], f"{prog} {sub}"
    if "overwrite" not in inspect.signature(commands).parameters:
        rest = [word for word in rest if word != OVERWRITE]
    tyro.cli(commands, prog=prog, args=rest, config=(tyro.conf.OmitArgPrefixes,))  # also of those declared together


def _check_given(words: Sequence[str]) -> None:
    """Raise `UserError` for a word without anything in it: as a path it would be the folder where the command runs."""
    for before, word in pairwise(["", *words]):
        option = word[:-1] if re.fullmatch("--[^=]+=", word) else before if not word else None
        if option is not None:
            what = option if option.startswith("-") else "an argument"
            raise UserError(f"{what} is empty; give it a value (is a variable of your script not set?)")


def functions(name: str) -> Callable[..., None] | dict[str, Callable[..., None]]:
    """What runs the command `name`: a function, or one for each of its sub-commands."""
    from sceneswap.cli.options import within_bounds

    found: Callable[..., None] | dict[str, Callable[..., None]] = import_module(f"sceneswap.cli.{name}").COMMANDS
    return {sub: within_bounds(one) for sub, one in found.items()} if isinstance(found, dict) else within_bounds(found)


def summary(function: Callable[..., None]) -> str:
    """The first sentence of a command's help, on one line."""
    return (inspect.getdoc(function) or "").partition("\n\n")[0].replace("\n", " ")


def _known(name: str, commands: Iterable[str], prog: str) -> str:
    if name in commands:
        return name
    near = difflib.get_close_matches(name, commands, n=1)
    hint = f"did you mean {prog} {near[0]}?" if near else f"the commands are {', '.join(commands)}"
    raise UserError(f"there is no command {prog} {name}; {hint}")


def _help() -> str:
    lines = ["sceneswap: the layout of a label map, the look of another photograph", "", "commands:"]
    lines += _columns({name: what for name, (what, _) in COMMANDS.items()})
    lines += ["", "examples:", *(f"  {example}" for _, example in COMMANDS.values())]
    lines += ["", "sceneswap COMMAND --help, or sceneswap help COMMAND, tells the rest."]
    lines += [
        "With every command: --quiet (warnings and errors alone) or --verbose (times, and where an error was found);",
        "--overwrite replaces files that sceneswap has not written, or that were changed since. Inputs are never replaced.",
    ]
    return "\n".join(lines)


def _help_of(name: str, commands: dict[str, Callable[..., None]]) -> str:
    lines = [f"sceneswap {name}: {COMMANDS[name][0]}", "", "commands:"]
    lines += _columns({sub: summary(function) for sub, function in commands.items()})
    return "\n".join(
        [*lines, "", "example:", f"  {COMMANDS[name][1]}", "", f"sceneswap {name} COMMAND --help tells the rest."]
    )


def _columns(rows: dict[str, str]) -> list[str]:
    width = max(map(len, rows))
    return [f"  {name:<{width}}  {what}" for name, what in rows.items()]


if __name__ == "__main__":
    main()
