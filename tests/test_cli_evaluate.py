"""`sceneswap evaluate` from the command line: results, and one sentence for every mistake."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sceneswap.cli.main import run

pytest_plugins = ["evaluation_fixtures"]
