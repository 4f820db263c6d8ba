"""When a sink is full, and when it is so for long."""

from __future__ import annotations

from api.stream.back_pressure import PATIENCE_S, BackPressure


def test_a_sink_is_full_beyond_its_capacity_and_until_half_of_it_is_free() -> None:
    back_pressure = BackPressure(1000)
    for held, is_full in ((1000, False), (1001, True), (501, True), (500, False), (900, False)):
        back_pressure.holds(1.0, held)
        assert back_pressure.is_full == is_full, held


def test_full_for_long_counts_from_when_it_became_full() -> None:
    back_pressure = BackPressure(1000)
    assert not back_pressure.is_full_for_long(1e9)
    back_pressure.holds(10.0, 2000)
    back_pressure.holds(10.0 + PATIENCE_S / 2, 3000)
    back_pressure.holds(10.0 + PATIENCE_S / 2, 600)
    assert not back_pressure.is_full_for_long(10.0 + PATIENCE_S - 0.01)
    assert back_pressure.is_full_for_long(10.0 + PATIENCE_S)
    back_pressure.holds(20.0, 0)
    back_pressure.holds(21.0, 2000)
    assert not back_pressure.is_full_for_long(21.0 + PATIENCE_S - 0.01)
