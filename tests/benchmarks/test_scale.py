"""The simulated cluster: nothing is lost, no machine is faster than it is, and what the schedule does shows."""

import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.scale.simulate import Cluster, simulate

SECONDS = np.random.default_rng(0).lognormal(-1, 0.5, 20_000)
SMALL = Cluster(workers=50)


def test_machines_that_never_fail_are_all_but_ideal() -> None:
    found = simulate(SECONDS, replace(SMALL, failures=0, slow=0, stalls=0, driver=0))
    assert found.ideal == pytest.approx(SECONDS.sum() / 50)
    assert 0.97 < found.efficiency <= 1
    assert found.losses == found.given_up == 0
    assert found.useful == pytest.approx(found.efficiency)


def test_losses_and_stragglers_cost_what_they_take_and_no_row_is_given_up() -> None:
    found = simulate(SECONDS, SMALL)
    assert found.losses > 0
    assert found.given_up == 0
    assert 0.7 < found.efficiency < 0.97
    assert found.useful + found.slowness + found.lost + found.duplicated + found.idle == pytest.approx(1)
    assert min(found.useful, found.slowness, found.lost, found.duplicated, found.idle) >= 0


def test_backups_shorten_the_end() -> None:
    slow = Cluster(workers=50, failures=0, slow=0.1, slow_factor=30)
    assert simulate(SECONDS[:2000], slow).makespan < 0.8 * simulate(SECONDS[:2000], slow, patience=math.inf).makespan


def test_a_driver_that_is_too_slow_is_what_limits() -> None:
    busy = Cluster(workers=500, driver=0.5)
    assert simulate(SECONDS, busy).driver_busy > 0.95
