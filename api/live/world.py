"""The world of the live map: the newest state of every delivery, from positions, events and runs.

The newest seq of a delivery wins, so late and repeated records never move a vehicle back; in another run the same
delivery begins again. A vehicle that ended leaves after `LEAVE_MS`. It refuses to know viewers and frames.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from api.live.cells import world_xy
from api.live.runs import ENDED, Runs
from api.live.slots import ALIVE, FREE, Details, Slots
from api.live.words import CANCELLED, CAR, DELIVERED, MOVING, PAUSED, STOPPED, SUSPENDED, VEHICLES
from api.stores.model import STANDING_MPS
from engine.codec import PositionBatch
from engine.messages import FINAL_KINDS, DeliveryEvent, EventKind, RunEvent, RunState

LEAVE_MS = 10_000
"""A delivery that ended stays on the map for so long, wall ms."""

SILENT_MS = 600_000
"""A vehicle of a run that is not paused leaves the map after so long a silence, wall ms."""

NEWS_MS = 60_000
"""An event older than this is not sent to viewers, wall ms."""

_STATE_AFTER = {
    EventKind.STARTED: MOVING,
    EventKind.STOPPED: PAUSED,
    EventKind.RESUMED: MOVING,
    EventKind.DELIVERED: DELIVERED,
    EventKind.CANCELLED: CANCELLED,
    EventKind.SUSPENDED: SUSPENDED,
}
_VEHICLE_INDEX = {str(vehicle): index for index, vehicle in enumerate(VEHICLES)}


class World:
    """Deliveries and runs as the map knows them.

    Attributes
    ----------
    now_ms : wall epoch ms of the last `settle`, taken for the arrival of records.
    """

    def __init__(self, now_ms: float) -> None:
        self.now_ms = now_ms
        self.slots = Slots()
        self.runs = Runs()
        self._release_due_ms = -np.inf

    def take_positions(self, batch: PositionBatch) -> int:
        """Take positions in any order and of any runs; return how many were late or repeated."""
        if (batch.run_id == batch.run_id[:1]).all():
            return self._take(batch) if len(batch) else 0
        return sum(self._take(batch.take(batch.run_id == run_id)) for run_id in np.unique(batch.run_id))

    def take_event(self, event: DeliveryEvent) -> bool:
        """Take what happened to a delivery; return False, with nothing changed, if it is late or repeated."""
        key, run = event.delivery_id.encode(), self.runs.index_of(event.run_id.encode(), self.now_ms)
        slot = self.slots.find(key)
        if slot is not None and self.slots.run[slot] != run and event.event_time <= self.slots.event_time_ms[slot]:
            return False
        if slot is None or self.slots.run[slot] != run:
            if event.kind in FINAL_KINDS:
                return True
            slot = self._new_slot(
                key, Details(event.delivery_id, event.route_id, event.client_id, event.driver_id), run
            )
        if event.seq <= self.slots.event_seq[slot]:
            return False
        self._note(slot, event)
        if event.kind in FINAL_KINDS and not self.slots.placed[slot]:
            self.slots.drop([slot])  # a past that is read again must not fill the memory
        return True

    def take_run(self, event: RunEvent) -> None:
        """Take a run's news; with the end of a run its vehicles end."""
        run = self.runs.update(event, self.now_ms)
        if run is None or event.state not in ENDED:
            return
        slots = self.slots
        left = np.flatnonzero((slots.phase == ALIVE) & (slots.run == run.index) & (slots.state < DELIVERED))
        slots.state[left] = CANCELLED if event.state == RunState.CANCELLED else SUSPENDED
        slots.positions[left] = slots.seq[left] + 1
        slots.leaves_ms[left] = self.now_ms + LEAVE_MS

    def is_news(self, event: DeliveryEvent) -> bool:
        """Whether an event is sent to every viewer: no label of a fault, and young enough.

        The past is read again after a restart.
        """
        if event.kind == EventKind.FAULT:
            return False
        clock = self.runs.clock_of(event.run_id.encode(), self.now_ms)
        # In a run that stands still the age is unknown.
        return clock.virtual(self.now_ms) - event.event_time <= NEWS_MS * clock.scale or clock.scale == 0

    def visible(self) -> NDArray[np.intp]:
        """Return the slots on the map, ascending."""
        return np.flatnonzero((self.slots.phase == ALIVE) & self.slots.placed)

    def states(self, at: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Return the states of some slots; in a run that stands still every vehicle on the road is paused."""
        state = self.slots.state[at]
        return np.where(self.runs.paused[self.slots.run[at]] & (state <= STOPPED), PAUSED, state).astype(np.uint8)

    def settle(self, now_ms: float) -> None:
        """Let vehicles leave and numbers be used again."""
        self.now_ms = now_ms
        slots = self.slots
        alive = slots.phase == ALIVE
        leaving = alive & (slots.leaves_ms <= now_ms)
        if now_ms >= self._release_due_ms:
            self._release_due_ms = now_ms + 1000
            slots.release(now_ms)
            leaving |= alive & (slots.heard_ms < now_ms - SILENT_MS) & ~self.runs.paused[slots.run]
            if len(self.runs) > 1:
                self.runs.forget(slots.run[slots.phase != FREE], now_ms - SILENT_MS)
        slots.retire(np.flatnonzero(leaving), now_ms)

    def _take(self, batch: PositionBatch) -> int:
        """Take the positions of one run; return how many were late or repeated."""
        slots, run = self.slots, self.runs.index_of(bytes(batch.run_id[0]), self.now_ms)
        event_time_ms = np.where(batch.event_time_ms < 0, self._virtual_now(run), batch.event_time_ms)
        at = self._slots_of(batch, run, event_time_ms)
        # A record without a number counts as the next one: the order of arrival is all there is.
        unnumbered = batch.seq < 0
        seq = np.where(unnumbered, slots.seq[at] + 1 + np.arange(len(at)), batch.seq)
        known = slots.seq[at]
        candidates = slots.run[at] == run
        np.maximum.at(slots.seq, at[candidates], seq[candidates])
        rows = np.flatnonzero(candidates & (seq > known) & (seq == slots.seq[at]))
        stale = len(at) - len(rows)
        if stale:
            at, batch, seq, event_time_ms, unnumbered = (
                at[rows],
                batch.take(rows),
                seq[rows],
                event_time_ms[rows],
                unnumbered[rows],
            )
        self._place(at, batch, seq, event_time_ms, unnumbered, bool(self.runs.ended[run]))
        return stale

    def _place(
        self,
        at: NDArray[np.int64],
        batch: PositionBatch,
        seq: NDArray[np.int64],
        event_time_ms: NDArray[np.int64],
        unnumbered: NDArray[np.bool_],
        run_ended: bool,
    ) -> None:
        """Write the newest position of each of some slots, and the state that follows from it."""
        slots = self.slots
        slots.lat_deg[at], slots.lng_deg[at] = batch.lat_deg, batch.lng_deg
        slots.world_x[at], slots.world_y[at] = world_xy(batch.lat_deg, batch.lng_deg)
        slots.speed_mps[at], slots.bearing_deg[at], slots.distance_m[at] = (
            batch.speed_mps,
            batch.bearing_deg,
            batch.distance_m,
        )
        slots.event_time_ms[at], slots.heard_ms[at] = event_time_ms, self.now_ms
        slots.placed[at] = slots.fresh[at] = True

        was = slots.state[at]
        drives = unnumbered | (batch.speed_mps >= STANDING_MPS)
        paused = (was == PAUSED) & ~(drives & (event_time_ms > slots.changed_ms[at]))
        goes_on = (was == SUSPENDED) & (seq >= slots.positions[at]) & (not run_ended) | (
            unnumbered & (was >= DELIVERED)
        )
        keeps = paused | ((was >= DELIVERED) & ~goes_on)
        state = np.where(
            batch.finished, DELIVERED, np.where(keeps, was, np.where(drives | (seq == 0), MOVING, STOPPED))
        )
        slots.state[at] = state
        slots.leaves_ms[at[state < DELIVERED]] = np.inf
        slots.leaves_ms[at[(state >= DELIVERED) & (was != state)]] = self.now_ms + LEAVE_MS
        slots.phase[at[(state < DELIVERED) | (was != state)]] = ALIVE

    def _slots_of(self, batch: PositionBatch, run: int, event_time_ms: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the slot of every record; a delivery new in its run gets a fresh one."""
        slots = self.slots
        at = slots.find_all(batch.delivery_id)
        known = np.flatnonzero(at >= 0)
        newer = known[(slots.run[at[known]] != run) & (event_time_ms[known] > slots.event_time_ms[at[known]])]
        for row in np.concatenate((np.flatnonzero(at < 0), newer)).tolist():
            key, route, client, driver = (
                bytes(column[row]) for column in (batch.delivery_id, batch.route_id, batch.client_id, batch.driver_id)
            )
            slot = slots.find(key)
            if slot is None or slots.run[slot] != run:
                slot = self._new_slot(key, Details(key.decode(), route.decode(), client.decode(), driver.decode()), run)
            at[row] = slot
        return at

    def _new_slot(self, key: bytes, details: Details, run: int) -> int:
        """Return a fresh slot; the one a delivery had in an older run leaves the map."""
        old = self.slots.find(key)
        if old is not None and self.slots.phase[old] == ALIVE:
            self.slots.retire(np.array([old]), self.now_ms)
        slot = self.slots.take(key, details, self.now_ms)
        self.slots.run[slot], self.slots.vehicle[slot] = run, CAR
        return slot

    def _note(self, slot: int, event: DeliveryEvent) -> None:
        """Write what an event says into its delivery's slot."""
        slots, details = self.slots, self.slots.details[slot]
        assert details is not None
        slots.event_seq[slot], slots.heard_ms[slot] = event.seq, self.now_ms
        slots.vehicle[slot] = _VEHICLE_INDEX.get(event.vehicle, CAR)
        if event.kind == EventKind.STARTED:
            details.started_ms = event.event_time
        details.route_length_m = event.route_length or details.route_length_m
        details.planned_arrival_ms = event.planned_arrival or details.planned_arrival_ms
        if event.kind != EventKind.FAULT:
            # As the stores have it: a later event takes back the reason and the end of an earlier one.
            details.reason = event.reason
            details.ended_ms = event.event_time if event.kind in FINAL_KINDS else None
        state = _STATE_AFTER.get(EventKind(event.kind))
        if state is None:
            return
        slots.changed_ms[slot] = event.event_time
        if state < DELIVERED and slots.state[slot] >= DELIVERED and slots.state[slot] != SUSPENDED:
            return
        slots.state[slot] = state
        if state >= DELIVERED:
            slots.positions[slot] = event.positions or 0
            slots.leaves_ms[slot] = min(slots.leaves_ms[slot], self.now_ms + LEAVE_MS)
        else:
            slots.phase[slot], slots.leaves_ms[slot] = ALIVE, np.inf

    def _virtual_now(self, run: int) -> int:
        runs = self.runs
        return int(runs.virtual_ms[run] + (self.now_ms - runs.wall_ms[run]) * runs.scale[run])
