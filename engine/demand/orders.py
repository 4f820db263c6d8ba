"""Orders: a run's deliveries, each by its number.

Everything that chance decides follows from the scenario's seed and that number; when a delivery may depart is decided
elsewhere.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from fnmatch import translate
from itertools import accumulate

from engine.chance import seeded_unit
from engine.delivery.spec import DeliverySpec, departure_ms, make_spec
from engine.errors import ScenarioError
from engine.motion.traces import Trace
from engine.motion.vehicle import VehicleClass
from engine.roads.route import RouteTable
from engine.scenario.scenario import Scenario

CLIENT_ID = "scenario"
"""Client of the deliveries that the scenario orders."""

_COURIER = "courier-"
_COURIERS_DELIVERY = re.compile("(0|[1-9][0-9]*)-(0|[1-9][0-9]*)")


class RouteChoice:
    """Which route a draw stands for, by weight.

    Raises
    ------
    ScenarioError : weights that fit no route, or leave none.
    """

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
            raise ScenarioError(
                f"{scenario.name}: route_weights.{min(unused)} must fit a route's id, "
                f"found {len(routes)} routes from {routes.ids[0]} on"
            )
        if not any(weights):
            raise ScenarioError(
                f"{scenario.name}: route_weights must leave a route with a weight above 0, found none of {len(routes)}"
            )
        self._bounds = list(accumulate(weights))

    def of(self, drawn: float) -> int:
        """Return the row of the route that a draw in [0, 1) stands for."""
        return bisect_right(self._bounds, drawn * self._bounds[-1]) if self._bounds else int(drawn * len(self.routes))


class Orders:
    """The deliveries of one run, by number: of the fleet's drivers, of arrivals, of traces.

    Attributes
    ----------
    scenario, routes : as given.
    start_ms : virtual epoch ms of the run's beginning.
    """

    def __init__(self, scenario: Scenario, routes: RouteTable, run_id: str, start_ms: int) -> None:
        self.scenario, self.routes, self.start_ms = scenario, routes, start_ms
        self._choice, self._run_id = RouteChoice(scenario, routes), run_id
        self._sampling = scenario.sampling_mix
        self._faults = scenario.fault_plan
        self._vehicles: list[VehicleClass] = []

    def of_driver(self, i: int, n: int, not_before_ms: int, until_ms: int | None) -> DeliverySpec:
        """Return delivery n of the fleet's driver i."""
        while len(self._vehicles) <= i:
            self._vehicles.append(driver_vehicle(self.scenario, len(self._vehicles)))
        return self._made(
            f"{i}-{n}", f"{_COURIER}{i}", self.route_of(i, n), self._vehicles[i], not_before_ms, i, until_ms
        )

    def departure_ms(self, i: int, not_before_ms: int) -> int:
        """Return when the fleet's driver i would depart."""
        return departure_ms(not_before_ms, self._sampling.period_ms(i), self.scenario.seed, f"{_COURIER}{i}")

    def start_of(self, i: int) -> int:
        """Return when the fleet's driver i may first set out, in a fleet without stages; virtual epoch ms."""
        return self.start_ms + int(self.draw("start", i) * (self.scenario.deliveries.start_spread_s * 1000.0))

    def rest_s(self, i: int, n: int) -> float:
        """Return for how long the fleet's driver i rests before its delivery n."""
        least_s, most_s = self.scenario.deliveries.pause_s
        return least_s + self.draw("rest", i, n) * (most_s - least_s)

    def route_of(self, i: int, n: int) -> int:
        """Return the row of the route of driver i's delivery n."""
        return self._choice.of(self.draw("route", i, n))

    def of_arrival(self, k: int, at_ms: int) -> DeliverySpec:
        """Return the delivery that comes as the k-th by itself."""
        route = self._choice.of(self.draw("route", f"a{k}"))
        return self._made(f"a{k}", f"arrival-{k}", route, driver_vehicle(self.scenario, f"a{k}"), at_ms, k, None)

    def of_trace(self, k: int, trace: Trace, depart_ms: int) -> DeliverySpec:
        """Return the delivery that drives a trace; its samples begin with the trace's first fix."""
        return DeliverySpec(
            delivery_id=f"{self._run_id}-t{k}",
            driver_id=f"trace-{k}",
            client_id=CLIENT_ID,
            run_id=self._run_id,
            route_id=trace.id,
            vehicle=driver_vehicle(self.scenario, f"t{k}"),
            depart_ms=depart_ms,
            period_ms=self._sampling.period_ms(k),
            faults=self._faults,
            payload_bytes=self.scenario.payload_bytes,
        )

    def _made(
        self,
        name: str,
        driver_id: str,
        route: int,
        vehicle: VehicleClass,
        not_before_ms: int,
        number: int,
        until_ms: int | None,
    ) -> DeliverySpec:
        return make_spec(
            delivery_id=f"{self._run_id}-{name}",
            driver_id=driver_id,
            client_id=CLIENT_ID,
            run_id=self._run_id,
            route_id=self.routes.ids[route],
            vehicle=vehicle,
            depart_ms=not_before_ms,
            period_ms=self._sampling.period_ms(number),
            seed=self.scenario.seed,
            pace_spread=self.scenario.fleet.pace_spread,
            until_ms=until_ms,
            faults=self._faults,
            payload_bytes=self.scenario.payload_bytes,
        )

    def draw(self, word: str, i: int | str, n: int = 0) -> float:
        """Return a number in [0, 1) that follows from the seed and the words alone."""
        return seeded_unit(self.scenario.seed, word, str(i), str(n))


def driver_vehicle(scenario: Scenario, i: int | str) -> VehicleClass:
    """Return the vehicle of a scenario's driver number i, drawn by the shares of the mix."""
    classes = list(scenario.fleet.mix)
    drawn = seeded_unit(scenario.seed, "vehicle", str(i))
    return next(
        (
            vehicle
            for vehicle, share in zip(classes, accumulate(scenario.fleet.mix.values()), strict=True)
            if drawn < share
        ),
        classes[-1],
    )


def courier_number(driver_id: str) -> int | None:
    """Return the number of a driver of the fleet; None if it is another driver."""
    number = driver_id.removeprefix(_COURIER)
    return int(number) if driver_id.startswith(_COURIER) and number.isdecimal() else None


def courier_delivery(run_id: str, delivery_id: str) -> tuple[int, int] | None:
    """Return i and n if a delivery's id is that of delivery n of a fleet's driver i, else None.

    The id alone decides, whether there is such a delivery or not.
    """
    found = (
        _COURIERS_DELIVERY.fullmatch(delivery_id.removeprefix(f"{run_id}-"))
        if delivery_id.startswith(f"{run_id}-")
        else None
    )
    return None if found is None else (int(found[1]), int(found[2]))
