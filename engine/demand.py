"""Demand: which driver sets out on which route when, as a scenario has it. Pure and seeded; it neither waits nor knows who drives.

Every draw follows from the scenario's seed and the driver's number, so the demand of a scenario is the same for every run and however far it is read.
It is an open plan: a driver that somebody pauses on the way still sets out again when it would have.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from engine.delivery import DeliverySpec, make_spec, seeded_unit
from engine.errors import ScenarioError
from engine.motion import build_plans
from engine.route import RouteTable
from engine.scenario import DeliveryMode, Scenario
from engine.vehicle import MODELS, VehicleClass

Durations = Callable[[Sequence[tuple[int, VehicleClass]]], Sequence[float]]
"""Gives the seconds that a plan lasts at pace 1 for some (row of the route table, vehicle class)."""

CLIENT_ID = "scenario"
"""Who orders what no person has ordered."""

_ASKED_AT_ONCE = 64

_Trip = tuple[DeliverySpec, int]
_Entry = tuple[int, int, int, DeliverySpec | None, _Trip | None]


class PlanDurations:
    """`Durations` by building plans; each is built once and only its duration is kept."""

    def __init__(self, routes: RouteTable) -> None:
        self._routes = routes
        self._known: dict[tuple[int, VehicleClass], float] = {}

    def __call__(self, pairs: Sequence[tuple[int, VehicleClass]]) -> Sequence[float]:
        missing = list(dict.fromkeys(pair for pair in pairs if pair not in self._known))
        if missing:
            self._known.update(zip(missing, build_plans(self._routes, missing).duration_s.tolist(), strict=True))
        return [self._known[pair] for pair in pairs]


def deliveries(scenario: Scenario, routes: RouteTable, durations: Durations, *, run_id: str, start_ms: int) -> Iterator[DeliverySpec]:
    """Return a scenario's deliveries in order of departure, one by one; endless if the scenario is.

    Driver ``courier-<i>`` drives one vehicle at one pace and sets out within the start spread. In mode "continuous" it goes on, after a rest, with another
    route. A delivery's id is ``<runId>-<i>-<n>``.

    Parameters
    ----------
    routes : at least one, unless the fleet is empty.
    start_ms : virtual epoch ms of the run's beginning; what would depart at or after the run's end is left out.

    Raises
    ------
    ScenarioError : drivers without a route.
    """
    if scenario.fleet.size and not len(routes):
        raise ScenarioError(f"{scenario.name}: {scenario.fleet.size} drivers need at least 1 route, found 0")
    return _Demand(scenario, routes, durations, run_id, start_ms).in_order()


class _Demand:
    def __init__(self, scenario: Scenario, routes: RouteTable, durations: Durations, run_id: str, start_ms: int) -> None:
        self._scenario, self._routes, self._durations, self._run_id, self._start_ms = scenario, routes, durations, run_id, start_ms
        self._end_ms = math.inf if scenario.duration_s is None else start_ms + scenario.duration_s * 1000.0
        self._vehicles = [driver_vehicle(scenario, i) for i in range(scenario.fleet.size)]

    def in_order(self) -> Iterator[DeliverySpec]:
        """Yield the deliveries.

        How long a trip takes costs a plan, so it is asked for as late as possible, and for some drivers at once: until then a driver's next delivery waits
        in the queue under an instant before which it cannot depart.
        """
        spread_ms = self._scenario.deliveries.start_spread_s * 1000.0
        first = [self._start_ms + int(self._draw("start", i) * spread_ms) for i in range(self._scenario.fleet.size)]
        queue: list[_Entry] = [(spec.depart_ms, i, 0, spec, None) for i, ms in enumerate(first) for spec in [self._spec(i, 0, ms)]]
        heapq.heapify(queue)
        while queue and queue[0][0] < self._end_ms:
            depart_ms, i, n, spec, _ = queue[0]
            if spec is None:
                self._settle(queue)
                continue
            heapq.heappop(queue)
            yield spec
            if self._scenario.deliveries.mode is DeliveryMode.CONTINUOUS:
                route = self._route(i, n)
                length_m = float(self._routes.cumulative_m[self._routes.offsets[route + 1] - 1])
                soonest_ms = depart_ms + int(length_m / MODELS[spec.vehicle].max_speed_mps * 1000.0)
                heapq.heappush(queue, (soonest_ms, i, n + 1, None, (spec, route)))

    def _settle(self, queue: list[_Entry]) -> None:
        """Find out when the next few drivers set out again."""
        waiting: list[tuple[int, int, _Trip]] = []
        while queue and len(waiting) < _ASKED_AT_ONCE and queue[0][4] is not None:
            _, i, n, _, trip = heapq.heappop(queue)
            assert trip is not None
            waiting.append((i, n, trip))
        lasts_s = self._durations([(route, spec.vehicle) for _, _, (spec, route) in waiting])
        least_s, most_s = self._scenario.deliveries.pause_s
        for (i, n, (before, _)), duration_s in zip(waiting, lasts_s, strict=True):
            rest_s = least_s + self._draw("rest", i, n) * (most_s - least_s)
            spec = self._spec(i, n, before.depart_ms + math.ceil((duration_s / before.pace + rest_s) * 1000.0))
            heapq.heappush(queue, (spec.depart_ms, i, n, spec, None))

    def _spec(self, i: int, n: int, not_before_ms: int) -> DeliverySpec:
        return make_spec(
            delivery_id=f"{self._run_id}-{i}-{n}",
            driver_id=f"courier-{i}",
            client_id=CLIENT_ID,
            run_id=self._run_id,
            route_id=self._routes.ids[self._route(i, n)],
            vehicle=self._vehicles[i],
            depart_ms=not_before_ms,
            period_ms=self._scenario.period_ms,
            seed=self._scenario.seed,
            pace_spread=self._scenario.fleet.pace_spread,
        )

    def _route(self, i: int, n: int) -> int:
        return int(self._draw("route", i, n) * len(self._routes))

    def _draw(self, word: str, i: int, n: int = 0) -> float:
        return seeded_unit(self._scenario.seed, word, str(i), str(n))


def driver_vehicle(scenario: Scenario, i: int) -> VehicleClass:
    """Return the vehicle of a scenario's driver number i, drawn by the shares of the mix."""
    classes = list(scenario.fleet.mix)
    drawn = seeded_unit(scenario.seed, "vehicle", str(i))
    return next((vehicle for vehicle, share in zip(classes, accumulate(scenario.fleet.mix.values()), strict=True) if drawn < share), classes[-1])
