"""Demand: which driver sets out on which route when, as a scenario has it. Pure and seeded; it neither waits nor knows who drives.

Every draw follows from the scenario's seed and the driver's number, so the demand of a scenario is the same for every run and however far it is read.
It is an open plan: a driver that somebody pauses on the way still sets out again when it would have, and arrivals come however many are on the road.
"""

from __future__ import annotations

import heapq
import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from fnmatch import translate
from itertools import accumulate
from operator import attrgetter

import numpy as np

from engine.delivery import DeliverySpec, departure_ms, make_spec, seeded_unit
from engine.errors import ScenarioError
from engine.faults import FaultPlan
from engine.fleet import whole_trip_ms
from engine.load import Intensity, arrival_times
from engine.motion import build_plans
from engine.route import RouteTable
from engine.scenario import ArrivalProcess, Arrivals, DeliveryMode, Scenario, Traces
from engine.traces import Trace
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


def deliveries(
    scenario: Scenario, routes: RouteTable, durations: Durations, *, run_id: str, start_ms: int, traces: Sequence[Trace] = ()
) -> Iterator[DeliverySpec]:
    """Return a scenario's deliveries in order of departure, one by one; endless if the scenario is.

    Driver ``courier-<i>`` drives one vehicle at one pace. It sets out within the start spread and, in mode "continuous", goes on after a rest with another
    route; with stages it is on the road while their curve is above i + ½: it drives without a rest, one sample following the other at its period from
    delivery to delivery, and its last delivery ends on the way. A delivery's id is ``<runId>-<i>-<n>``. Arrival k is delivery ``<runId>-a<k>`` by driver
    ``arrival-<k>``. As any driver, it departs at the first instant of its own phase that is not before its time. Trace k is delivery ``<runId>-t<k>`` by driver
    ``trace-<k>``; its samples begin with its first fix.

    Parameters
    ----------
    routes : at least one, unless nobody drives.
    traces : recorded drives and their clones, as `engine.traces.with_clones` gives them.
    start_ms : virtual epoch ms of the run's beginning; what would depart at or after the run's end is left out.

    Raises
    ------
    ScenarioError : drivers without a route, or weights that fit no route.
    """
    if (scenario.fleet.size or scenario.arrivals) and not len(routes):
        raise ScenarioError(f"{scenario.name}: {scenario.fleet.size} drivers need at least 1 route, found 0")
    demand = _Demand(scenario, _RouteChoice(scenario, routes), durations, run_id, start_ms)
    parts = [demand.of_fleet()]
    if scenario.arrivals:
        parts.append(demand.of_arrivals(scenario.arrivals))
    if scenario.traces:
        parts.append(demand.of_traces(scenario.traces, traces))
    return heapq.merge(*parts, key=attrgetter("depart_ms")) if len(parts) > 1 else parts[0]


class _RouteChoice:
    """Which route a draw stands for, by weight."""

    def __init__(self, scenario: Scenario, routes: RouteTable) -> None:
        self.routes = routes
        self._bounds: list[float] = []
        if not scenario.route_weights or not len(routes):
            return
        patterns = {pattern: re.compile(translate(pattern)) for pattern in scenario.route_weights}
        unused = set(patterns)
        weights = []
        for route_id in routes.ids:
            found = next((pattern for pattern, compiled in patterns.items() if compiled.match(route_id)), None)
            weights.append(1.0 if found is None else scenario.route_weights[found])
            unused.discard(found or "")
        if unused:
            raise ScenarioError(f"{scenario.name}: route_weights.{min(unused)} must fit a route's id, found {len(routes)} routes from {routes.ids[0]} on")
        if not any(weights):
            raise ScenarioError(f"{scenario.name}: route_weights must leave a route with a weight above 0, found none of {len(routes)}")
        self._bounds = list(accumulate(weights))

    def of(self, drawn: float) -> int:
        """Return the row of the route that a draw in [0, 1) stands for."""
        return bisect_right(self._bounds, drawn * self._bounds[-1]) if self._bounds else int(drawn * len(self.routes))


class _Demand:
    def __init__(self, scenario: Scenario, choice: _RouteChoice, durations: Durations, run_id: str, start_ms: int) -> None:
        self._scenario, self._choice, self._routes, self._durations = scenario, choice, choice.routes, durations
        self._run_id, self._start_ms = run_id, start_ms
        self._end_ms = math.inf if scenario.duration_s is None else start_ms + scenario.duration_s * 1000.0
        self._sampling = scenario.sampling_mix
        self._curve = scenario.curve
        self._faults = FaultPlan(scenario.seed, scenario.faults) if scenario.faults else None
        self._vehicles = [driver_vehicle(scenario, i) for i in range(scenario.fleet.size)]

    def of_fleet(self) -> Iterator[DeliverySpec]:
        """Yield the fleet's deliveries.

        How long a trip takes costs a plan, so it is asked for as late as possible, and for some drivers at once: until then a driver's next delivery waits
        in the queue under an instant before which it cannot depart.
        """
        spread_ms = self._scenario.deliveries.start_spread_s * 1000.0
        queue: list[_Entry] = []
        for i in range(self._scenario.fleet.size):
            spec = self._spec(i, 0, self._start_ms + int(self._draw("start", i) * spread_ms))
            if spec is not None:
                queue.append((spec.depart_ms, i, 0, spec, None))
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
                heapq.heappush(queue, (min(soonest_ms, spec.until_ms or soonest_ms), i, n + 1, None, (spec, route)))

    def _settle(self, queue: list[_Entry]) -> None:
        """Find out when the next few drivers set out again."""
        waiting: list[tuple[int, int, _Trip]] = []
        while queue and len(waiting) < _ASKED_AT_ONCE and queue[0][4] is not None:
            _, i, n, _, trip = heapq.heappop(queue)
            assert trip is not None
            waiting.append((i, n, trip))
        lasts_s = self._durations([(route, spec.vehicle) for _, _, (spec, route) in waiting])
        for (i, n, (before, _)), duration_s in zip(waiting, lasts_s, strict=True):
            spec = self._spec(i, n, self._ready_ms(i, n, before, duration_s))
            if spec is not None:
                heapq.heappush(queue, (spec.depart_ms, i, n, spec, None))

    def _ready_ms(self, i: int, n: int, before: DeliverySpec, duration_s: float) -> int:
        """Return when a driver may set out on delivery n, the one before it being known."""
        if before.until_ms is None:
            least_s, most_s = self._scenario.deliveries.pause_s
            rest_s = least_s + self._draw("rest", i, n) * (most_s - least_s)
            return before.depart_ms + math.ceil((duration_s / before.pace + rest_s) * 1000.0)
        trip_ms = int(whole_trip_ms(np.array([duration_s]), np.array([before.pace / 1000.0]))[0])
        last_due_ms = before.depart_ms - (-trip_ms // before.period_ms) * before.period_ms
        return min(last_due_ms + before.period_ms, before.until_ms)

    def _spec(self, i: int, n: int, not_before_ms: int) -> DeliverySpec | None:
        """Return delivery n of driver i, None if it is not on the road any more."""
        if not self._scenario.stages:
            return self._made(i, n, not_before_ms, None)
        for begin_ms, end_ms in self._curve.intervals(i):
            until_ms = int(min(self._start_ms + end_ms, self._end_ms))
            ready_ms = max(not_before_ms, self._start_ms + begin_ms)
            if departure_ms(ready_ms, self._sampling.period_ms(i), self._scenario.seed, f"courier-{i}") < until_ms:
                return self._made(i, n, ready_ms, until_ms)
        return None

    def _made(self, i: int, n: int, not_before_ms: int, until_ms: int | None) -> DeliverySpec:
        return make_spec(
            delivery_id=f"{self._run_id}-{i}-{n}",
            driver_id=f"courier-{i}",
            client_id=CLIENT_ID,
            run_id=self._run_id,
            route_id=self._routes.ids[self._route(i, n)],
            vehicle=self._vehicles[i],
            depart_ms=not_before_ms,
            period_ms=self._sampling.period_ms(i),
            seed=self._scenario.seed,
            pace_spread=self._scenario.fleet.pace_spread,
            until_ms=until_ms,
            faults=self._faults,
            payload_bytes=self._scenario.payload_bytes,
        )

    def of_arrivals(self, arrivals: Arrivals) -> Iterator[DeliverySpec]:
        """Yield the deliveries that come by themselves."""
        intensity = Intensity(arrivals.mean_per_s, arrivals.histogram or (1.0,), arrivals.from_hour * 3600.0)
        is_random = arrivals.process is not ArrivalProcess.CONSTANT
        departing: list[tuple[int, int, DeliverySpec]] = []
        for k, at_s in enumerate(arrival_times(intensity, self._scenario.seed, random=is_random)):
            at_ms = self._start_ms + int(at_s * 1000.0)
            while departing and departing[0][0] <= min(at_ms, self._end_ms - 1):  # whoever comes later departs later
                yield heapq.heappop(departing)[2]
            if at_ms >= self._end_ms:
                return
            spec = self._arrival(k, at_ms)
            heapq.heappush(departing, (spec.depart_ms, k, spec))

    def _arrival(self, k: int, at_ms: int) -> DeliverySpec:
        return make_spec(
            delivery_id=f"{self._run_id}-a{k}",
            driver_id=f"arrival-{k}",
            client_id=CLIENT_ID,
            run_id=self._run_id,
            route_id=self._routes.ids[self._choice.of(self._draw("route", f"a{k}"))],
            vehicle=driver_vehicle(self._scenario, f"a{k}"),
            depart_ms=at_ms,
            period_ms=self._sampling.period_ms(k),
            seed=self._scenario.seed,
            pace_spread=self._scenario.fleet.pace_spread,
            faults=self._faults,
            payload_bytes=self._scenario.payload_bytes,
        )

    def of_traces(self, settings: Traces, traces: Sequence[Trace]) -> Iterator[DeliverySpec]:
        """Yield the deliveries of traces and clones; the clones follow the traces in `traces`."""
        first_s = min((trace.begun_s for trace in traces), default=0.0)
        originals = len(traces) // (settings.clones + 1)
        specs = []
        for k, trace in enumerate(traces):
            shift_s = 0.0 if k < originals else self._draw("shift", f"t{k}") * settings.shift_s
            depart_ms = self._start_ms + round((trace.begun_s - first_s + shift_s) * 1000.0)
            if depart_ms < self._end_ms:
                specs.append(self._trace(k, trace, depart_ms))
        yield from sorted(specs, key=attrgetter("depart_ms"))

    def _trace(self, k: int, trace: Trace, depart_ms: int) -> DeliverySpec:
        return DeliverySpec(
            delivery_id=f"{self._run_id}-t{k}",
            driver_id=f"trace-{k}",
            client_id=CLIENT_ID,
            run_id=self._run_id,
            route_id=trace.id,
            vehicle=driver_vehicle(self._scenario, f"t{k}"),
            depart_ms=depart_ms,
            period_ms=self._sampling.period_ms(k),
            faults=self._faults,
            payload_bytes=self._scenario.payload_bytes,
        )

    def _route(self, i: int, n: int) -> int:
        return self._choice.of(self._draw("route", i, n))

    def _draw(self, word: str, i: int | str, n: int = 0) -> float:
        return seeded_unit(self._scenario.seed, word, str(i), str(n))


def driver_vehicle(scenario: Scenario, i: int | str) -> VehicleClass:
    """Return the vehicle of a scenario's driver number i, drawn by the shares of the mix."""
    classes = list(scenario.fleet.mix)
    drawn = seeded_unit(scenario.seed, "vehicle", str(i))
    return next((vehicle for vehicle, share in zip(classes, accumulate(scenario.fleet.mix.values()), strict=True) if drawn < share), classes[-1])
