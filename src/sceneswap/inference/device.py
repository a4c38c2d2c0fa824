"""Where a model runs and how precisely: what is asked for, or an error; "auto" says what it takes."""

from typing import Literal

import torch

from sceneswap.errors import UserError

Precision = Literal["fp32", "bf16", "auto"]

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
_KINDS = ("cuda", "mps", "cpu")  # "auto" takes the first that is there


def choose_device(device: torch.device | str = "auto") -> torch.device:
    """The device for "auto", "cpu", "cuda", "cuda:N" or "mps", or a `torch.device` of these kinds.

    "auto" takes CUDA, then Apple's GPU, then the CPU. Raises `UserError` when it is not there.

    >>> choose_device("cpu")
    device(type='cpu')
    """
    counts = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available()), "cpu": 1}
    if device == "auto":
        return torch.device(next(kind for kind in _KINDS if counts[kind]))
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError):
        chosen = None
    if chosen is None or chosen.type not in counts:
        raise UserError(f"there is no device {str(device)!r}; choose auto, cpu, cuda, cuda:1 or mps")
    if not counts[chosen.type]:
        raise UserError(f"PyTorch finds no {chosen.type} device on this machine; choose auto or cpu")
    if (chosen.index or 0) >= counts[chosen.type]:
        raise UserError(
            f"there is no device {chosen}: PyTorch finds {counts[chosen.type]} {chosen.type} device here, counted from 0"
        )
    return chosen if chosen.type == "cuda" else torch.device(chosen.type)


def choose_precision(precision: str | None, dtype: torch.dtype | None, device: torch.device) -> Literal["fp32", "bf16"]:
    """The precision for "fp32" (also None), "bf16" or "auto", or for the dtype that means it: what runs is what is asked.

    "auto" is bf16 where the device computes in it (`computes_in_bf16`), else fp32. Raises `UserError` for anything else,
    for a dtype that contradicts the precision, and for bf16 on a device that cannot run it.

    >>> choose_precision(None, torch.bfloat16, torch.device("cpu"))
    'bf16'
    """
    if precision is not None and precision not in (*DTYPES, "auto"):
        raise UserError(f"there is no precision {precision!r}; choose fp32, bf16 or auto")
    if dtype is not None:
        named = next((name for name, known in DTYPES.items() if known == dtype), None)
        if named is None:
            raise UserError(f"models run in torch.float32 or torch.bfloat16, not in {dtype}; choose one of these")
        if precision not in (None, named):
            raise UserError(f"precision {precision!r} and dtype {dtype} contradict each other; give one of them")
        precision = named
    if precision == "auto":
        return "bf16" if computes_in_bf16(device) else "fp32"
    if precision != "bf16":
        return "fp32"
    if not (torch.cuda.is_bf16_supported() if device.type == "cuda" else torch.amp.is_autocast_available(device.type)):
        raise UserError(f"the device {device} cannot compute in bfloat16; choose precision fp32 or auto")
    return "bf16"


def computes_in_bf16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 numbers in hardware: CPUs with AVX-512 BF16, AMX or Arm's BF16, CUDA from Ampere on.

    >>> isinstance(computes_in_bf16(torch.device("cpu")), bool)
    True
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type != "cpu":
        return False
    if hasattr(torch.cpu, "get_capabilities"):  # from PyTorch 2.10 on
        there = torch.cpu.get_capabilities()
        return any(bool(there.get(name)) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    known = (getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
    return any(bool(is_there()) for is_there in known if is_there is not None)
