"""The fleet's size changes during a run: what is on the road, and what is published.

A restarted dispatcher makes the same of its journal.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from actors.dispatch.actor_layout import ActorLayout
from actors.dispatch.fleet_changes import noted, noted_changes
from actors.dispatch.fleet_feed import FleetFeed
from actors.dispatch.journal import reduced
from actors.dispatch.plan import plan_run
from engine.accounting.ledger import SeqLedger
from engine.demand.stage_table import stages_of
from engine.demand.world import fleet_of
from engine.load.curve import FleetChange
from engine.messages import ControlRun, EventKind, RunEvent
from engine.roads.route import Route
from engine.scenario.scenario import FleetMix, RouteFiles, Sampling, Scenario, Shape, Stage

World = type  # the class that the fixture `make_world` gives; see conftest.py

START_MS = 1_700_000_000_000
PLAIN = Scenario("plain", routes=RouteFiles(ancestor=True), fleet=FleetMix(20))
STAGED = Scenario(
    "staged", routes=RouteFiles(ancestor=True), stages=(Stage(Shape.RAMP, 10.0, drivers=20), Stage(Shape.HOLD, 80.0))
)


def world_of(make_world: Any, scenario: Scenario, actors: int = 2, run_id: str = "run") -> Any:
    """A run in memory whose deliveries are those of a scenario."""

    class Scenic(make_world):  # type: ignore[misc]  # the class comes from a fixture
        def restart_dispatcher(self) -> None:
            self.fleet = partial(fleet_of, scenario, run_id, self.routes)
            self.stages = partial(stages_of, scenario)
            super().restart_dispatcher()

    end_ms = None if scenario.duration_s is None else round(scenario.duration_s * 1000)
    return Scenic(drivers=scenario.fleet.size, actors=actors, duration_ms=end_ms)


def on_the_road(world: Any, from_s: int, to_s: int) -> set[int]:
    """How many drivers sent a position, in each second of virtual time."""
    seconds = defaultdict(set)
    for _, value in world.crew.positions:
        record = json.loads(value)
        seconds[(record["eventTime"] - world.dispatcher.lifecycle.start_ms) // 1000].add(record["driverId"])
    return {len(seconds[second]) for second in range(from_s, to_s)}


def last(world: Any) -> RunEvent:
    return next(fact for fact in reversed(world.facts.published) if isinstance(fact, RunEvent))


def fleet(world: Any, **wish: Any) -> None:
    world.requests.put(ControlRun("run", "fleet", **wish))


def second(world: Any) -> int:
    """The second of virtual time that it is."""
    return int((world.dispatcher.lifecycle.virtual_ms(world.now) - world.dispatcher.lifecycle.start_ms) // 1000)


def ledger(world: Any) -> SeqLedger:
    assert world.end()
    found: SeqLedger = world.ledger()
    return found


@pytest.mark.parametrize("scenario", [PLAIN, STAGED], ids=lambda one: one.name)
def test_the_fleet_follows_and_the_ledger_is_clean(make_world: Callable[..., Any], scenario: Scenario) -> None:
    world = world_of(make_world, scenario)
    world.run(20)
    seen = [second(world)]
    for drivers in (50, 5, 30):
        fleet(world, drivers=drivers)
        world.run(15)
        assert (last(world).drivers, last(world).active) == (drivers, drivers)
        seen.append(second(world))
    assert [on_the_road(world, from_s + 2, to_s) for from_s, to_s in pairwise(seen)] == [{50}, {5}, {30}]
    found = ledger(world)
    assert found.missing() == []
    assert found.summary().duplicated == 0
    assert last(world).produced == last(world).acked == len(world.crew.positions)
    finals = [event for event in world.crew.events if event.positions is not None]
    assert len({event.delivery_id for event in finals}) == len(finals) == world.dispatcher.deliveries
    assert {event.kind for event in finals} == {EventKind.SUSPENDED}


@pytest.mark.parametrize("scenario", [PLAIN, STAGED], ids=lambda one: one.name)
def test_a_dispatcher_and_actors_that_die_between_two_changes_make_the_same(
    make_world: Callable[..., Any], scenario: Scenario
) -> None:
    whole, broken = world_of(make_world, scenario), world_of(make_world, scenario)
    for world in (whole, broken):
        world.run(12)
        fleet(world, drivers=40)
        world.run(6)
        fleet(world, drivers=3, stage="few")
        world.run(0.2)
    broken.journal.compact()
    broken.restart_dispatcher()
    broken.crew.restart("driver-1")
    for world in (whole, broken):
        world.run(10)
        fleet(world, drivers=25)
        world.run(12)
    broken.restart_dispatcher()
    for world in (whole, broken):
        world.run(10)
    assert broken.records() == whole.records()
    assert {e.to_json() for e in broken.crew.events} == {e.to_json() for e in whole.crew.events}
    assert (last(broken).drivers, last(broken).active) == (25, 25)
    assert ledger(broken).missing() == []


def test_a_change_that_is_kept_and_not_acted_on_is_done_by_the_next_dispatcher(make_world: Callable[..., Any]) -> None:
    whole, broken = world_of(make_world, PLAIN), world_of(make_world, PLAIN)
    for world in (whole, broken):
        world.run(12)
        fleet(world, drivers=2)
    broken.loop_with(_Deaf(broken.crew)).step(0.0)
    broken.restart_dispatcher()
    for world in (whole, broken):
        world.run(10)
    assert broken.records() == whole.records()
    assert last(broken).active == 2


class _Deaf:
    """A crew that hears nothing any more."""

    untaken = 0

    def __init__(self, crew: object) -> None:
        self.statuses, self.steered = crew.statuses, crew.steered  # type: ignore[attr-defined]

    def add(self, *_: object) -> None: ...

    set_clock = steer = add


def test_a_rate_is_as_many_drivers_as_make_it(make_world: Callable[..., Any]) -> None:
    mixed = Scenario(routes=RouteFiles(ancestor=True), fleet=FleetMix(1), sampling=(Sampling(5.0, 1), Sampling(1.0, 1)))
    plan = plan_run(mixed, "run", 2.0)
    assert (plan.drivers_at(300.0), plan.drivers_at(0.0), plan.drivers_at(1e8)) == (100, 0, 10_000_000)
    world = world_of(make_world, PLAIN)
    world.run(6)
    fleet(world, rate=33.0, stage="probe")
    world.run(6)
    assert last(world).drivers == 33


def test_events_tell_the_size_and_the_stage_from_when_they_count(make_world: Callable[..., Any]) -> None:
    world = world_of(make_world, STAGED)
    world.run(5)
    fleet(world, drivers=7)
    world.run(0.1)
    at_ms = world.dispatcher.lifecycle.changes[0].at_ms
    told = last(world)
    assert told.event_time < at_ms
    assert told.drivers == 20
    assert told.stages == [["ramp 1", START_MS, at_ms], ["fleet 7", at_ms, START_MS + 90_000]]
    world.run(2)
    assert last(world).drivers == 7


def test_a_change_while_the_run_is_paused_counts_from_there(make_world: Callable[..., Any]) -> None:
    world = world_of(make_world, PLAIN)
    world.run(12)
    world.requests.put(ControlRun("run", "pause"))
    world.run(2)
    fleet(world, drivers=4)
    world.run(5)
    paused = len(world.crew.positions)
    world.run(5)
    assert len(world.crew.positions) == paused
    world.requests.put(ControlRun("run", "resume"))
    world.run(5)
    assert last(world).active == 4
    assert ledger(world).missing() == []


def test_a_fleet_sent_home_keeps_the_run_open(make_world: Callable[..., Any]) -> None:
    world = world_of(make_world, STAGED)
    world.run(12)
    fleet(world, drivers=0)
    world.run(10)
    assert last(world).active == 0
    assert not world.dispatcher.is_exhausted
    fleet(world, drivers=3)
    world.run(3)
    assert last(world).active == 3
    world.run(80)
    assert world.dispatcher.is_over


def test_a_change_past_the_end_or_of_a_cancelled_run_is_none(make_world: Callable[..., Any]) -> None:
    world = world_of(make_world, STAGED)
    world.run(89.95)
    fleet(world, drivers=3)
    world.run(2)
    assert last(world).drivers == 20
    other = world_of(make_world, PLAIN)
    other.run(5)
    other.requests.put(ControlRun("run", "cancel"))
    fleet(other, drivers=50)
    other.run(5)
    assert (last(other).drivers, last(other).active) == (20, 0)


def test_a_run_whose_deliveries_are_listed_is_left_as_it_is(make_world: Callable[..., Any]) -> None:
    world = make_world(drivers=4)
    world.run(5)
    fleet(world, drivers=50)
    world.run(5)
    assert last(world).drivers == 4


def test_drivers_past_the_placement_are_dealt_out() -> None:
    layout = ActorLayout(3, 10, 0.1)
    assert [layout.actor_of(driver) for driver in (0, 9, 10, 29)] == [0, 0, 1, 2]
    assert [layout.actor_of(driver) for driver in (30, 31, 32, 33)] == [0, 1, 2, 0]


def test_a_feed_takes_again_what_was_taken_between_changes() -> None:
    plan = plan_run(PLAIN, "run", 2.0)

    def feed() -> FleetFeed:
        made = FleetFeed(plan, partial(fleet_of, PLAIN, "run", _roads()))
        made.begin(START_MS)
        return made

    first, taken, changes = feed(), [], []
    for at_s, drivers in ((20, 40), (60, 5), (90, 12)):
        taken += first.take(START_MS + at_s * 1000 + 3_000, 10_000)
        changes.append(first.resize(FleetChange(START_MS + at_s * 1000, drivers))[0])
    taken += first.take(START_MS + 200_000, 10_000)
    table = reduced([*changes, first.change()])
    second = feed()
    assert second.replay(table) == taken
    assert second.take(START_MS + 400_000, 10_000) == first.take(START_MS + 400_000, 10_000)
    assert len({one.spec.delivery_id for one in taken}) == len(taken)


def _roads() -> list[Route]:
    return [Route.from_points(f"road-{n}", "", [47.1, 47.109], [9.5 + 0.01 * n, 9.5 + 0.01 * n]) for n in range(3)]


def test_changes_come_out_of_the_journal_in_order() -> None:
    changes = [(FleetChange(1_000 * k, k, None if k % 2 else "s"), 10 * k) for k in range(12)]
    assert noted_changes(reduced(noted(number, *change) for number, change in enumerate(changes))) == changes
