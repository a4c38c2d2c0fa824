"""Commands in processes of their own, to be killed: forked off one that has imported PyTorch, for that takes seconds."""

import multiprocessing
import os
from multiprocessing.process import BaseProcess
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["sceneswap.cli.main", "sceneswap.training.loop", "sceneswap.jobs.restyle.run"])


def start(*arguments: object, said: Path | str = os.devnull) -> BaseProcess:
    """`sceneswap ARGUMENTS`, running; its `exitcode` is that of the command. said: the file that gets what it prints."""
    process = _CONTEXT.Process(target=_command, args=([str(one) for one in arguments], str(said)))
    process.start()
    return process


def _command(arguments: list[str], said: str) -> None:
    file = os.open(said, os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)

    import torch

    from sceneswap.cli.main import run

    torch.set_num_threads(1)
    raise SystemExit(run(arguments))
