"""The hub of the live map: records in, and once per tick one snapshot for all viewers.

A plain class: no socket, no event loop. Consumers call `on_positions`, `on_event`, `on_run` and `on_route` in one
thread; the map's ticker calls `tick`, or `rest` while there is no viewer.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Protocol

import numpy as np
import orjson
from numpy.typing import NDArray

from api.delivery import Delivery, Newest, facts_of, rounded
from api.live.counters import LiveCounters
from api.live.frames import MAX_AGE_MS, FrameHeader, Vehicles, encode_cells
from api.live.slots import ALIVE
from api.live.snapshot import Snapshot
from api.live.words import DELIVERED, ON_THE_WIRE, PERIOD_MS, PROTOCOL, STATE_NAMES, STATES, VEHICLES
from api.live.world import World
from api.measuring.metering import Station
from api.stores.model import DeliveryPhase, progress_of
from engine.codec import PositionBatch
from engine.errors import EngineError
from engine.latency.meter import Segment
from engine.messages import DeliveryEvent, RouteDefined, RunEvent
from engine.roads.route import Route

EVENTS_KEPT = 64
"""Events between two ticks beyond which the oldest are left out; a viewer takes at most 20 a second."""


class Tap(Protocol):
    """A reader of every record as it comes, called in the thread of the consumers; it must be quick."""

    def on_positions(self, batch: PositionBatch) -> None:
        """Take a batch the hub has taken."""

    def on_event(self, event: DeliveryEvent) -> None:
        """Take an event that is new."""


class Hub:
    """The newest state per delivery, and the snapshots made of it.

    Parameters
    ----------
    now_ms : wall epoch ms at which the hub begins; the present if absent.

    Attributes
    ----------
    station : where positions that reach the map are measured; None measures nothing.
    next_tick_s : when the next tick is due, s of the monotonic clock; set by the ticker.
    """

    def __init__(self, now_ms: float | None = None) -> None:
        self.counters = LiveCounters()
        self.world = World(time.time() * 1000 if now_ms is None else now_ms)
        self.taps: list[Tap] = []
        self.next_tick_s = 0.0
        self.station: Station | None = None
        self._routes: dict[str, RouteDefined] = {}
        self._lengths: dict[str, float | None] = {}
        self._events: deque[DeliveryEvent] = deque()
        self._events_left_out = 0
        self._delays: list[NDArray[np.float64]] = []
        self._fresh = np.empty(0, np.intp)
        self._seq = 0
        self._stats = ""
        self._stats_due_ms = -np.inf

    @property
    def next_picture_s(self) -> float | None:
        """Instant, s of the monotonic clock, at which positions are needed next.

        None while a tap takes every one as it comes.
        """
        return None if self.taps else self.next_tick_s

    def on_positions(self, batch: PositionBatch) -> None:
        """Take a batch of positions, in any order and of any runs."""
        if not len(batch):
            return
        self.counters.positions += len(batch)
        self.counters.positions_stale += self.world.take_positions(batch)
        for tap in self.taps:
            tap.on_positions(batch)

    def on_event(self, event: DeliveryEvent) -> None:
        """Take what happened to a delivery; a late or repeated event changes nothing and reaches no viewer."""
        if not self.world.take_event(event):
            return
        if self.world.is_news(event):
            self._events.append(event)
        if len(self._events) > EVENTS_KEPT:
            self._events.popleft()
            self._events_left_out += 1
        for tap in self.taps:
            tap.on_event(event)

    def on_run(self, event: RunEvent) -> None:
        """Take a run's news; with the end of a run its vehicles end."""
        self.world.take_run(event)
        if self.station is not None:
            self.station.hear([event])

    def on_route(self, route: RouteDefined) -> None:
        """Take a route's geometry, or that it is gone."""
        self._lengths.pop(route.route_id, None)
        if route.deleted:
            self._routes.pop(route.route_id, None)
        else:
            self._routes[route.route_id] = route

    def tick(self, now_ms: float) -> Snapshot:
        """Return what the map shows at a wall instant."""
        self.world.settle(now_ms)
        slots, runs, rows = self.world.slots, self.world.runs, self.world.visible()
        run, event_time_ms, state = slots.run[rows], slots.event_time_ms[rows], ON_THE_WIRE[self.world.states(rows)]
        self._measure(rows, now_ms)
        if now_ms >= self._stats_due_ms:
            self._stats_due_ms = now_ms + 1000 - PERIOD_MS / 2
            self._stats = self._stats_text(state, runs.age_ms(run, event_time_ms, now_ms))
        vehicles = Vehicles(
            id=rows.astype(np.uint32),
            world_x=slots.world_x[rows],
            world_y=slots.world_y[rows],
            age_ms=np.clip(runs.shown_age_ms(run, event_time_ms, now_ms), 0, MAX_AGE_MS).astype(np.uint16),
            heading=(np.rint(slots.bearing_deg[rows] * (256 / 360)).astype(np.int64) & 0xFF).astype(np.uint8),
            state=(state | (slots.vehicle[rows] << 4)).astype(np.uint8),
        )
        shown = runs.shown
        sim_time_ms, speed = (shown.clock.virtual(now_ms), shown.clock.scale) if shown else (now_ms, 1.0)
        self._seq = (self._seq + 1) & 0xFFFFFFFF
        header = FrameHeader(self._seq, sim_time_ms, PERIOD_MS, len(rows), speed)
        events = tuple(_open_json(self._described(event)) for event in self._events)
        snapshot = Snapshot(
            now_ms, header, encode_cells(vehicles), self._hello_text(), self._stats, events, self._events_left_out
        )
        self.counters.vehicles = len(rows)
        self._forget_events()
        return snapshot

    def rest(self, now_ms: float) -> None:
        """Do what a tick does for the world, without a snapshot of it."""
        self.world.settle(now_ms)
        rows = self.world.visible()
        self._take_fresh(rows)
        self.counters.vehicles = len(rows)
        self._forget_events()

    def pushed(self, now_ms: float) -> None:
        """Measure the positions that came before the last tick.

        Called when its snapshot is ready to be sent, or could be: at rest there is no viewer.

        Of several new positions of a delivery the map shows the newest, so that one alone counts. One that never is on
        the map, late or repeated or of a delivery that has left, does not.
        """
        if self.station is None or not len(self._fresh):
            return
        slots = self.world.slots
        run, event_time_ms = slots.run[self._fresh], slots.event_time_ms[self._fresh]
        for index in np.unique(run).tolist():
            self.station.measure(self.world.runs.id_of(index), Segment.PUSHED, event_time_ms[run == index], now_ms)
        self._fresh = self._fresh[:0]

    def find(self, delivery_id: str) -> int | None:
        """Return the number of a delivery on the map, None if it is unknown or gone for long."""
        return self.world.slots.find(delivery_id.encode())

    def is_shown(self, slot: int) -> bool:
        """Whether a delivery has not left the map."""
        return bool(self.world.slots.phase[slot] == ALIVE)

    def delivery(self, slot: int) -> Delivery | None:
        """Return a delivery in the shape that REST has too, None if the slot is free."""
        slots = self.world.slots
        details = slots.details[slot] if 0 <= slot < slots.capacity else None
        if details is None:
            return None
        state = STATE_NAMES[self.world.states(np.array([slot]))[0]]
        length_m = details.route_length_m or self._route_length(details.route_id)
        newest = self._newest(slot)
        is_delivered = state == DeliveryPhase.DELIVERED
        progress = None if newest is None else progress_of(newest.distance_m, length_m, is_delivered)
        route = self._routes.get(details.route_id)
        return Delivery(
            delivery_id=details.delivery_id,
            run_id=self.world.runs.id_of(int(slots.run[slot])),
            route_id=details.route_id,
            route_title=route.title if route else "",
            client_id=details.client_id,
            driver_id=details.driver_id,
            vehicle=VEHICLES[slots.vehicle[slot]],
            state=DeliveryPhase(state),
            reason=details.reason,
            started_at=details.started_ms,
            planned_arrival=details.planned_arrival_ms,
            ended_at=details.ended_ms,
            route_length_m=length_m,
            progress=rounded(progress),
            **facts_of(newest),
        )

    def route_line(self, route_id: str) -> dict[str, object] | None:
        """Return a route's GeoJSON LineString, None if the route is unknown."""
        found = self._routes.get(route_id)
        if found is None:
            return None
        route = Route.from_message(found)
        return {"type": "LineString", "coordinates": np.column_stack((route.lng_deg, route.lat_deg)).tolist()}

    def _newest(self, slot: int) -> Newest | None:
        slots = self.world.slots
        if not slots.placed[slot]:
            return None
        place = float(slots.lat_deg[slot]), float(slots.lng_deg[slot])
        motion = float(slots.speed_mps[slot]), float(slots.bearing_deg[slot]), float(slots.distance_m[slot])
        return Newest(int(slots.seq[slot]), int(slots.event_time_ms[slot]), *place, *motion)

    def _route_length(self, route_id: str) -> float | None:
        """Return a route's length in metres, None if the route is unknown or cannot be driven."""
        if route_id not in self._lengths:
            found = self._routes.get(route_id)
            try:
                self._lengths[route_id] = None if found is None else Route.from_message(found).length_m
            except EngineError:
                self._lengths[route_id] = None
        return self._lengths[route_id]

    def _described(self, event: DeliveryEvent) -> dict[str, object]:
        route = self._routes.get(event.route_id)
        described: dict[str, object] = {
            "t": "event",
            "kind": event.kind,
            "deliveryId": event.delivery_id,
            "routeId": event.route_id,
            "routeTitle": route.title if route else "",
            "id": self.find(event.delivery_id),
            "eventTime": event.event_time,
        }
        return described if event.reason is None else {**described, "reason": event.reason}

    def _forget_events(self) -> None:
        self._events.clear()
        self._events_left_out = 0

    def _measure(self, rows: NDArray[np.intp], now_ms: float) -> None:
        """Note how old the positions that came since the last tick are now that they can be sent first."""
        self._take_fresh(rows)
        slots, fresh = self.world.slots, self._fresh
        self._delays.append(self.world.runs.age_ms(slots.run[fresh], slots.event_time_ms[fresh], now_ms))

    def _take_fresh(self, rows: NDArray[np.intp]) -> None:
        """Set aside which of some rows have positions that came since the last tick."""
        slots = self.world.slots
        self._fresh = rows[slots.fresh[rows]]
        slots.fresh[:] = False

    def _stats_text(self, state: NDArray[np.uint8], ages_ms: NDArray[np.float64]) -> str:
        """Return the world-wide figures; ages are of the last second's new positions, or of all if none came."""
        delays = np.concatenate(self._delays)
        self._delays = []
        delays = delays if len(delays) else ages_ms[state < DELIVERED]
        delays = delays[np.isfinite(delays)]
        p50, p99 = np.percentile(delays, (50, 99)).tolist() if len(delays) else (None, None)
        by_state = np.bincount(state, minlength=len(STATES)).tolist()
        return _open_json({"t": "stats", "vehicles": len(state), "byState": by_state, "ageP50Ms": p50, "ageP99Ms": p99})

    def _hello_text(self) -> str:
        run = self.world.runs.shown
        hello = {
            "t": "hello",
            "protocol": PROTOCOL,
            "runId": run.run_id if run else None,
            "states": STATES,
            "vehicles": VEHICLES,
            "periodMs": PERIOD_MS,
            "samplePeriodMs": run.sample_period_ms if run else 1000,
            "clock": [run.clock.virtual_ms, run.clock.wall_ms, run.clock.scale] if run else [0.0, 0.0, 1.0],
        }
        return orjson.dumps(hello).decode()


def _open_json(message: dict[str, object]) -> str:
    """Return JSON without its closing brace, so that a viewer's own fields can follow."""
    return orjson.dumps(message).decode()[:-1]
