"""Demand: which driver sets out on which route when, as a scenario has it.

Pure and seeded; it neither waits nor knows which process drives.

Every draw follows from the scenario's seed and the driver's number, so the demand of a scenario is the same for every
run and however far it is read. It is an open plan: a driver that is paused on the way still sets out again when
it would have, and arrivals come however many are on the road.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter

from engine.delivery.spec import DeliverySpec
from engine.demand.fleet_demand import Durations, FleetDemand
from engine.demand.orders import Orders
from engine.errors import ScenarioError
from engine.load import Intensity, arrival_times
from engine.motion.building import build_plans
from engine.motion.traces import Trace
from engine.motion.vehicle import VehicleClass
from engine.roads.route import RouteTable
from engine.scenario.scenario import ArrivalProcess, Arrivals, Scenario, Traces


class PlanDurations:
    """`Durations` by building plans; each is built once and only its duration is kept."""

    def __init__(self, routes: RouteTable) -> None:
        self._routes = routes
        self._known: dict[tuple[int, VehicleClass], float] = {}

    def __call__(self, pairs: Sequence[tuple[int, VehicleClass]]) -> Sequence[float]:
        """Return the seconds of each pair of route row and vehicle class."""
        missing = list(dict.fromkeys(pair for pair in pairs if pair not in self._known))
        if missing:
            self._known.update(zip(missing, build_plans(self._routes, missing).duration_s.tolist(), strict=True))
        return [self._known[pair] for pair in pairs]


class Demand(Iterator[DeliverySpec]):
    """Deliveries in order of departure: those of a fleet, and others.

    The fleet's size may be changed during the run; the other deliveries come regardless of the fleet.

    Parameters
    ----------
    fleet : None if there is none that could be changed.
    others : in order of departure.
    """

    def __init__(self, fleet: FleetDemand | None, others: Iterator[DeliverySpec]) -> None:
        self._fleet, self._others = fleet, others
        self._other = next(others, None)

    def __next__(self) -> DeliverySpec:
        spec = self.peek()
        if spec is None:
            raise StopIteration
        if spec is self._other:
            self._other = next(self._others, None)
            return spec
        assert self._fleet is not None
        return self._fleet.take()

    def peek(self) -> DeliverySpec | None:
        """Return the next delivery, and leave it there; None if there is none."""
        spec = None if self._fleet is None else self._fleet.peek()
        if spec is None or self._other is None:
            return spec or self._other
        return spec if spec.depart_ms <= self._other.depart_ms else self._other

    @property
    def is_exhausted(self) -> bool:
        """Whether there are no more, and will be none."""
        return self.peek() is None and (self._fleet is None or not self._fleet.goes_on)

    @property
    def is_changeable(self) -> bool:
        """Whether the fleet's size can be changed: there are roads for it."""
        return self._fleet is not None

    def change(self, at_ms: int, drivers: int) -> Callable[[DeliverySpec], bool]:
        """Set the number of drivers in the fleet from an instant on; see `FleetDemand.change`."""
        assert self._fleet is not None, "check is_changeable first"
        return self._fleet.change(at_ms, drivers)


def deliveries(
    scenario: Scenario,
    routes: RouteTable,
    durations: Durations,
    *,
    run_id: str,
    start_ms: int,
    traces: Sequence[Trace] = (),
) -> Demand:
    """Return a scenario's deliveries in order of departure, one by one; endless if the scenario is.

    Driver ``courier-<i>`` drives one vehicle at one pace. It sets out within the start spread and, in mode
    "continuous", continues after a rest with another route; with stages it is on the road while their curve is above i
    + ½: it drives without a rest, one sample following the other at its period from delivery to delivery, and its last
    delivery ends on the way. A delivery's id is ``<runId>-<i>-<n>``. Arrival k is delivery ``<runId>-a<k>`` by driver
    ``arrival-<k>``. As any driver, it departs at the first instant of its own phase that is not before its time. Trace
    k is delivery ``<runId>-t<k>`` by driver ``trace-<k>``; its samples begin with its first fix.

    Parameters
    ----------
    routes : at least one, unless there is no delivery.
    traces : recorded drives and their clones, as `engine.motion.traces.with_clones` gives them.
    start_ms : virtual epoch ms of the run's beginning; what would depart at or after the run's end is left out.

    Raises
    ------
    ScenarioError : drivers without a route, or weights that fit no route.
    """
    if (scenario.fleet.size or scenario.arrivals) and not len(routes):
        raise ScenarioError(f"{scenario.name}: {scenario.fleet.size} drivers need at least 1 route, found 0")
    orders = Orders(scenario, routes, run_id, start_ms)
    end_ms = math.inf if scenario.duration_s is None else start_ms + scenario.duration_s * 1000.0
    others = []
    if scenario.arrivals:
        others.append(_arriving(orders, scenario.arrivals, end_ms))
    if scenario.traces:
        others.append(_traced(orders, scenario.traces, traces, end_ms))
    return Demand(
        FleetDemand(orders, durations) if len(routes) else None, heapq.merge(*others, key=attrgetter("depart_ms"))
    )


def _arriving(orders: Orders, arrivals: Arrivals, end_ms: float) -> Iterator[DeliverySpec]:
    """Yield the deliveries that come by themselves."""
    intensity = Intensity(arrivals.mean_per_s, arrivals.histogram or (1.0,), arrivals.from_hour * 3600.0)
    is_random = arrivals.process is not ArrivalProcess.CONSTANT
    departing: list[tuple[int, int, DeliverySpec]] = []
    for k, at_s in enumerate(arrival_times(intensity, orders.scenario.seed, random=is_random)):
        at_ms = orders.start_ms + int(at_s * 1000.0)
        while departing and departing[0][0] <= min(at_ms, end_ms - 1):  # what comes later departs later
            yield heapq.heappop(departing)[2]
        if at_ms >= end_ms:
            return
        spec = orders.of_arrival(k, at_ms)
        heapq.heappush(departing, (spec.depart_ms, k, spec))


def _traced(orders: Orders, settings: Traces, traces: Sequence[Trace], end_ms: float) -> Iterator[DeliverySpec]:
    """Yield the deliveries of traces and clones; the clones follow the traces in `traces`."""
    first_s = min((trace.begun_s for trace in traces), default=0.0)
    originals = len(traces) // (settings.clones + 1)
    specs = []
    for k, trace in enumerate(traces):
        shift_s = 0.0 if k < originals else orders.draw("shift", f"t{k}") * settings.shift_s
        depart_ms = orders.start_ms + round((trace.begun_s - first_s + shift_s) * 1000.0)
        if depart_ms < end_ms:
            specs.append(orders.of_trace(k, trace, depart_ms))
    yield from sorted(specs, key=attrgetter("depart_ms"))
