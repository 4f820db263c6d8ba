"""The end of a run waits for every acknowledgement, as long as it gets on, and names what it gives up."""

from __future__ import annotations

import pytest

from actors.dispatch.ending import Left
from actors.dispatch.summary import Summary
from actors.patience import Patience
from engine.messages import RunEvent, RunState

World = type  # the class that the fixture `make_world` gives; see conftest.py


def last_run_event(world: object) -> RunEvent:
    return [fact for fact in world.facts.published if isinstance(fact, RunEvent)][-1]  # type: ignore[attr-defined]


def test_patience_begins_anew_with_each_progress() -> None:
    patience = Patience(30, 100)
    answers = [
        patience.is_over((2, 91), 120),
        patience.is_over((2, 91), 149),
        patience.is_over((2, 90), 149),
        patience.is_over((2, 90), 178),
    ]
    assert answers == [False, False, False, False]
    assert patience.is_over((2, 90), 179)


def test_what_grows_or_comes_back_to_where_it_was_is_no_progress() -> None:
    patience = Patience(30, 0)
    assert not patience.is_over((2, 5), 0)
    assert not patience.is_over((2, 500), 10)
    assert not patience.is_over((2, 5), 20)
    assert patience.is_over((2, 6), 30)


def test_each_measure_counts_by_itself() -> None:
    patience = Patience(30, 0)
    assert not patience.is_over((2, 5), 0)
    assert not patience.is_over((1, 500), 29)
    assert not patience.is_over((1, 4), 58)
    assert patience.is_over((1, 4), 88)


def test_no_answer_is_no_progress() -> None:
    patience = Patience(30, 0)
    assert not patience.is_over((), 29)
    assert patience.is_over((), 30)
    assert not patience.is_over((1, 1), 31)
    assert not patience.is_over((), 60)
    assert patience.is_over((), 61)


@pytest.mark.parametrize(
    ("left", "sentence"),
    [
        (Left(away=1, unended=2, unacknowledged=91), "waiting for 1 driver actor to be back"),
        (Left(unended=2, unacknowledged=91), "waiting for 91 records to be acknowledged by Kafka"),
        (Left(unended=1, unacknowledged=1), "waiting for 1 record to be acknowledged by Kafka"),
        (Left(unended=1_200), "waiting for 1,200 driver actors to end"),
        (Left(), "waiting for Kafka to take the end of the run"),
    ],
)
def test_what_is_waited_for_is_said(left: Left, sentence: str) -> None:
    assert left.sentence == sentence


def test_an_end_waits_until_the_last_record_is_acknowledged(make_world: World) -> None:
    world = make_world(drivers=4, actors=2)
    world.run(20)
    world.crew.hold("driver-0")
    world.run(5)
    assert not world.end(rounds=200)
    sent = world.dispatcher.registry["driver-0"].status
    assert sent.unacknowledged == sent.counts.produced - sent.counts.acked > 0
    assert world.dispatcher.left == Left(0, 1, sent.unacknowledged, world.dispatcher.registry.totals.acked)
    assert world.journal.read()["ended"] == {"state": "ending"}
    assert last_run_event(world).state == RunState.RUNNING
    world.crew.hold("driver-0", holding=False)
    assert world.end()
    assert world.ledger().missing() == []
    assert (last_run_event(world).state, last_run_event(world).acked) == (RunState.FINISHED, len(world.crew.positions))


def test_an_actor_that_dies_while_the_run_ends_comes_back_and_ends_it(make_world: World) -> None:
    world = make_world(drivers=4, actors=2)
    world.run(20)
    world.crew.hold("driver-0")
    world.run(5)
    assert not world.end(rounds=3)
    world.crew.restart("driver-0")
    assert world.end()
    assert world.ledger().missing() == []
    assert set(world.journal.read()) == {"ended"}
    assert last_run_event(world).state == RunState.FINISHED


def test_an_actor_that_does_not_answer_for_long_is_waited_for(make_world: World) -> None:
    world = make_world(drivers=4, actors=2)
    world.run(20)
    answering = world.crew.statuses
    world.crew.statuses = lambda seen: [status for status in answering(seen) if status.name != "driver-1"]
    assert not world.end(rounds=200)
    assert (world.dispatcher.left.away, world.dispatcher.left.unended) == (0, 1)
    world.crew.statuses = answering
    assert world.end()
    assert world.ledger().missing() == []


def test_what_is_given_up_is_named_and_the_run_can_be_ended_later(
    make_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world = make_world(drivers=4, actors=2)
    world.run(20)
    world.crew.hold("driver-0")
    world.run(5)
    assert not world.end()
    left = world.dispatcher.left.unacknowledged
    world.loop.stop()
    world.loop.abandon()
    assert (
        f"driver-0 did not end; {left} records are not acknowledged and may be lost, and final events"
        in caplog.messages
    )
    summary = Summary.of(world.dispatcher)
    assert (summary.unended, summary.unacknowledged) == (1, left)
    assert "run run stops before all of its actors have ended; start it again to end it" in caplog.messages
    for name in world.plan.actors:
        world.crew.restart(name)
    world.restart_dispatcher()
    world.run(1)
    assert world.dispatcher.is_over
    assert world.end()
    assert world.ledger().missing() == []


def test_a_run_that_never_began_ends_at_once(make_world: World) -> None:
    world = make_world(drivers=4, actors=2)
    world.crew.statuses = lambda _: []
    world.loop.step(0.0)
    assert world.loop.end_step()
    assert world.journal.read() == {}
