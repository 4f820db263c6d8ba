"""The fleet's demand: which of its drivers sets out when, in order of departure.

Includes what becomes of it when the fleet's size is changed during the run.

What has been taken stays as it was taken; everything after it follows from the scenario and the changes. So a reader
that takes as many between the same changes gets the same deliveries.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence

import numpy as np

from engine.delivery.fleet import whole_trip_ms
from engine.delivery.spec import DeliverySpec
from engine.delivery.timeline import NEVER_MS
from engine.demand.orders import Orders, courier_number
from engine.load.presence import Presence, Stays
from engine.motion.vehicle import MODELS, VehicleClass
from engine.scenario.scenario import DeliveryMode

Durations = Callable[[Sequence[tuple[int, VehicleClass]]], Sequence[float]]
"""Gives the seconds that a plan lasts at pace 1 for some (row of the route table, vehicle class)."""

_ASKED_AT_ONCE = 64

_Trip = tuple[DeliverySpec, int, int]
"""A driver's delivery, its route's row, and the latest instant at which it leaves the road."""

_Entry = tuple[int, int, int, DeliverySpec | None, "_Trip | int"]
"""A driver's next delivery.

An instant before which it does not depart, the driver's number, the delivery's; the delivery if it is known; and what
it follows from: the delivery before it, or the instant from which the driver is ready.
"""


class FleetDemand:
    """The deliveries of a fleet.

    How long a trip takes costs a plan, so it is asked for as late as possible, and for some drivers at once: until then
    a driver's next delivery waits in the queue under an instant before which it cannot depart.
    """

    def __init__(self, orders: Orders, durations: Durations) -> None:
        scenario = orders.scenario
        self._orders, self._durations = orders, durations
        self._has_stages, self._goes_on = bool(scenario.stages), scenario.deliveries.mode is DeliveryMode.CONTINUOUS
        self._curve = scenario.curve
        whole = math.floor if self._has_stages else math.ceil
        self._end_ms = (
            NEVER_MS if scenario.duration_s is None else int(whole(orders.start_ms + scenario.duration_s * 1000.0))
        )
        self._presence = Presence(self._planned, self._end_ms)
        self._queue: list[_Entry] = []
        #: Drivers that have no next delivery: the number that it would have, and from when on they would be ready.
        self._off: dict[int, tuple[int, int]] = {}
        for i in range(scenario.fleet.size):
            stays = self._presence.stays(i)
            if stays:  # what the delivery is can wait: a fleet of 100,000 would keep everybody waiting
                self._queue.append((stays[0][0], i, 0, None, orders.start_ms))
            else:
                self._off[i] = (0, orders.start_ms)
        heapq.heapify(self._queue)

    @property
    def goes_on(self) -> bool:
        """Whether the fleet's size was ever changed.

        It may be changed again although no driver is on the road: a fleet that was sent home has not finished.
        """
        return self._presence.is_changed and self._goes_on

    def peek(self) -> DeliverySpec | None:
        """Return the next delivery, and leave it there; None if there is none."""
        while self._queue and self._queue[0][0] < self._end_ms:
            if (spec := self._queue[0][3]) is not None:
                return spec
            self._settle()
        return None

    def take(self) -> DeliverySpec:
        """Take the delivery that `peek` returned."""
        _, i, n, spec, _ = heapq.heappop(self._queue)
        assert spec is not None
        if not self._goes_on:
            self._off[i] = (n + 1, NEVER_MS)
            return spec
        routes = self._orders.routes
        route = routes.index_of(spec.route_id)
        length_m = float(routes.cumulative_m[routes.offsets[route + 1] - 1])
        soonest_ms = spec.depart_ms + int(length_m / MODELS[spec.vehicle].max_speed_mps * 1000.0)
        until_ms = NEVER_MS if spec.until_ms is None else spec.until_ms
        heapq.heappush(self._queue, (min(soonest_ms, until_ms), i, n + 1, None, (spec, route, until_ms)))
        return spec

    def change(self, at_ms: int, drivers: int) -> Callable[[DeliverySpec], bool]:
        """Set the number of drivers on the road from an instant on, to the run's end.

        Those with the lowest numbers drive, each with numbers of deliveries never used before.

        Returns
        -------
        Whether the driver of a delivery that has been taken must leave the road at that instant, before the delivery
        ends or even begins.
        """
        before = self._presence
        self._presence = before.changed(at_ms, drivers)
        known = len(self._queue) + len(self._off)
        entries, self._queue = self._queue, []
        for entry in entries:
            self._reconsider(entry, before, at_ms, drivers)
        for i, (n, ready_ms) in list(self._off.items()):
            leaves_ms = before.leaves_ms(i, at_ms)
            if i < drivers and (self._goes_on or leaves_ms == at_ms):
                del self._off[i]
                ready_ms = min(ready_ms, leaves_ms)
                self._queue.append((max(ready_ms, at_ms), i, n, None, ready_ms))
        self._queue += [(at_ms, i, 0, None, at_ms) for i in range(known, drivers)]
        heapq.heapify(self._queue)
        return lambda spec: _must_leave(spec, before, at_ms, drivers)

    def _reconsider(self, entry: _Entry, before: Presence, at_ms: int, drivers: int) -> None:
        """Put a driver's next delivery back in the queue as it is after a change.

        A driver that is on the road and stays continues from where its deliveries lead; all others are ready when the
        change counts. A delivery that was taken and would begin when its driver is not on the road, as it was planned,
        does not lead anywhere: `_must_leave` takes it back.
        """
        key_ms, i, n, _, origin = entry
        stays = i < drivers
        leaves_ms = before.leaves_ms(i, at_ms) if stays else at_ms
        if isinstance(origin, tuple) and origin[0].depart_ms < leaves_ms:
            origin = origin if stays else (origin[0], origin[1], min(origin[2], at_ms))
        else:
            origin = leaves_ms if isinstance(origin, tuple) else min(origin, leaves_ms)
        if not stays and key_ms >= at_ms:
            self._off[i] = (n, at_ms)
        elif stays and (leaves_ms == self._end_ms or isinstance(origin, tuple)):
            self._queue.append(entry)
        else:
            key_ms = key_ms if key_ms < at_ms or isinstance(origin, tuple) else max(origin, at_ms)
            self._queue.append((key_ms, i, n, None, origin))

    def _planned(self, i: int) -> Stays:
        """Return when a driver is on the road as the scenario has it."""
        start_ms = self._orders.start_ms
        if self._has_stages:
            return [
                (start_ms + from_ms, min(start_ms + to_ms, self._end_ms)) for from_ms, to_ms in self._curve.intervals(i)
            ]
        return [(self._orders.start_of(i), self._end_ms)] if i < self._orders.scenario.fleet.size else []

    def _settle(self) -> None:
        """Find out when the next few drivers set out again."""
        waiting: list[tuple[int, int, _Trip | int]] = []
        while self._queue and len(waiting) < _ASKED_AT_ONCE and self._queue[0][3] is None:
            _, i, n, _, origin = heapq.heappop(self._queue)
            waiting.append((i, n, origin))
        trips = [(origin[1], origin[0].vehicle) for _, _, origin in waiting if isinstance(origin, tuple)]
        lasts_s = iter(self._durations(trips) if trips else ())
        for i, n, origin in waiting:
            ready_ms = origin if isinstance(origin, int) else self._ready_ms(i, n, origin, next(lasts_s))
            self._put(i, n, ready_ms)

    def _put(self, i: int, n: int, ready_ms: int) -> None:
        """Put delivery n of a driver that is ready from an instant on into the queue.

        A driver that is not on the road any more is put aside.
        """
        spec = self._spec(i, n, ready_ms)
        if spec is None:
            self._off[i] = (n, ready_ms)
        else:
            heapq.heappush(self._queue, (spec.depart_ms, i, n, spec, ready_ms))

    def _ready_ms(self, i: int, n: int, before: _Trip, duration_s: float) -> int:
        """Return when a driver may set out on delivery n, the one before it being known."""
        spec, _, leaves_ms = before
        if not self._has_stages:
            return min(
                spec.depart_ms + math.ceil((duration_s / spec.pace + self._orders.rest_s(i, n)) * 1000.0), leaves_ms
            )
        trip_ms = int(whole_trip_ms(np.array([duration_s]), np.array([spec.pace / 1000.0]))[0])
        last_due_ms = spec.depart_ms - (-trip_ms // spec.period_ms) * spec.period_ms
        return min(last_due_ms + spec.period_ms, leaves_ms)

    def _spec(self, i: int, n: int, ready_ms: int) -> DeliverySpec | None:
        """Return delivery n of driver i, None if it is not on the road any more."""
        for from_ms, to_ms in self._presence.stays(i):
            not_before_ms = max(ready_ms, from_ms)
            if self._orders.departure_ms(i, not_before_ms) < to_ms:
                is_cut = (
                    self._has_stages or to_ms < self._end_ms
                )  # without stages a driver arrives, and the run's end is the driver host's to keep
                return self._orders.of_driver(i, n, not_before_ms, to_ms if is_cut else None)
        return None


def _must_leave(spec: DeliverySpec, before: Presence, at_ms: int, drivers: int) -> bool:
    i = courier_number(spec.driver_id)
    if i is None:
        return False
    if i >= drivers:
        return spec.until_ms is None or spec.until_ms > at_ms
    return spec.depart_ms >= at_ms and spec.depart_ms >= before.leaves_ms(i, at_ms)
