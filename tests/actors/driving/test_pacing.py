from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.driving.pacing import BOUNDS_MS, Lateness, delay_ms


def test_a_slow_tick_does_not_shift_the_ones_after_it() -> None:
    woken, now = [], 1_000_000.0
    for took_ms in (3.0, 70.0, 1.0, 120.0, 2.0):
        now += delay_ms(now, 50.0, 10.0)
        woken.append(now)
        now += took_ms
    assert [instant % 50 for instant in woken] == [10.0] * 5
    assert woken == [1_000_010.0, 1_000_060.0, 1_000_160.0, 1_000_210.0, 1_000_360.0]


@given(st.integers(0, 2 * 10**12), st.integers(1, 1000), st.integers(0, 1000))
def test_the_delay_is_never_zero_and_never_more_than_a_period(now_ms: int, period_ms: int, phase_ms: int) -> None:
    assert 0 < delay_ms(now_ms, period_ms, phase_ms) <= period_ms


def test_percentiles_are_bounds_under_which_so_many_positions_were() -> None:
    lateness = Lateness()
    lateness.add(np.array([0.0] * 50 + [10.0] * 49 + [700.0]))
    assert lateness.percentile(50) == 1.0
    assert lateness.percentile(99) == 10.0
    worst = lateness.percentile(100)
    assert worst is not None
    assert 700.0 <= worst < 760.0
    assert lateness.max_ms == 700.0


@given(st.lists(st.floats(0, 1e7), min_size=1, max_size=200), st.floats(1, 100))
def test_a_percentile_is_never_below_the_true_one(values: list[float], percent: float) -> None:
    lateness = Lateness()
    lateness.add(np.array(values))
    found = lateness.percentile(percent)
    true = sorted(values)[max(0, int(np.ceil(percent / 100 * len(values))) - 1)]
    assert found is not None
    assert found >= min(true, BOUNDS_MS[-1])


def test_histograms_add_up_and_tell_what_came_since() -> None:
    first, second = Lateness(), Lateness()
    first.add(np.array([5.0, 6.0]))
    before = first.copy()
    second.add(np.array([100.0]))
    first.add(np.array([7.0]))
    assert first.plus(second).counts.sum() == 4
    assert first.plus(second).max_ms == 100.0
    assert first.since(before).counts.sum() == 1
    assert first.since(before).percentile(50) == pytest.approx(7.0)


def test_without_positions_there_is_no_percentile() -> None:
    lateness = Lateness()
    lateness.add(np.empty(0))
    assert lateness.percentile(99) is None
