"""A fleet whose size is changed during the run: the drivers on the road are counted in what is sent."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.delivery.simulation import FleetSimulation
from engine.delivery.spec import DeliverySpec
from engine.demand.demand import Demand, PlanDurations, deliveries
from engine.demand.orders import courier_number
from engine.load.presence import Presence
from engine.roads.route import Route, RouteTable
from engine.scenario.scenario import (
    ArrivalProcess,
    Arrivals,
    DeliveryPattern,
    FleetMix,
    RouteFiles,
    Scenario,
    Shape,
    Stage,
)

START_MS = 1_700_000_000_000
ROADS = [Route.from_points(f"r{i}", "", [47.0, 47.001 + i / 2000], [9.5, 9.5]) for i in range(5)]
ROUTES = RouteTable.from_routes(ROADS)
DURATIONS = PlanDurations(ROUTES)

Changes = Sequence[tuple[int, int]]
"""(s after the start from which it counts, drivers)."""


def plain(size: int = 20, duration_s: float | None = None, **pattern: Any) -> Scenario:
    return Scenario(
        routes=RouteFiles(ancestor=True),
        fleet=FleetMix(size),
        duration_s=duration_s,
        deliveries=DeliveryPattern(**pattern),
    )


def staged() -> Scenario:
    """0 to 20 within 20 s, 20 to 40 s after the start, a spike to 30 for 5 s, 20 to the end at 80 s."""
    stages = (
        Stage(Shape.RAMP, 20.0, drivers=20),
        Stage(Shape.HOLD, 20.0),
        Stage(Shape.SPIKE, 5.0, drivers=30),
        Stage(Shape.HOLD, 35.0),
    )
    return Scenario(routes=RouteFiles(ancestor=True), stages=stages)


def made(scenario: Scenario) -> Demand:
    return deliveries(scenario, ROUTES, DURATIONS, run_id="run", start_ms=START_MS)


class Run:
    """A run in small: deliveries are handed out, and changes are asked for, some time before they count."""

    def __init__(
        self, scenario: Scenario, changes: Changes = (), *, end_s: int = 80, ahead_s: float = 5.0, lead_s: float = 0.15
    ) -> None:
        self.taken: list[DeliverySpec] = []
        self.taken_at_change: list[int] = []
        self.left: Counter[str] = Counter()
        self.simulation = FleetSimulation("run")
        self.simulation.define_routes(ROADS)
        self.seconds: dict[int, Counter[str]] = defaultdict(Counter)
        self.positions: Counter[str] = Counter()
        self.ends: dict[str, tuple[str, int]] = {}
        self._demand, waiting = made(scenario), list(changes)
        for now_s in range(end_s):
            self._hand_out(now_s + ahead_s)
            while waiting and waiting[0][0] - lead_s < now_s + 1:
                self._advance(int((waiting[0][0] - lead_s) * 1000))
                self._change(*waiting.pop(0))
                self._hand_out(now_s + ahead_s)
            self._advance((now_s + 1) * 1000 - 1)
        for event in self.simulation.suspend():
            self.ends[event.delivery_id] = (event.kind, event.positions or 0)

    def _hand_out(self, until_s: float) -> None:
        while (spec := self._demand.peek()) is not None and spec.depart_ms <= START_MS + until_s * 1000:
            self.taken.append(next(self._demand))
            self.simulation.add([self.taken[-1]])

    def _change(self, at_s: int, drivers: int) -> None:
        self.taken_at_change.append(len(self.taken))
        must_leave = self._demand.change(START_MS + at_s * 1000, drivers)
        for spec in self.taken:
            if must_leave(spec):
                self.simulation.leave(spec.delivery_id, START_MS + at_s * 1000)

    def _advance(self, until_ms: int) -> None:
        tick = self.simulation.advance(max(START_MS + until_ms, self.simulation.now_ms))
        for value, due_ms in zip(tick.values, tick.due_ms.tolist(), strict=True):
            record = json.loads(value)
            self.seconds[(due_ms - START_MS) // 1000][record["driverId"]] += 1
            self.positions[record["deliveryId"]] += 1
        for event in tick.events:
            if event.positions is not None:
                self.ends[event.delivery_id] = (event.kind, event.positions)

    def sizes(self, from_s: int, to_s: int) -> set[int]:
        """Return how many drivers reported a position, in each second."""
        return {len(self.seconds[second]) for second in range(from_s, to_s)}

    def replayed(self, scenario: Scenario, changes: Changes) -> list[DeliverySpec]:
        """The deliveries that one makes who knows the changes, and how many had been taken by each."""
        demand, found = made(scenario), list[DeliverySpec]()
        for (at_s, drivers), taken in zip(changes, self.taken_at_change, strict=True):
            found += [next(demand) for _ in range(taken - len(found))]
            demand.change(START_MS + at_s * 1000, drivers)
        return found + [next(demand) for _ in range(len(self.taken) - len(found))]

    def check_ledger(self) -> None:
        """Every delivery that was taken has a final event, and as many positions as it says."""
        assert {delivery_id: count for delivery_id, (_, count) in self.ends.items() if count} == dict(self.positions)
        assert set(self.ends) == {spec.delivery_id for spec in self.taken}
        assert len(set(self.ends)) == len(self.taken)


GROW_SHRINK_GROW = ((20, 50), (40, 5), (60, 30))


@pytest.mark.parametrize(
    "scenario", [plain(), plain(duration_s=500.0), staged()], ids=["endless", "with an end", "staged"]
)
def test_the_fleet_grows_shrinks_and_grows_again(scenario: Scenario) -> None:
    run = Run(scenario, GROW_SHRINK_GROW)
    assert (run.sizes(21, 40), run.sizes(41, 60), run.sizes(61, 80)) == ({50}, {5}, {30})
    assert all(count <= 2 for second in run.seconds.values() for count in second.values())
    run.check_ledger()
    assert run.taken == run.replayed(scenario, GROW_SHRINK_GROW)


def test_a_staged_driver_tells_one_position_a_period_whatever_becomes_of_the_fleet() -> None:
    run = Run(staged(), GROW_SHRINK_GROW)
    assert {count for second in run.seconds.values() for count in second.values()} == {1}
    assert set(run.seconds[45]) == {f"courier-{i}" for i in range(5)}


def test_a_change_overrides_the_stages_to_come() -> None:
    run = Run(staged(), [(30, 8)])
    assert (run.sizes(25, 30), run.sizes(31, 80)) == ({20}, {8})
    run.check_ledger()


def test_a_change_in_a_ramp_lets_those_depart_at_once_who_were_handed_out_for_later() -> None:
    run = Run(staged(), [(10, 20)], ahead_s=60.0)
    assert run.sizes(11, 80) == {20}
    never = [delivery_id for delivery_id, (kind, count) in run.ends.items() if (kind, count) == ("suspended", 0)]
    assert len(never) >= 10
    run.check_ledger()


def test_a_driver_that_comes_back_uses_new_ids() -> None:
    run = Run(plain(10), ((10, 2), (20, 10), (30, 2), (31, 10)))
    assert (run.sizes(11, 20), run.sizes(21, 30), run.sizes(32, 80)) == ({2}, {10}, {10})
    assert len({spec.delivery_id for spec in run.taken}) == len(run.taken)
    by_driver: dict[str, list[str]] = defaultdict(list)
    for spec in run.taken:
        by_driver[spec.driver_id].append(spec.delivery_id)
    assert all(
        ids == [f"run-{courier_number(driver)}-{n}" for n in range(len(ids))] for driver, ids in by_driver.items()
    )
    run.check_ledger()


def test_new_drivers_depart_each_at_its_own_phase() -> None:
    run = Run(plain(0), [(10, 200)], end_s=12)
    first = [spec.depart_ms - START_MS for spec in run.taken[:200]]
    assert 10_000 <= min(first) <= max(first) < 11_000
    assert len(set(first)) > 150
    assert first == sorted(first)


def test_drivers_that_wait_for_their_first_departure_depart_with_the_change() -> None:
    run = Run(plain(20, start_spread_s=60.0), [(10, 30)])
    assert run.sizes(11, 60) == {30}
    run.check_ledger()


def test_drivers_at_rest_go_on_resting() -> None:
    scenario = plain(20, pause_s=(40.0, 40.0))
    alone, changed = Run(scenario, end_s=200), Run(scenario, [(15, 25)], end_s=200)
    old = [spec for spec in changed.taken if (courier_number(spec.driver_id) or 0) < 20]
    assert old == alone.taken[: len(old)]
    changed.check_ledger()


def test_a_fleet_that_delivers_once_sends_new_drivers_once() -> None:
    run = Run(plain(3, mode="once"), ((20, 5), (40, 1), (60, 3)), end_s=400)
    assert sorted(spec.delivery_id for spec in run.taken) == [
        "run-0-0",
        "run-1-0",
        "run-1-1",
        "run-2-0",
        "run-2-1",
        "run-3-0",
        "run-4-0",
    ]
    run.check_ledger()


def test_changes_at_one_instant_leave_the_last() -> None:
    run = Run(plain(), ((20, 50), (20, 3), (20, 10)))
    assert (run.sizes(15, 20), run.sizes(21, 80)) == ({20}, {10})
    run.check_ledger()


def test_arrivals_come_whatever_becomes_of_the_fleet() -> None:
    scenario = Scenario(
        routes=RouteFiles(ancestor=True), fleet=FleetMix(5), arrivals=Arrivals(ArrivalProcess.POISSON, per_second=0.5)
    )
    alone, changed = Run(scenario), Run(scenario, [(20, 0)])
    arrivals = [[spec for spec in run.taken if spec.driver_id.startswith("arrival")] for run in (alone, changed)]
    assert arrivals[0] == arrivals[1]
    assert len(arrivals[0]) > 20
    changed.check_ledger()


def test_a_fleet_that_was_sent_home_may_be_called_back() -> None:
    demand = made(plain(3))
    demand.change(START_MS, 0)
    assert demand.peek() is None
    assert not demand.is_exhausted
    demand.change(START_MS + 5_000, 2)
    assert [next(demand).driver_id for _ in range(2)] in (["courier-0", "courier-1"], ["courier-1", "courier-0"])


def test_deliveries_without_a_fleet_cannot_be_changed() -> None:
    assert made(plain(0)).is_changeable
    assert not Demand(None, iter(())).is_changeable


def test_stays_are_those_of_the_plan_up_to_the_first_change() -> None:
    presence = Presence(lambda i: [(0, 10), (20, 30)] if i < 2 else [], 100)
    changed = presence.changed(25, 1).changed(40, 3)
    assert [changed.stays(i) for i in range(4)] == [
        [(0, 10), (20, 100)],
        [(0, 10), (20, 25), (40, 100)],
        [(40, 100)],
        [],
    ]
    assert [presence.leaves_ms(0, at_ms) for at_ms in (5, 10, 20, 30)] == [10, 10, 30, 30]
    assert presence.changed(10, 1).stays(0) == [(0, 100)]
    assert presence.changed(100, 5).stays(4) == []


@given(
    st.sampled_from([plain(12), plain(12, start_spread_s=30.0), staged()]),
    st.lists(st.tuples(st.integers(2, 55), st.integers(0, 35)), min_size=1, max_size=4),
    st.sampled_from([1.5, 5.0, 30.0]),
)
@settings(max_examples=12, deadline=None)
def test_whatever_is_asked_for_when_holds_and_the_ledger_is_clean(
    scenario: Scenario, wishes: list[tuple[int, int]], ahead_s: float
) -> None:
    changes = sorted(wishes, key=lambda wish: wish[0])
    run = Run(scenario, changes, end_s=60, ahead_s=ahead_s)
    run.check_ledger()
    ends = [at_s for at_s, _ in changes[1:]] + [60]
    for (at_s, drivers), to_s in zip(changes, ends, strict=True):
        assert run.sizes(at_s + 1, to_s) <= {drivers}
    assert run.taken == run.replayed(scenario, changes)
