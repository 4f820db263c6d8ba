"""Whole runs in memory: what the dispatcher decides, done by hosts in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from actors.dispatch.loop import MAX_UNTAKEN
from actors.dispatch.requests import RouteGone
from engine.accounting.ledger import Gap
from engine.messages import ControlRun, DeadLetter, DeliveryEvent, EventKind, RunEvent, RunState, StartDelivery
from engine.roads.route import Route

World = type  # the class that the fixture `make_world` gives; see conftest.py


def run_events(world: object) -> list[RunEvent]:
    return [fact for fact in world.facts.published if isinstance(fact, RunEvent)]  # type: ignore[attr-defined]


def kinds(world: object, delivery_id: str) -> list[str]:
    return [event.kind for event in world.crew.events if event.delivery_id == delivery_id]  # type: ignore[attr-defined]


def test_a_run_starts_when_all_actors_are_there_and_ends_when_all_has_arrived(make_world: Callable[..., Any]) -> None:
    world = make_world(drivers=4, actors=2)
    world.run(250)
    assert world.dispatcher.is_exhausted
    assert world.end()
    assert world.ledger().missing() == []
    assert world.ledger().summary().duplicated == 0
    last = run_events(world)[-1]
    assert (last.state, last.active, last.actors, last.drivers) == (RunState.FINISHED, 0, 2, 4)
    assert last.produced == last.acked == len(world.crew.positions)
    assert [event.seq for event in run_events(world)] == sorted({event.seq for event in run_events(world)})


def test_the_fleet_waits_while_actors_have_not_taken_over_what_they_were_given(make_world: Callable[..., Any]) -> None:
    world = make_world(drivers=4, actors=2)
    world.crew.untaken = MAX_UNTAKEN - 1
    world.run(0.1)
    assert world.dispatcher.deliveries == 1
    world.crew.untaken = MAX_UNTAKEN
    world.run(0.5)
    assert world.dispatcher.deliveries == 1
    world.crew.untaken = 0
    world.run(0.1)
    assert world.dispatcher.deliveries == 4


@pytest.mark.parametrize(("actors", "per_actor"), [(1, 4), (2, 2), (4, 1), (3, 1)])
def test_the_bytes_are_the_same_for_any_number_of_actors(
    make_world: Callable[..., Any], actors: int, per_actor: int
) -> None:
    alone, many = make_world(drivers=4, actors=1), make_world(drivers=4, actors=actors, per_actor=per_actor)
    alone.run(100)
    many.run(100)
    assert many.records() == alone.records()
    assert sorted(event.to_json() for event in many.crew.events) == sorted(
        event.to_json() for event in alone.crew.events
    )


def test_the_bytes_are_the_same_at_any_pace(make_world: Callable[..., Any]) -> None:
    slow, fast = make_world(drivers=4), make_world(drivers=4, time_scale=60.0)
    slow.run(250)
    fast.run(6)
    assert fast.records() == slow.records()


def test_a_restarted_actor_continues_without_a_gap_and_with_the_same_bytes(make_world: Callable[..., Any]) -> None:
    whole, broken = make_world(drivers=4), make_world(drivers=4)
    whole.run(250)
    broken.run(30)
    broken.crew.hold("driver-0")
    broken.run(2)
    broken.crew.restart("driver-0")
    broken.run(220)
    assert broken.records() == whole.records()
    summary = broken.ledger().summary()
    assert broken.ledger().missing() == []
    assert 0 < summary.duplicated <= 2 * 3 * 2  # what two drivers sent in some two seconds without an acknowledgement
    assert {e.to_json() for e in broken.crew.events} == {e.to_json() for e in whole.crew.events}


def test_an_actor_that_dies_twice_before_anything_is_acknowledged_still_leaves_no_gap(
    make_world: Callable[..., Any],
) -> None:
    world = make_world(drivers=4)
    world.run(20)
    for _ in range(2):
        world.crew.restart("driver-1")
        world.crew.hold("driver-1")
        world.run(1)
    world.crew.restart("driver-1")
    world.run(230)
    assert world.ledger().missing() == []


def test_a_restarted_dispatcher_reads_its_journal_and_goes_on(make_world: Callable[..., Any]) -> None:
    whole, broken = make_world(drivers=4, deliveries=2), make_world(drivers=4, deliveries=2)
    for world in (whole, broken):
        world.run(5)
        world.requests.put(StartDelivery("road-1", "c", "asked"), ControlRun("run", "pause", "run-1-0"))
        world.run(5)
    broken.restart_dispatcher()
    broken.requests.put(StartDelivery("road-1", "c", "asked"))  # read again, because the offset was not committed
    for world in (whole, broken):
        world.run(30)
        world.requests.put(ControlRun("run", "resume", "run-1-0"))
        world.run(400)
    assert broken.dispatcher.is_exhausted
    assert broken.records() == whole.records()
    assert broken.ledger().missing() == []
    assert broken.ledger().summary().duplicated == 0
    assert [event.seq for event in run_events(broken)] == sorted({event.seq for event in run_events(broken)})


def test_dispatcher_and_actor_may_die_together(make_world: Callable[..., Any]) -> None:
    whole, broken = make_world(drivers=4), make_world(drivers=4)
    for world in (whole, broken):
        world.run(10)
        world.requests.put(ControlRun("run", "pause", "run-1-0"))
        world.run(10)
    broken.restart_dispatcher()
    broken.crew.restart("driver-0")
    broken.crew.restart("driver-1")
    for world in (whole, broken):
        world.run(10)
        world.requests.put(ControlRun("run", "resume", "run-1-0"))
        world.run(250)
    assert broken.records() == whole.records()
    assert broken.ledger().missing() == []


def test_a_requested_delivery_moves_within_a_period(make_world: Callable[..., Any]) -> None:
    world = make_world(drivers=0)
    world.run(5)
    world.requests.put(StartDelivery("road-0", "somebody"))
    world.run(1.2)
    (key, value), *_ = world.crew.positions
    assert key == b"run-r0-0"  # run, partition, offset
    record = json.loads(value)
    assert (record["routeId"], record["clientId"], record["driverId"], record["seq"]) == (
        "road-0",
        "somebody",
        "run-r0-0",
        0,
    )
    assert kinds(world, "run-r0-0") == [EventKind.STARTED]


def test_requests_and_the_fleet_share_no_ids(make_world: Callable[..., Any]) -> None:
    world = make_world(drivers=4)
    world.run(1)
    assert world.dispatcher.deliveries == 4
    world.requests.put(*(StartDelivery("road-0", "somebody") for _ in range(4)))
    world.run(2)
    assert world.dispatcher.deliveries == 8
    world.run(200)
    world.requests.put(StartDelivery("road-0", "somebody", "run-1-0"))  # a delivery of the fleet that has ended
    world.run(5)
    assert kinds(world, "run-1-0")[-1] == EventKind.DELIVERED
    assert kinds(world, "run-1-0").count(EventKind.STARTED) == 1


def test_a_request_from_before_the_start_is_served(make_world: Callable[..., Any]) -> None:
    world = make_world(drivers=0)
    world.requests.put(StartDelivery("road-0", "somebody", "early"))
    world.run(3)
    assert kinds(world, "early") == [EventKind.STARTED]


def test_a_duplicate_request_starts_one_delivery_even_when_the_first_has_ended(make_world: Callable[..., Any]) -> None:
    world = make_world(drivers=0)
    world.requests.put(StartDelivery("road-0", "c", "one"), StartDelivery("road-1", "c", "one"))
    world.run(1)
    world.requests.put(StartDelivery("road-0", "c", "one"))
    world.run(200)
    world.requests.put(StartDelivery("road-0", "c", "one"))
    world.run(5)
    assert kinds(world, "one") == [EventKind.STARTED, EventKind.DELIVERED]
    assert world.dispatcher.deliveries == 1


def test_requests_are_spread_over_the_actors(make_world: Callable[..., Any]) -> None:
    world = make_world(drivers=0, actors=3)
    world.run(1)
    world.requests.put(*(StartDelivery("road-0", "c", f"d{n}") for n in range(6)))
    world.run(0.2)
    assert [status.active for status in world.crew.statuses({})] == [2, 2, 2]


def test_a_route_may_come_after_the_request_for_it(make_world: Callable[..., Any]) -> None:
    world = make_world(drivers=0)
    world.run(1)
    world.requests.put(StartDelivery("new-road", "c", "d"))
    world.run(1)
    world.requests.put(Route.from_points("new-road", "New", [47.2, 47.21], [9.5, 9.5]))
    world.run(1.5)
    assert kinds(world, "d") == [EventKind.STARTED]


def test_a_request_for_an_unknown_route_is_rejected_with_the_reason(make_world: Callable[..., Any]) -> None:
    world = make_world(drivers=0)
    world.run(1)
    world.requests.put(
        StartDelivery("nowhere", "c", "d"),
        StartDelivery("road-0", "c", "far", depart_at=int(world.now) + 8 * 86_400_000),
    )
    world.run(3)
    rejected = {fact.delivery_id: fact for fact in world.facts.published if isinstance(fact, DeliveryEvent)}
    assert {name: (fact.kind, fact.positions) for name, fact in rejected.items()} == {
        "d": (EventKind.REJECTED, 0),
        "far": (EventKind.REJECTED, 0),
    }
    assert rejected["d"].reason == 'route "nowhere" is unknown'
    assert "more than 7 days" in (rejected["far"].reason or "")


def test_a_route_that_is_gone_starts_nothing_new_and_ends_nothing(make_world: Callable[..., Any]) -> None:
    world = make_world(drivers=0)
    world.run(1)
    world.requests.put(StartDelivery("road-0", "c", "before"))
    world.run(1)
    world.requests.put(RouteGone("road-0"), RouteGone("road-1"), StartDelivery("road-1", "c", "after"))
    world.run(200)
    assert kinds(world, "before") == [EventKind.STARTED, EventKind.DELIVERED]
    assert kinds(world, "after") == []


def test_a_departure_may_be_asked_for(make_world: Callable[..., Any]) -> None:
    world = make_world(drivers=0)
    world.run(1)
    depart_ms = int(world.now) + 10_000
    world.requests.put(
        StartDelivery("road-0", "c", "later", depart_at=depart_ms), StartDelivery("road-0", "c", "past", depart_at=5)
    )
    world.run(2)
    assert set(world.records()) == {b"past"}
    world.run(15)
    assert min(json.loads(value)["eventTime"] for value in world.records()[b"later"]) in range(
        depart_ms, depart_ms + 1000
    )


def test_a_delivery_is_paused_resumed_and_cancelled(make_world: Callable[..., Any]) -> None:
    world = make_world(drivers=4)
    world.run(10)
    world.requests.put(
        ControlRun("run", "pause", "run-0-0"),
        ControlRun("run", "cancel", "run-1-0"),
        ControlRun("another-run", "cancel", "run-2-0"),
    )
    world.run(10)
    world.requests.put(ControlRun("run", "resume", "run-0-0"), ControlRun("run", "cancel", "nobody"))
    world.run(250)
    assert kinds(world, "run-0-0") == [EventKind.STARTED, EventKind.STOPPED, EventKind.RESUMED, EventKind.DELIVERED]
    assert kinds(world, "run-1-0") == [EventKind.STARTED, EventKind.CANCELLED]
    assert kinds(world, "run-2-0") == [EventKind.STARTED, EventKind.DELIVERED]
    assert world.ledger().missing() == []


def test_what_was_steered_is_the_same_after_a_restart(make_world: Callable[..., Any]) -> None:
    whole, broken = make_world(drivers=4), make_world(drivers=4)
    for world in (whole, broken):
        world.run(10)
        world.requests.put(ControlRun("run", "pause", "run-0-0"))
        world.run(10)
        world.requests.put(ControlRun("run", "resume", "run-0-0"), ControlRun("run", "resume", "run-1-0"))
        world.run(10)
    broken.crew.restart("driver-0")
    for world in (whole, broken):
        world.run(200)
    assert broken.records() == whole.records()


def test_a_run_is_paused_resumed_and_scaled_without_a_jump(make_world: Callable[..., Any]) -> None:
    world = make_world(drivers=4)
    world.run(10)
    world.requests.put(ControlRun("run", "pause"))
    world.run(1)
    still = len(world.crew.positions)
    world.run(20)
    assert len(world.crew.positions) == still
    assert run_events(world)[-1].state == RunState.PAUSED
    world.requests.put(ControlRun("run", "scale", time_scale=10.0), ControlRun("run", "resume"))
    world.run(30)
    assert run_events(world)[-1].state == RunState.RUNNING
    assert (run_events(world)[-1].clock or [])[2] == 10.0
    assert world.dispatcher.is_exhausted
    assert world.ledger().missing() == []


def test_a_cancelled_run_ends_its_deliveries_and_starts_no_more(make_world: Callable[..., Any]) -> None:
    world = make_world(drivers=4, deliveries=3)
    world.run(10)
    world.requests.put(ControlRun("run", "cancel"))
    world.run(1)
    world.requests.put(StartDelivery("road-0", "c", "too-late"))
    world.run(300)
    assert {event.kind for event in world.crew.events} == {EventKind.STARTED, EventKind.CANCELLED}
    assert world.ledger().missing() == []
    assert [fact.reason for fact in world.facts.published if isinstance(fact, DeliveryEvent)] == [
        "run run is cancelled"
    ]
    world.restart_dispatcher()
    world.run(300)
    assert world.end()
    assert run_events(world)[-1].state == RunState.CANCELLED
    assert world.dispatcher.deliveries == 4


def test_draining_says_how_far_each_delivery_came(make_world: Callable[..., Any]) -> None:
    world = make_world(drivers=4)
    world.run(20)
    assert world.end()
    assert world.ledger().missing() == []
    assert {event.kind for event in world.crew.events} == {EventKind.STARTED, EventKind.SUSPENDED}
    assert run_events(world)[-1].state == RunState.FINISHED
    assert run_events(world)[-1].acked == len(world.crew.positions)


def test_a_run_with_an_end_is_over_when_all_actors_are_there(make_world: Callable[..., Any]) -> None:
    world = make_world(drivers=4, duration_ms=20_000)
    world.run(19)
    assert not world.dispatcher.is_over
    world.run(2)
    assert world.dispatcher.is_over
    assert max(json.loads(value)["eventTime"] for _, value in world.crew.positions) <= world.plan.start_ms + 20_000


def test_dead_letters_are_passed_on_and_the_rest_goes_on(make_world: Callable[..., Any]) -> None:
    world = make_world(drivers=0)
    letter = DeadLetter(b"?", None, "not JSON", "route.new-direction", 0, 0)
    world.run(1)
    world.requests.inbox.append(letter)
    world.requests.put(StartDelivery("road-0", "c", "good"))
    world.run(2)
    assert world.facts.dead_letters == [letter]
    assert kinds(world, "good") == [EventKind.STARTED]


def test_offsets_are_committed_after_the_decisions_are_journaled(make_world: Callable[..., Any]) -> None:
    world = make_world(drivers=0)
    world.run(1)
    world.requests.put(StartDelivery("road-0", "c", "d"))

    def refuse(entries: object) -> None:
        raise OSError("disk full")

    world.journal.append = refuse
    with pytest.raises(OSError, match="disk full"):
        world.run(1)
    assert world.requests.committed == 0


def test_a_gap_would_be_named(make_world: Callable[..., Any]) -> None:
    world = make_world(drivers=1, actors=1)
    world.run(20)
    assert world.end()
    del world.crew.publishers["driver-0"].positions[7]
    assert world.ledger().missing() == [Gap("run-0-0", 7, 7)]
