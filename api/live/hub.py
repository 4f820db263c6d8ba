"""The hub of the live map: the newest state of every delivery, encoded once per tick for all viewers.

A plain class: no socket, no event loop. Consumers call `on_positions`, `on_event`, `on_run` and `on_route` in one thread; whoever paces the map calls
`tick`. The newest seq of a delivery wins, so late and repeated records never move a vehicle back. "Now" for a record is the wall time of the last tick,
which is exact enough for leaving the map.
"""

from __future__ import annotations

import time
from typing import Protocol

import numpy as np
import orjson
from numpy.typing import NDArray

from api.live.cells import world_xy
from api.live.counters import LiveCounters
from api.live.frames import MAX_AGE_MS, FrameHeader, Vehicles, encode_cells
from api.live.runs import ENDED, Runs
from api.live.slots import ALIVE, UNKNOWN_MS, Papers, Slots
from api.live.snapshot import Snapshot
from api.live.words import CANCELLED, CAR, DELIVERED, MOVING, ON_THE_WIRE, PAUSED, PERIOD_MS, PROTOCOL, STATE_NAMES, STATES, STOPPED, SUSPENDED, VEHICLES
from engine.codec import PositionBatch
from engine.messages import FINAL_KINDS, DeliveryEvent, EventKind, RouteDefined, RunEvent, RunState
from engine.route import Route

LEAVE_MS = 10_000
"""A delivery that ended stays on the map for so long, wall ms."""

SILENT_MS = 600_000
"""A vehicle of a run that is not paused leaves the map after so long a silence, wall ms."""

EVENTS_KEPT = 64
"""Events between two ticks beyond which the oldest are left out; a viewer takes at most 20 a second."""

STANDING_MPS = 0.1
"""Below this speed a vehicle is shown as stopped."""

_STATE_AFTER = {
    EventKind.STARTED: MOVING,
    EventKind.STOPPED: PAUSED,
    EventKind.RESUMED: MOVING,
    EventKind.DELIVERED: DELIVERED,
    EventKind.CANCELLED: CANCELLED,
    EventKind.SUSPENDED: SUSPENDED,
}


class Tap(Protocol):
    """Somebody who wants every record as it comes, in the thread of the consumers; he must be quick."""

    def on_positions(self, batch: PositionBatch) -> None:
        """Take a batch the hub has taken."""

    def on_event(self, event: DeliveryEvent) -> None:
        """Take an event that is new."""


class Hub:
    """The newest state per delivery, and the snapshots made of it.

    Parameters
    ----------
    now_ms : wall epoch ms at which the hub begins; the present if absent.
    """

    def __init__(self, now_ms: float | None = None) -> None:
        self.counters = LiveCounters()
        self.slots = Slots()
        self.runs = Runs()
        self.taps: list[Tap] = []
        self._now_ms = time.time() * 1000 if now_ms is None else now_ms
        self._routes: dict[str, RouteDefined] = {}
        self._events: list[dict[str, object]] = []
        self._events_left_out = 0
        self._delays: list[NDArray[np.float64]] = []
        self._seq = 0
        self._hello = ""
        self._stats = ""
        self._stats_due_ms = -np.inf
        self._release_due_ms = -np.inf

    def on_positions(self, batch: PositionBatch) -> None:
        """Take a batch of positions, in any order and of any runs."""
        if not len(batch):
            return
        self.counters.positions += len(batch)
        if (batch.run_id == batch.run_id[0]).all():
            self._take(batch)
        else:
            for run_id in np.unique(batch.run_id):
                self._take(batch.take(batch.run_id == run_id))
        for tap in self.taps:
            tap.on_positions(batch)

    def on_event(self, event: DeliveryEvent) -> None:
        """Take what happened to a delivery; a late or repeated event changes nothing and is told to nobody."""
        key, run = event.delivery_id.encode(), self.runs.index_of(event.run_id.encode(), self._now_ms)
        slot = self.slots.find(key)
        if slot is None and event.kind not in FINAL_KINDS:
            slot = self._new_slot(key, Papers(event.delivery_id, event.route_id, event.client_id, event.driver_id), run)
        if slot is not None:
            if self.slots.run[slot] != run:
                if event.event_time <= self.slots.event_ms[slot]:
                    return
                self._begin_again(np.array([slot]), run)
            if event.seq <= self.slots.event_seq[slot]:
                return
            self._note(slot, event)
        self._tell(event, slot)

    def on_run(self, event: RunEvent) -> None:
        """Take a run's news; with the end of a run its vehicles end."""
        run = self.runs.update(event, self._now_ms)
        if run is None or event.state not in ENDED:
            return
        slots = self.slots
        left = np.flatnonzero((slots.phase == ALIVE) & (slots.run == run.index) & (slots.state < DELIVERED))
        slots.state[left] = CANCELLED if event.state == RunState.CANCELLED else SUSPENDED
        slots.positions[left] = slots.seq[left] + 1
        slots.leaves_ms[left] = self._now_ms + LEAVE_MS

    def on_route(self, route: RouteDefined) -> None:
        """Take a route's geometry, or that it is gone."""
        if route.deleted:
            self._routes.pop(route.route_id, None)
        else:
            self._routes[route.route_id] = route

    def tick(self, now_ms: float) -> Snapshot:
        """Return what the map shows at a wall instant."""
        self._settle(now_ms)
        slots, runs = self.slots, self.runs
        rows = np.flatnonzero((slots.phase == ALIVE) & slots.placed)
        run, event_ms = slots.run[rows], slots.event_ms[rows]
        state = slots.state[rows]
        state = ON_THE_WIRE[np.where(runs.paused[run] & (state <= STOPPED), PAUSED, state)]
        self._measure(rows, now_ms)
        if now_ms >= self._stats_due_ms:
            self._stats_due_ms = now_ms + 1000
            self._stats = self._stats_text(state, runs.age_ms(run, event_ms, now_ms))
        vehicles = Vehicles(
            id=rows.astype(np.uint32),
            world_x=slots.world_x[rows],
            world_y=slots.world_y[rows],
            age_ms=np.clip(runs.shown_age_ms(run, event_ms, now_ms), 0, MAX_AGE_MS).astype(np.uint16),
            heading=np.rint(slots.bearing_deg[rows] * (256 / 360)).astype(np.int32).astype(np.uint8),
            state=(state | (slots.vehicle[rows] << 4)).astype(np.uint8),
        )
        shown = runs.shown
        clock_ms, speed = (shown.clock.virtual(now_ms), shown.clock.scale) if shown else (now_ms, 1.0)
        self._seq = (self._seq + 1) & 0xFFFFFFFF
        self.counters.vehicles = len(rows)
        events, left_out = tuple(_open_json(event) for event in self._events), self._events_left_out
        self._events, self._events_left_out = [], 0
        return Snapshot(
            now_ms, FrameHeader(self._seq, clock_ms, PERIOD_MS, len(rows), speed), encode_cells(vehicles), self._newest_hello(), self._stats, events, left_out
        )

    def rest(self, now_ms: float) -> None:
        """Do what a tick does when nobody watches: let vehicles leave, forget the events."""
        self._settle(now_ms)
        self._events, self._events_left_out = [], 0
        self.slots.fresh[:] = False
        self.counters.vehicles = int(np.count_nonzero((self.slots.phase == ALIVE) & self.slots.placed))

    def find(self, delivery_id: str) -> int | None:
        """Return the number of a delivery on the map, None if it is unknown or gone for long."""
        return self.slots.find(delivery_id.encode())

    def delivery(self, slot: int) -> dict[str, object] | None:
        """Return a delivery as REST shows it, None if the slot is free; times are virtual epoch ms."""
        papers = self.slots.papers[slot] if 0 <= slot < self.slots.capacity else None
        if papers is None:
            return None
        slots = self.slots
        placed = bool(slots.placed[slot])
        state = int(slots.state[slot])
        if state <= STOPPED and self.runs.paused[slots.run[slot]]:
            state = PAUSED
        distance_m, length_m = float(slots.distance_m[slot]), papers.route_length_m
        route = self._routes.get(papers.route_id)
        return {
            "deliveryId": papers.delivery_id,
            "runId": self.runs.id_of(int(slots.run[slot])),
            "routeId": papers.route_id,
            "routeTitle": route.title if route else "",
            "clientId": papers.client_id,
            "driverId": papers.driver_id,
            "vehicle": VEHICLES[slots.vehicle[slot]],
            "state": STATE_NAMES[state],
            "reason": papers.reason,
            "startedAt": papers.started_ms,
            "plannedArrival": papers.planned_arrival_ms,
            "endedAt": papers.ended_ms,
            "routeLengthM": length_m,
            "distanceM": distance_m,
            "progress": min(1.0, distance_m / length_m) if length_m else None,
            "speedMps": float(slots.speed_mps[slot]),
            "bearingDeg": float(slots.bearing_deg[slot]),
            "position": {"lat": float(slots.lat_deg[slot]), "lng": float(slots.lng_deg[slot])} if placed else None,
            "seq": int(slots.seq[slot]) if placed else None,
            "eventTime": int(slots.event_ms[slot]) if placed else None,
        }

    def route_line(self, route_id: str) -> dict[str, object] | None:
        """Return a route's GeoJSON LineString, None if the route is unknown."""
        found = self._routes.get(route_id)
        if found is None:
            return None
        route = Route.from_message(found)
        return {"type": "LineString", "coordinates": np.column_stack((route.lng_deg, route.lat_deg)).tolist()}

    def _take(self, batch: PositionBatch) -> None:
        """Take the positions of one run."""
        slots, run = self.slots, self.runs.index_of(bytes(batch.run_id[0]), self._now_ms)
        at = self._slots_of(batch, run)
        event_ms = np.where(batch.event_time_ms < 0, self._virtual_now(run), batch.event_time_ms)
        of_another_run = slots.run[at] != run
        if of_another_run.any():
            newer = of_another_run & (event_ms > slots.event_ms[at])
            self._begin_again(np.unique(at[newer]), run)
        # A record without a number counts as the next one: the order of arrival is all there is.
        unnumbered = batch.seq < 0
        seq = np.where(unnumbered, slots.seq[at] + 1 + np.arange(len(at)), batch.seq)
        known = slots.seq[at]
        candidates = slots.run[at] == run
        np.maximum.at(slots.seq, at[candidates], seq[candidates])
        rows = np.flatnonzero(candidates & (seq > known) & (seq == slots.seq[at]))
        self.counters.positions_stale += len(at) - len(rows)
        self._place(at[rows], batch.take(rows), seq[rows], event_ms[rows], unnumbered[rows], bool(self.runs.ended[run]))

    def _place(
        self,
        at: NDArray[np.int64],
        batch: PositionBatch,
        seq: NDArray[np.int64],
        event_ms: NDArray[np.int64],
        unnumbered: NDArray[np.bool_],
        run_ended: bool,
    ) -> None:
        """Write the newest position of each of some slots, and the state that follows from it."""
        slots = self.slots
        slots.lat_deg[at], slots.lng_deg[at] = batch.lat_deg, batch.lng_deg
        slots.world_x[at], slots.world_y[at] = world_xy(batch.lat_deg, batch.lng_deg)
        slots.speed_mps[at], slots.bearing_deg[at], slots.distance_m[at] = batch.speed_mps, batch.bearing_deg, batch.distance_m
        slots.event_ms[at], slots.heard_ms[at] = event_ms, self._now_ms
        slots.placed[at] = slots.fresh[at] = True

        was = slots.state[at]
        drives = unnumbered | (batch.speed_mps > STANDING_MPS)
        paused = (was == PAUSED) & ~(drives & (event_ms > slots.changed_ms[at]))
        goes_on = (was == SUSPENDED) & (seq >= slots.positions[at]) & (not run_ended) | (unnumbered & (was >= DELIVERED))
        keeps = paused | ((was >= DELIVERED) & ~goes_on)
        state = np.where(batch.finished, DELIVERED, np.where(keeps, was, np.where(drives, MOVING, STOPPED)))
        slots.state[at] = state
        slots.leaves_ms[at[state < DELIVERED]] = np.inf
        slots.leaves_ms[at[(state >= DELIVERED) & (was != state)]] = self._now_ms + LEAVE_MS
        slots.phase[at[(state < DELIVERED) | (was != state)]] = ALIVE

    def _slots_of(self, batch: PositionBatch, run: int) -> NDArray[np.int64]:
        """Return the slot of every record; a delivery not known yet gets one."""
        keys = batch.delivery_id.tolist()
        at = self.slots.find_all(keys)
        for row in np.flatnonzero(at < 0).tolist():
            slot = self.slots.find(keys[row])
            if slot is None:
                words = [bytes(column[row]).decode() for column in (batch.delivery_id, batch.route_id, batch.client_id, batch.driver_id)]
                slot = self._new_slot(keys[row], Papers(words[0], words[1], words[2], words[3]), run)
            at[row] = slot
        return at

    def _new_slot(self, key: bytes, papers: Papers, run: int) -> int:
        slot = self.slots.take(key, papers, self._now_ms)
        self.slots.run[slot], self.slots.vehicle[slot] = run, CAR
        return slot

    def _begin_again(self, at: NDArray[np.integer], run: int) -> None:
        """Let deliveries of an older run start anew in another one."""
        slots = self.slots
        slots.run[at], slots.state[at], slots.phase[at] = run, MOVING, ALIVE
        slots.seq[at] = slots.event_seq[at] = -1
        slots.changed_ms[at], slots.leaves_ms[at], slots.placed[at] = UNKNOWN_MS, np.inf, False

    def _note(self, slot: int, event: DeliveryEvent) -> None:
        """Write what an event says into its delivery's slot."""
        slots, papers = self.slots, self.slots.papers[slot]
        assert papers is not None
        slots.event_seq[slot], slots.heard_ms[slot] = event.seq, self._now_ms
        if event.vehicle in VEHICLES:
            slots.vehicle[slot] = [str(vehicle) for vehicle in VEHICLES].index(event.vehicle)
        if event.kind == EventKind.STARTED:
            papers.started_ms, papers.route_length_m = event.event_time, event.route_length
        papers.planned_arrival_ms = event.planned_arrival or papers.planned_arrival_ms
        papers.reason = event.reason or papers.reason
        state = _STATE_AFTER.get(EventKind(event.kind))
        if state is None:
            return
        slots.changed_ms[slot] = event.event_time
        if state < DELIVERED and slots.state[slot] >= DELIVERED and slots.state[slot] != SUSPENDED:
            return
        slots.state[slot] = state
        if state >= DELIVERED:
            papers.ended_ms, slots.positions[slot] = event.event_time, event.positions or 0
            slots.leaves_ms[slot] = min(slots.leaves_ms[slot], self._now_ms + LEAVE_MS)
        else:
            slots.phase[slot], slots.leaves_ms[slot] = ALIVE, np.inf

    def _tell(self, event: DeliveryEvent, slot: int | None) -> None:
        route = self._routes.get(event.route_id)
        told: dict[str, object] = {
            "t": "event",
            "kind": event.kind,
            "deliveryId": event.delivery_id,
            "routeId": event.route_id,
            "routeTitle": route.title if route else "",
            "id": slot,
            "eventTime": event.event_time,
        }
        if event.reason is not None:
            told["reason"] = event.reason
        self._events.append(told)
        if len(self._events) > EVENTS_KEPT:
            del self._events[0]
            self._events_left_out += 1
        for tap in self.taps:
            tap.on_event(event)

    def _settle(self, now_ms: float) -> None:
        """Let vehicles leave and numbers be used again."""
        self._now_ms = now_ms
        slots = self.slots
        alive = slots.phase == ALIVE
        leaving = alive & (slots.leaves_ms <= now_ms)
        if now_ms >= self._release_due_ms:
            self._release_due_ms = now_ms + 1000
            slots.release(now_ms)
            leaving |= alive & (slots.heard_ms < now_ms - SILENT_MS) & ~self.runs.paused[slots.run]
            self.runs.forget(slots.run[slots.phase != 0], now_ms - SILENT_MS)
        slots.retire(np.flatnonzero(leaving), now_ms)

    def _measure(self, rows: NDArray[np.intp], now_ms: float) -> None:
        """Note how old the positions that came since the last tick are now that they can be sent first."""
        fresh = rows[self.slots.fresh[rows]]
        self.slots.fresh[:] = False
        self._delays.append(self.runs.age_ms(self.slots.run[fresh], self.slots.event_ms[fresh], now_ms))

    def _stats_text(self, state: NDArray[np.uint8], ages_ms: NDArray[np.float64]) -> str:
        """Return the world-wide figures; ages are those of the last second's new positions, or of all if nothing came."""
        delays = np.concatenate(self._delays)
        self._delays = []
        delays = delays if len(delays) else ages_ms[state < DELIVERED]
        delays = delays[np.isfinite(delays)]
        p50, p99 = np.percentile(delays, (50, 99)).tolist() if len(delays) else (None, None)
        by_state = np.bincount(state, minlength=len(STATES)).tolist()
        return _open_json({"t": "stats", "vehicles": len(state), "byState": by_state, "ageP50Ms": p50, "ageP99Ms": p99})

    def _newest_hello(self) -> str:
        run = self.runs.shown
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
        text = orjson.dumps(hello).decode()
        if text != self._hello:
            self._hello = text
        return self._hello

    def _virtual_now(self, run: int) -> int:
        runs = self.runs
        return int(runs.virtual_ms[run] + (self._now_ms - runs.wall_ms[run]) * runs.scale[run])


def _open_json(message: dict[str, object]) -> str:
    """Return JSON without its closing brace, so that a viewer's own fields can follow."""
    return orjson.dumps(message).decode()[:-1]
