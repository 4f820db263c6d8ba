"""Where faults enter a simulation: which samples go out when and with what place, and which labels.

It sends nothing and encodes nothing.

What is held back is the only state, and follows from spec and time: after a restart it is found again. A record is held
back no longer than its delivery lasts, so it is always sent before the delivery counts as finished.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.arrays import Bools, Floats, Ints
from engine.delivery.faults import FaultPlan, Hits, Label, hits_of
from engine.delivery.spec import DeliverySpec
from engine.delivery.timeline import Occurrence
from engine.messages import EventKind
from engine.motion.columns import Columns

_HELD = ("row", "seq", "due_ms", "send_ms")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """The records of a tick, in the order in which they go; arrays of shape (n,).

    Attributes
    ----------
    row, seq, due_ms : which sample of which delivery, and its instant.
    send_ms : when it is due to go; later than `due_ms` for what was held back.
    place_ms : the instant whose place is reported.
    is_damaged : its bytes are damaged.
    north_m, east_m : how far off its place is reported.
    """

    row: Ints
    seq: Ints
    due_ms: Ints
    send_ms: Ints
    place_ms: Ints
    is_damaged: Bools
    north_m: Floats
    east_m: Floats


class FaultStage:
    """The faults of n deliveries, in the order they were added."""

    def __init__(self) -> None:
        self._plans: list[FaultPlan] = []
        self._rows = Columns({"key": np.uint64, "plan": np.int64, "depart_ms": np.int64, "period_ms": np.int64})
        self._held = Columns(dict.fromkeys(_HELD, np.int64))
        self._labels: list[tuple[int, Occurrence]] = []

    def __bool__(self) -> bool:
        return bool(self._plans)

    def append(self, specs: Sequence[DeliverySpec], next_seq: Sequence[int]) -> None:
        """Add deliveries, each from its next sample on.

        Labels of the samples before are reported again, and what is still late is held back again.
        """
        begin = len(self._rows)
        plans = [self._plan_of(spec.faults) for spec in specs]
        keys = [spec.faults.key(spec.run_id, spec.delivery_id) if spec.faults else 0 for spec in specs]
        departs, periods = [spec.depart_ms for spec in specs], [spec.period_ms for spec in specs]
        self._rows.append(
            {"key": np.array(keys, dtype=np.uint64), "plan": plans, "depart_ms": departs, "period_ms": periods},
            len(specs),
        )
        for row, (plan, seq) in enumerate(zip(plans, next_seq, strict=True), begin):
            if plan >= 0 and seq > 0:
                self._catch_up(row, seq)

    def _plan_of(self, plan: FaultPlan | None) -> int:
        if plan is None or not plan.faults:
            return -1
        if plan not in self._plans:
            self._plans.append(plan)
        return self._plans.index(plan)

    def _catch_up(self, row: int, next_seq: int) -> None:
        """Resume a delivery whose first samples have been sent, some of which may still be held back."""
        rows, seq = np.full(next_seq, row), np.arange(next_seq)
        due_ms = self._rows["depart_ms"][row] + seq * self._rows["period_ms"][row]
        hits = self._hits(rows, seq)
        self._note_labels(hits, rows, due_ms)
        send_ms = due_ms + hits.delay_ms
        self._hold((hits.delay_ms > 0) & (send_ms >= due_ms[-1]), rows, seq, due_ms, send_ms)

    def take(self, rows: Ints, seq: Ints, due_ms: Ints) -> Hits:
        """Take over samples that have become due, and return what is wrong with them.

        Their labels are noted, and what is to go later is held back.
        """
        hits = self._hits(rows, seq)
        self._note_labels(hits, rows, due_ms)
        self._hold(hits.delay_ms > 0, rows, seq, due_ms, due_ms + hits.delay_ms)
        return hits

    def labels_until(self, until_ms: int) -> list[tuple[int, Occurrence]]:
        """Return the labels that are to be reported up to an instant, with their deliveries' rows; each once."""
        due = [(row, entry) for row, entry in self._labels if entry.due_ms <= until_ms]
        self._labels = [(row, entry) for row, entry in self._labels if entry.due_ms > until_ms]
        return due

    def outgoing(
        self, rows: Ints, seq: Ints, due_ms: Ints, hits: Hits, until_ms: int, ended: dict[int, int]
    ) -> Outgoing:
        """Return what goes out: of the samples just taken those for now, and what was held back until now.

        Parameters
        ----------
        ended : rows of the deliveries that end by `until_ms`, and when their ends are reported: what is held back of
            them goes now.
        """
        at_once = np.flatnonzero(~hits.is_missing & (hits.delay_ms == 0))
        at_once = np.repeat(at_once, 1 + hits.is_double[at_once])
        released = self._release(until_ms, ended)
        row = np.concatenate((rows[at_once], released[0]))
        number = np.concatenate((seq[at_once], released[1]))
        due = np.concatenate((due_ms[at_once], released[2]))
        send = np.concatenate((due_ms[at_once], released[3]))
        was_held = np.repeat([0, 1], [at_once.size, released.shape[1]])
        order = np.lexsort((number, was_held, send, row))
        row, number, due, send = row[order], number[order], due[order], send[order]
        here = self._hits(row, number)
        stuck_ms = self._rows["depart_ms"][row] + here.stuck_seq * self._rows["period_ms"][row]
        place_ms = np.where(here.stuck_seq >= 0, stuck_ms, due)
        return Outgoing(row, number, due, send, place_ms, here.is_damaged, here.north_m, here.east_m)

    def left_back(self) -> list[tuple[int, int]]:
        """Return (row, seq) of all that is still held back and is never sent, because the run ends; forget it."""
        found = list(zip(self._held["row"].tolist(), self._held["seq"].tolist(), strict=True))
        self._held.keep(np.empty(0, dtype=np.int64))
        return found

    def keep(self, rows: Ints) -> None:
        """Keep some deliveries, ascending; nothing of the others is held back any more."""
        new_of_old = np.full(len(self._rows), -1, dtype=np.int64)
        new_of_old[rows] = np.arange(len(rows))
        self._rows.keep(rows)
        self._held["row"][:] = new_of_old[self._held["row"]]
        self._labels = [(int(new_of_old[row]), entry) for row, entry in self._labels]

    def _hold(self, late: Bools, rows: Ints, seq: Ints, due_ms: Ints, send_ms: Ints) -> None:
        if late.any():
            self._held.append(
                dict(zip(_HELD, (rows[late], seq[late], due_ms[late], send_ms[late]), strict=True)),
                int(np.count_nonzero(late)),
            )

    def _release(self, until_ms: int, ended: dict[int, int]) -> Ints:
        """Return row, seq, due and send instants of what goes now, (4, n)."""
        row, send = self._held["row"], self._held["send_ms"].copy()
        if ended:
            last = np.array([ended.get(one, until_ms + 1) for one in row.tolist()], dtype=np.int64)
            send = np.where(last <= until_ms, np.minimum(send, last), send)
        goes = send <= until_ms
        found = np.array([row[goes], self._held["seq"][goes], self._held["due_ms"][goes], send[goes]], dtype=np.int64)
        if goes.any():
            self._held.keep(np.flatnonzero(~goes))
        return found

    def _note_labels(self, hits: Hits, rows: Ints, due_ms: Ints) -> None:
        for index, label in hits.labels():
            self._labels.append((int(rows[index]), label_entry(label, int(due_ms[index]))))

    def _hits(self, rows: Ints, seq: Ints) -> Hits:
        """Return what is wrong with samples, those of deliveries without faults included."""
        plan = self._rows["plan"][rows]
        parts = []
        for number, one in enumerate(self._plans):
            index = np.flatnonzero(plan == number)
            if index.size == len(rows):
                return hits_of(one, self._rows["key"][rows], seq, self._rows["period_ms"][rows])
            parts.append(
                (index, hits_of(one, self._rows["key"][rows[index]], seq[index], self._rows["period_ms"][rows[index]]))
            )
        return Hits.joined(len(rows), parts)


def label_entry(label: Label, at_ms: int) -> Occurrence:
    """Return the entry of a timeline that reports a label."""
    return Occurrence(at_ms, at_ms, EventKind.FAULT, fault=label.kind, from_seq=label.first, to_seq=label.last)
