"""Shared by all tests: the folder of optional data."""

import os
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)  # the networks of tests are tiny: more threads only wait for each other


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of pretrained networks and photographs: $SCENESWAP_SHARED, or `shared` beside the repository."""
    folder = Path(os.environ.get("SCENESWAP_SHARED") or Path(__file__).parents[2] / "shared")
    if not folder.is_dir():
        pytest.skip(f"the optional data folder {folder} is not there (set SCENESWAP_SHARED to its path)")
    return folder
