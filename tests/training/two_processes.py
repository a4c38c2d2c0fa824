"""Run by torchrun: train, then fail unless every process holds the same weights and averages.

Arguments: data folder, then pairs of preset (TOML) and run folder; --plain first: without Adam, which blows up rounding errors.
"""

import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from sceneswap.config import load_train_config
from sceneswap.training import loop, setup
from sceneswap.training.setup import leave_processes

trained: list[Any] = []
make_networks = loop.make_networks


def remember(*arguments: Any) -> Any:
    trained.append(make_networks(*arguments))
    return trained[-1]


loop.make_networks = remember  # type: ignore[assignment]  # the loop keeps its networks to itself
words = sys.argv[1:]
if words[0] == "--plain":
    words.pop(0)
    from plain import plainly  # type: ignore[import-not-found]  # beside this file

    setup._adam = plainly
data, *runs = map(Path, words)
for preset, out in zip(runs[::2], runs[1::2], strict=True):
    loop.train(load_train_config(str(preset)), [data], out, resume="auto", device="cpu")
    assert dist.get_world_size() == 2
    for name, network in trained[-1].kept.items():
        own = torch.cat([t.detach().flatten().float() for t in network.state_dict().values()])
        everyone = [torch.empty_like(own) for _ in range(2)]
        dist.all_gather(everyone, own)
        if not torch.equal(everyone[0], everyone[1]):
            sys.exit(f"the processes differ in {name} by {(everyone[0] - everyone[1]).abs().max():.2e}")
trained.clear()
leave_processes()
