"""Plain gradient steps in place of Adam's, which divide rounding errors by themselves where a gradient is nearly zero."""

from typing import Any

import torch

from sceneswap.config import TrainConfig


class Plain(torch.optim.SGD):
    """Plain steps, with the state that a run keeps of Adam, so that they can be resumed."""

    def step(self, *given: Any) -> Any:
        result = super().step(*given)
        for parameter in self.param_groups[0]["params"]:
            empty = {name: torch.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")}
            self.state[parameter] = {"step": torch.zeros(()), **empty}
        return result


def plainly(network: torch.nn.Module, rate: float, settings: TrainConfig) -> torch.optim.Optimizer:
    """In place of `setup._adam`."""
    return Plain([p for p in network.parameters() if p.requires_grad], lr=rate)
