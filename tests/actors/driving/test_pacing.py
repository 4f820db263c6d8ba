from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.driving.pacing import delay_ms


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
