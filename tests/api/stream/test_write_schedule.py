"""When a sink writes: linger, rest, and no rest for one that is half full."""

from __future__ import annotations

from api.stores.memory import MemoryState
from api.stream.sinks import HISTORY, StateSink
from api.stream.write_schedule import MANY, MAX_REST_S, WriteSchedule


def test_facts_gather_for_a_while_unless_they_are_many() -> None:
    schedule = WriteSchedule(linger_s=0.5, rest=0.0, capacity=10 * MANY)
    assert not schedule.is_ripe(10.4, waiting=MANY - 1, since=10.0)
    assert schedule.is_ripe(10.5, waiting=1, since=10.0)
    assert schedule.is_ripe(10.0, waiting=MANY, since=10.0)


def test_a_store_rests_by_how_long_it_wrote_and_no_longer_than_the_bound() -> None:
    schedule = WriteSchedule(linger_s=0.25, rest=4.0, capacity=10 * MANY)
    schedule.wrote(100.0, took_s=0.5)
    assert not schedule.is_ripe(101.9, waiting=MANY, since=90.0)
    assert schedule.is_ripe(102.0, waiting=MANY, since=90.0)
    schedule.wrote(200.0, took_s=60.0)
    assert not schedule.is_ripe(200.0 + MAX_REST_S - 0.1, waiting=1, since=190.0)
    assert schedule.is_ripe(200.0 + MAX_REST_S, waiting=1, since=190.0)


def test_a_sink_that_is_half_full_rests_no_more() -> None:
    schedule = WriteSchedule(linger_s=0.25, rest=4.0, capacity=1000)
    schedule.wrote(100.0, took_s=1.0)
    assert not schedule.is_ripe(100.1, waiting=499, since=90.0)
    assert schedule.is_ripe(100.1, waiting=500, since=100.1)


def test_only_a_store_whose_writes_replace_each_other_rests() -> None:
    newest, every = StateSink(MemoryState()).traits, StateSink(MemoryState(), keeps_positions=True).traits
    assert newest.rest > 0
    assert (HISTORY.rest, every.rest) == (0.0, 0.0)
    assert HISTORY.portion == every.portion < newest.portion
