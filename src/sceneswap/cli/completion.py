"""`sceneswap completion`."""

import io
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from typing import Annotated, Any, Literal, Union

import tyro


def completion(shell: Annotated[Literal["bash", "zsh", "fish"], tyro.conf.Positional]) -> None:
    """Print a script with which the shell completes commands, options and their values.

    Try:

        sceneswap completion bash > ~/.local/share/bash-completion/completions/sceneswap

        sceneswap completion zsh > ~/.zfunc/_sceneswap

        sceneswap completion fish > ~/.config/fish/completions/sceneswap.fish

    Args:
        shell: The shell that is to read the script.
    """
    from sceneswap.cli.main import COMMANDS, functions

    commands: dict[str, Any] = {}
    for name, (what, _) in COMMANDS.items():
        found = functions(name)
        commands[name] = _named(name, _one_of(found) if isinstance(found, dict) else found, what)
    every: Any = Union[tuple(commands.values())]  # noqa: UP007 made of a list
    flat = (tyro.conf.OmitArgPrefixes,)
    script = io.StringIO()
    with redirect_stdout(script), suppress(SystemExit):
        tyro.cli(every, prog="sceneswap", args=["--tyro-print-completion", shell], config=flat)
    for line in script.getvalue().splitlines():  # shells read a completion per line, so no help text may go over two
        print(line.replace("\\n", " ") if line.startswith("COMPLETION_SPEC =") else line)


def _one_of(commands: dict[str, Callable[..., None]]) -> Any:
    return Union[tuple(_named(name, function) for name, function in commands.items())]  # noqa: UP007 made of a list


def _named(name: str, constructor: Any, what: str | None = None) -> Any:
    return Annotated[Any, tyro.conf.subcommand(name=name, constructor=constructor, description=what)]


COMMANDS = completion
