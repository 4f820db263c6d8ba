"""Faults injected into the data: what hits a sample follows from (seed, delivery, seq) alone.

Pure: nothing is kept and nothing is sent here.

Single samples are lost, late, out of order, duplicated or malformed; stretches of them are swallowed by a tunnel, stuck
at one place, or drift. Of the faults that decide whether and when a record goes, one hits a sample at most, in the
order of `RECORD_FAULTS`. So any worker, at any time, finds the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from engine.arrays import Bools, Floats, Ints, Words
from engine.chance import seeded_units, seeded_word


class FaultKind(StrEnum):
    """What can be wrong with the data.

    tunnel: a stretch without records. lost: one record is never sent. malformed: the bytes are damaged. late: held back
    for some seconds. out_of_order: held back until some later ones of its delivery are sent. duplicated: sent twice.
    stuck: a stretch at one place while the driver goes on. gps_drift: a stretch at which the reported place is off the
    true one. In all of them ``distance`` stays the true one.
    """

    TUNNEL = "tunnel"
    LOST = "lost"
    MALFORMED = "malformed"
    LATE = "late"
    OUT_OF_ORDER = "out_of_order"
    DUPLICATED = "duplicated"
    STUCK = "stuck"
    GPS_DRIFT = "gps_drift"


RECORD_FAULTS = (
    FaultKind.TUNNEL,
    FaultKind.LOST,
    FaultKind.MALFORMED,
    FaultKind.LATE,
    FaultKind.OUT_OF_ORDER,
    FaultKind.DUPLICATED,
)
"""Faults of which only one, the first of these, hits a sample."""

MISSING_ON_PURPOSE = frozenset({FaultKind.TUNNEL, FaultKind.LOST, FaultKind.MALFORMED})
"""What they hit no reader gets: it is never sent, or (malformed) sent such that it cannot be read."""

_KINDS = frozenset(kind.value for kind in FaultKind)

STRETCHES = frozenset({FaultKind.TUNNEL, FaultKind.STUCK, FaultKind.GPS_DRIFT})


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault, and how much of it. A parameter that its kind does not use has no effect.

    Attributes
    ----------
    rate : expected share of the samples that are hit, 0 to 1.
    delay_s : least and greatest delay of a late record, s.
    depth : how many later records go before one that is out of order.
    duration_s : length of a stretch, s.
    distance_m : greatest distance of a drift from the true place, m.
    """

    kind: FaultKind
    rate: float
    delay_s: tuple[float, float] = (1.0, 10.0)
    depth: int = 3
    duration_s: float = 30.0
    distance_m: float = 50.0


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """The faults of a scenario, and the seed that they are drawn from."""

    seed: int
    faults: tuple[Fault, ...]

    def key(self, run_id: str, delivery_id: str) -> int:
        """Return the number that a delivery's draws begin with; it does not depend on the name of the run."""
        return seeded_word(self.seed, "faults", delivery_id.removeprefix(run_id))


@dataclass(frozen=True, slots=True)
class Label:
    """What was done to the samples `first` to `last` of a delivery. The delivery may end before `last`."""

    kind: FaultKind
    first: int
    last: int


def labels_of(found: Iterable[tuple[str, str | None, int | None, int | None]]) -> dict[str, list[Label]]:
    """Return the labels that some events reported, by deliveryId.

    Each event is deliveryId, fault, fromSeq and toSeq. A kind that is not known here is left out.
    """
    labels: dict[str, list[Label]] = {}
    for delivery_id, kind, first, last in found:
        if kind in _KINDS and first is not None and last is not None:
            labels.setdefault(delivery_id, []).append(Label(FaultKind(kind), first, last))
    return labels


@dataclass(frozen=True, slots=True)
class Hits:
    """What is wrong with n samples; arrays of shape (n,).

    Attributes
    ----------
    is_missing, is_damaged, is_double : never sent; sent with damaged bytes; sent twice.
    delay_ms : how long after they are due they are sent.
    stuck_seq : the sample whose place is reported, -1 for its own.
    north_m, east_m : how far the reported place is off the true one.
    """

    is_missing: Bools
    is_damaged: Bools
    is_double: Bools
    delay_ms: Ints
    stuck_seq: Ints
    north_m: Floats
    east_m: Floats
    _labelled: tuple[tuple[FaultKind, Ints, Ints, Ints], ...]

    @classmethod
    def joined(cls, n: int, parts: Iterable[tuple[Ints, Hits]]) -> Hits:
        """Return what is wrong with n samples, of which parts are given by indices; the others are right."""
        no = np.zeros(n, dtype=np.bool_)
        whole = cls(
            no, no.copy(), no.copy(), np.zeros(n, np.int64), np.full(n, -1, np.int64), np.zeros(n), np.zeros(n), ()
        )
        labelled: list[tuple[FaultKind, Ints, Ints, Ints]] = []
        for index, part in parts:
            for name in ("is_missing", "is_damaged", "is_double", "delay_ms", "stuck_seq", "north_m", "east_m"):
                getattr(whole, name)[index] = getattr(part, name)
            labelled += [(kind, index[at], first, last) for kind, at, first, last in part._labelled]
        return replace(whole, _labelled=tuple(labelled))

    def labels(self) -> Iterator[tuple[int, Label]]:
        """Yield each label with the index of its sample: the one that is hit, or the first of a stretch."""
        for kind, index, first, last in self._labelled:
            yield from (
                (i, Label(kind, a, b)) for i, a, b in zip(index.tolist(), first.tolist(), last.tolist(), strict=True)
            )


def hits_of(plan: FaultPlan, key: Words, seq: Ints, period_ms: Ints) -> Hits:
    """Return what is wrong with some samples.

    Parameters
    ----------
    key : (n,), `FaultPlan.key` of each sample's delivery.
    seq, period_ms : (n,), the samples' numbers and their deliveries' periods.
    """
    n = len(seq)
    drawn = [_Drawn.of(fault, number, key, seq, period_ms) for number, fault in enumerate(plan.faults)]
    free = np.ones(n, dtype=np.bool_)
    taken: dict[FaultKind, Bools] = {}
    delay_ms = np.zeros(n, dtype=np.int64)
    labelled = []
    for kind in RECORD_FAULTS:
        of_kind = taken[kind] = np.zeros(n, dtype=np.bool_)
        for one in (one for one in drawn if one.fault.kind is kind):
            hit = one.hit & free
            of_kind |= hit
            free &= ~hit
            delay_ms[hit] = one.delay_ms(key, seq, period_ms)[hit]
            # A stretch is reported at its beginning, whatever else hits that sample.
            labelled.append(one.labelled(one.hit if kind in STRETCHES else hit, seq))
    stuck_seq, north_m, east_m = np.full(n, -1, dtype=np.int64), np.zeros(n), np.zeros(n)
    for one in drawn:
        if one.fault.kind is FaultKind.STUCK:
            stuck_seq[one.hit] = one.first[one.hit]
        elif one.fault.kind is FaultKind.GPS_DRIFT:
            north, east = one.drift_m(key, seq)
            north_m += north
            east_m += east
        else:
            continue
        labelled.append(one.labelled(one.hit, seq))
    missing = taken[FaultKind.TUNNEL] | taken[FaultKind.LOST]
    return Hits(
        missing,
        taken[FaultKind.MALFORMED],
        taken[FaultKind.DUPLICATED],
        delay_ms,
        stuck_seq,
        north_m,
        east_m,
        tuple(labelled),
    )


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The draws of one fault for n samples: which it hits, and where the stretch of each begins and ends."""

    fault: Fault
    salt: int
    hit: Bools
    first: Ints
    last: Ints
    block: Ints

    @classmethod
    def of(cls, fault: Fault, number: int, key: Words, seq: Ints, period_ms: Ints) -> _Drawn:
        salt = number * 8
        if fault.kind not in STRETCHES:
            return cls(fault, salt, seeded_units(key, seq, salt) < fault.rate, seq, seq, seq)
        # A delivery is cut into stretches of one length; the first is shorter by a draw, so that they do not begin
        # together.
        length = np.maximum(np.rint(fault.duration_s * 1000.0 / period_ms), 1).astype(np.int64)
        begun = (seeded_units(key, np.zeros_like(seq), salt + 1) * length).astype(np.int64)
        block = (seq + begun) // length
        first = np.maximum(block * length - begun, 0)
        return cls(
            fault, salt, seeded_units(key, block, salt) < fault.rate, first, (block + 1) * length - begun - 1, block
        )

    def delay_ms(self, key: Words, seq: Ints, period_ms: Ints) -> Ints:
        """Return how long each sample is held back if it is hit."""
        if self.fault.kind is FaultKind.OUT_OF_ORDER:
            return period_ms * self.fault.depth
        if self.fault.kind is not FaultKind.LATE:
            return np.zeros_like(seq)
        least_s, most_s = self.fault.delay_s
        return np.rint((least_s + seeded_units(key, seq, self.salt + 2) * (most_s - least_s)) * 1000.0).astype(np.int64)

    def drift_m(self, key: Words, seq: Ints) -> tuple[Floats, Floats]:
        """Return how far north and east of its place each sample is reported, 0 if it is not hit.

        A drift goes out along a line and back over its stretch.
        """
        part = (seq - self.first + 0.5) / (self.last - self.first + 1)
        reach_m = (
            self.fault.distance_m
            * (0.5 + 0.5 * seeded_units(key, self.block, self.salt + 3))
            * np.sin(np.pi * part)
            * self.hit
        )
        angle = 2.0 * np.pi * seeded_units(key, self.block, self.salt + 4)
        return reach_m * np.cos(angle), reach_m * np.sin(angle)

    def labelled(self, hit: Bools, seq: Ints) -> tuple[FaultKind, Ints, Ints, Ints]:
        """Return the samples at which a label is reported, with the ends of what it names."""
        index = np.flatnonzero(hit & (seq == self.first))
        return self.fault.kind, index, self.first[index], self.last[index]


def missing_on_purpose(labels: Iterable[Label], positions: int) -> list[tuple[int, int]]:
    """Return the ranges ``[first, last]`` of a delivery's N `positions` that no reader can get, in order."""
    found: list[tuple[int, int]] = []
    for label in sorted((label for label in labels if label.kind in MISSING_ON_PURPOSE), key=lambda label: label.first):
        last = min(label.last, positions - 1)
        if found and label.first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        elif label.first <= last:
            found.append((label.first, last))
    return found
