"""The dispatcher dies at any point of any step, alone or with its drivers: the run is the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from actors.dispatch.plan import RunRefused
from actors.dispatch.run_lifecycle import resumed_plan
from engine.messages import FINAL_KINDS, ControlRun, DeliveryEvent, EventKind, RunEvent, StartDelivery

World = type  # the class that the fixture `make_world` gives; see conftest.py

SCALE = 20.0
STEPS = 140


class Crash(Exception):
    """The dispatcher's process is killed."""


class Doomed:
    """A world whose dispatcher dies before or after chosen acts outside its own process.

    Parameters
    ----------
    deaths : numbers of things done, counted over the whole run; at an even one it dies before doing it, at an odd one
        after it has.
    with_drivers : whether a death takes every driver along.
    compacting : whether the journal's topic is compacted at each death.
    """

    def __init__(self, world: Any, deaths: set[int], *, with_drivers: bool = False, compacting: bool = False) -> None:
        self.world, self.deaths, self.with_drivers, self.compacting = world, deaths, with_drivers, compacting
        self.done = self.last = 0
        self.died = 0
        for part, names in (
            (world.journal, ("append",)),
            (world.crew, ("add", "steer", "set_clock")),
            (world.facts, ("publish", "flush")),
            (world.requests, ("commit",)),
        ):
            for name in names:
                setattr(part, name, self._mortal(getattr(part, name)))

    def _mortal(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def do(*arguments: Any) -> Any:
            self.done += 2
            if self.done in self.deaths:
                raise Crash
            result = act(*arguments)
            if self.done + 1 in self.deaths:
                raise Crash
            return result

        return do

    def step(self) -> None:
        try:
            self.world.loop.step(0.0)
        except Crash:
            self.died += 1
            if self.compacting:
                self.world.journal.compact()
            for name in self.world.plan.actors if self.with_drivers else ():
                self.world.crew.restart(name)
            self.world.restart_dispatcher()
        self.world.crew.tick()
        self.world.now += 100


def live(make_world: World, deaths: set[int], **how: bool) -> tuple[Any, Doomed]:
    """A run of four couriers, two deliveries each, with all sorts of requests.

    The dispatcher dies as given, and the run is drained at the end.
    """
    world = make_world(drivers=4, deliveries=2, time_scale=SCALE)
    doomed = Doomed(world, deaths, **how)
    start_ms = world.plan.start_ms
    asked: dict[int, list[StartDelivery | ControlRun]] = {
        0: [StartDelivery("road-1", "c", "early", depart_at=start_ms + 20_000)],
        20: [StartDelivery("road-0", "c", "asked", depart_at=start_ms + 90_000), StartDelivery("nowhere", "c", "lost")],
        25: [ControlRun("run", "pause", "run-1-0"), ControlRun("run", "cancel", "run-2-0")],
        35: [
            ControlRun("run", "resume", "run-1-0"),
            StartDelivery("road-0", "c", "asked"),
            ControlRun("run", "pause", "asked"),
        ],
        45: [ControlRun("run", "pause"), ControlRun("run", "resume"), ControlRun("run", "resume", "asked")],
    }
    for number in range(STEPS):
        world.requests.put(*asked.get(number, ()))
        doomed.step()
    doomed.deaths.clear()
    doomed.last = doomed.done
    world.run(STEPS / 10)
    return world, doomed


def judge(world: Any, whole: Any) -> None:
    """Whatever died: nothing is missing, and everything requested was done once.

    What came twice is the same, and the totals are those of the topic.
    """
    records = world.records()
    told: dict[tuple[str, int], set[bytes]] = {}
    for event in world.crew.events:
        told.setdefault((event.delivery_id, event.seq), set()).add(event.to_json())
    assert world.ledger().missing() == []
    assert all(len(values) == 1 for values in told.values()), "an event that is told twice is the same"
    steered = {b"run-1-0", b"run-2-0", b"asked"}
    assert {key: values for key, values in records.items() if key not in steered} == {
        key: values for key, values in whole.records().items() if key not in steered
    }
    assert set(records) == set(whole.records())
    finals = {event.delivery_id: event for event in world.crew.events if event.kind in FINAL_KINDS}
    assert {name: event.kind for name, event in finals.items()} == {
        event.delivery_id: event.kind for event in whole.crew.events if event.kind in FINAL_KINDS
    }
    assert all(len(records[name.encode()]) == event.positions for name, event in finals.items()), (
        "one position a seq, as many as the final event says"
    )
    assert {
        fact.delivery_id
        for fact in world.facts.published
        if isinstance(fact, DeliveryEvent) and fact.kind == EventKind.REJECTED
    } == {"lost"}
    totals, different = world.dispatcher.registry.totals, sum(map(len, records.values()))
    assert (totals.produced, totals.acked, totals.failed) == (different, different, 0)
    assert world.dispatcher.is_exhausted
    assert world.dispatcher.deliveries == 10


def test_nobody_dies(make_world: World) -> None:
    world, doomed = live(make_world, set())
    assert doomed.died == 0
    judge(world, world)
    assert world.ledger().summary().duplicated == 0


@pytest.mark.parametrize("with_drivers", [False, True], ids=["alone", "with its drivers"])
def test_the_dispatcher_dies_before_or_after_anything_that_it_does(make_world: World, with_drivers: bool) -> None:
    whole, counted = live(make_world, set())
    for death in range(2, counted.last, 29 if with_drivers else 17):
        world, doomed = live(make_world, {death}, with_drivers=with_drivers)
        assert doomed.died == 1
        judge(world, whole)


@given(deaths=st.sets(st.integers(2, 400), max_size=8), with_drivers=st.booleans())
@hypothesis_settings(
    max_examples=4,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # the fixture gives a class
def test_however_often_it_dies_a_compacted_journal_is_as_good_as_a_whole_one(
    make_world: World, deaths: set[int], with_drivers: bool
) -> None:
    whole, _ = live(make_world, set())
    plain, _ = live(make_world, set(deaths), with_drivers=with_drivers)
    compacted, _ = live(make_world, set(deaths), with_drivers=with_drivers, compacting=True)
    judge(plain, whole)
    judge(compacted, whole)
    assert compacted.records() == plain.records()
    assert set(compacted.journal.read()) == set(plain.journal.read())


def test_a_journal_holds_what_is_going_on_and_not_what_was(make_world: World) -> None:
    world, _ = live(make_world, set())
    world.journal.compact()
    marks = {key for key, _ in world.journal.lines if key.startswith("delivery/")}
    assert marks == {"delivery/early", "delivery/asked"}
    assert {key for key, _ in world.journal.lines} - marks == {
        "run",
        "clock",
        "fleet",
        "fleet/0",
        "actor/driver-0",
        "actor/driver-1",
        "requests",
    }
    assert world.end()
    assert set(world.journal.read()) == {"ended"}


def test_a_run_that_has_ended_is_refused(make_world: World) -> None:
    world, _ = live(make_world, set())
    assert world.end()
    with pytest.raises(RunRefused, match="run run has ended and cannot be started again; give another run id"):
        world.restart_dispatcher()


def test_a_run_that_died_while_it_ended_is_ended(make_world: World) -> None:
    world = make_world(drivers=4)
    world.run(20)
    world.journal.append([("ended", {"state": "ending"})])
    world.restart_dispatcher()
    world.run(1)
    assert world.dispatcher.is_over
    assert world.end()
    assert world.journal.read()["ended"]["state"] == "ended"
    assert [fact.state for fact in world.facts.published if isinstance(fact, RunEvent)][-1] == "finished"


def test_a_run_that_is_stopped_before_its_actors_are_there_can_be_gone_on_with(make_world: World) -> None:
    whole, world = make_world(drivers=4, time_scale=SCALE), make_world(drivers=4, time_scale=SCALE)
    whole.run(STEPS / 10)
    world.run(3)
    world.restart_dispatcher()
    world.crew.statuses = lambda _: []
    world.run(1)
    assert not world.end()
    world.loop.stop()
    world.loop.abandon()
    assert "ended" not in world.journal.read()
    del world.crew.statuses
    for name in world.plan.actors:
        world.crew.restart(name)
    world.restart_dispatcher()
    world.run(STEPS / 10)
    assert world.end()
    assert world.records() == whole.records()
    assert set(world.journal.read()) == {"ended"}


def test_drivers_that_have_not_made_again_what_was_sent_before_say_nothing_of_their_deliveries(
    make_world: World,
) -> None:
    whole, world = make_world(drivers=4, time_scale=SCALE), make_world(drivers=4, time_scale=SCALE)
    whole.run(STEPS / 10)
    world.run(3)
    for name in world.plan.actors:
        world.crew.restart(name)
    world.restart_dispatcher()
    for _ in range(3):
        world.loop.step(0.0)  # the actors have their orders, and have not carried them out yet
    assert not world.dispatcher.can_end
    assert not world.loop.end_step()
    world.loop.stop()
    world.loop.abandon()
    assert not [event for event in world.crew.events if event.kind == EventKind.SUSPENDED]
    assert "ended" not in world.journal.read()
    for name in world.plan.actors:
        world.crew.restart(name)
    world.restart_dispatcher()
    world.run(STEPS / 10)
    assert world.dispatcher.can_end
    assert world.end()
    assert world.records() == whole.records()
    assert world.ledger().missing() == []


def test_a_run_goes_on_with_its_own_plan_only(make_world: World) -> None:
    world = make_world(drivers=4, actors=2)
    world.run(1)
    other = make_world(drivers=5, actors=2)
    with pytest.raises(
        RunRefused, match="run run was begun with drivers 4 and cannot continue with 5; give another run id"
    ):
        resumed_plan(other.plan, world.journal.read(), 2.0)


def test_drivers_stay_where_they_sat_when_the_cluster_is_another_one(make_world: World) -> None:
    world, other = make_world(drivers=4, actors=4), make_world(drivers=4, actors=1)
    world.run(1)
    resumed = resumed_plan(other.plan, world.journal.read(), 1.0)
    assert resumed.actors == world.plan.actors
    assert resumed.layout.actor_cpus * 4 <= 0.8
