"""A meter counts from due, by the second in which positions were due, and forgets what was taken."""

from __future__ import annotations

import numpy as np

from engine.latency.meter import MAX_SECONDS, Meter, Segment, due_wall_ms
from engine.motion.clock import RunClock


def test_latency_is_counted_from_due_in_the_second_of_the_due_instant() -> None:
    meter = Meter()
    meter.measure("run", Segment.PRODUCED, np.array([5_000.0, 5_999.0, 6_000.0]), 6_100.0)
    meter.measure("run", Segment.ACKED, np.array([5_000.0]), np.array([5_250.0]))
    meter.measure("other", Segment.PRODUCED, np.array([5_000.0]), 4_000.0)
    other, first, second = meter.take()
    assert [(one.run_id, one.due_s) for one in (other, first, second)] == [("other", 5), ("run", 5), ("run", 6)]
    assert first.histograms[Segment.PRODUCED].total == 2
    assert first.histograms[Segment.PRODUCED].percentile_us(50) == 101_055  # the bucket of 101 ms, to three digits
    assert first.histograms[Segment.ACKED].max_us == 250_111
    assert second.histograms[Segment.PRODUCED].max_us == 100_031
    assert other.histograms[Segment.PRODUCED].max_us == 0
    assert meter.take() == []


def test_positions_that_were_due_together_may_be_counted_together() -> None:
    meter = Meter()
    meter.measure("run", Segment.ACKED, np.array([5_000.0, 5_010.0, 6_000.0]), 6_000.0, np.array([3, 5, 2]))
    first, second = meter.take()
    assert (first.histograms[Segment.ACKED].total, first.histograms[Segment.ACKED].percentile_us(50)) == (8, 990_207)
    assert (second.histograms[Segment.ACKED].total, second.histograms[Segment.ACKED].max_us) == (2, 0)


def test_who_catches_up_for_hours_holds_no_more_seconds_and_counts_every_position() -> None:
    meter, hours = Meter(), 1000.0 * np.arange(10.0, 10_010.0)
    meter.measure("run", Segment.PRODUCED, hours, 20_000_000.0)
    meter.measure("run", Segment.PRODUCED, np.array([5_000.0, 12_500.0]), 20_000_000.0)
    meter.measure("run", Segment.PRODUCED, np.array([130_000.0]), 20_000_000.0)
    taken = meter.take()
    assert [one.due_s for one in taken] == list(range(10, 10 + MAX_SECONDS))
    totals = [one.histograms[Segment.PRODUCED].total for one in taken]
    assert (totals[:4], totals[-1], sum(totals)) == ([2, 1, 2, 1], 10_000 - MAX_SECONDS + 2, 10_003)


def test_nothing_is_counted_of_no_positions() -> None:
    meter = Meter()
    meter.measure("run", Segment.STORED, np.empty(0), 1.0)
    assert meter.take() == []


def test_a_virtual_instant_is_due_by_the_runs_clock() -> None:
    clock = RunClock(1_000_000.0, 500.0, 60.0)
    assert due_wall_ms(clock, np.array([1_000_000, 1_060_000])).tolist() == [500.0, 1_500.0]
    assert due_wall_ms(RunClock(0.0, 0.0, 0.0), np.array([1])).tolist() == []
