"""Accounting by (deliveryId, seq): what was seen, what came twice, what is missing.

A delivery's positions are numbered from 0 without a gap, so "is anything missing?" is arithmetic. While they come in
order a delivery costs one watermark (every seq below it was seen); only beyond a hole are ranges kept. It does not know
who counts: each stage (produced, acked, consumed, stored) has its own.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import numpy as np

from engine.accounting.interner import Interner
from engine.arrays import Ids, Ints
from engine.errors import InvalidInput

_SEQ_BITS = 27
"""Spacing of two deliveries in one sortable integer of delivery and seq.

A seq has at most 8 digits, so the last seq of one delivery never touches the first of the next.
"""

_SEQ_LIMIT = 100_000_000


@dataclass(frozen=True, slots=True)
class Counted:
    """What one call added: positions seen for the first time, and positions that had been seen before."""

    new: int
    duplicate: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Missing positions of a delivery: every seq from `first` to `last`, both included."""

    delivery_id: str
    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"{self.delivery_id} seq {self.first}" + (f" to {self.last}" if self.last > self.first else "")


@dataclass(frozen=True, slots=True)
class Summary:
    """Totals of a ledger since it began.

    Attributes
    ----------
    deliveries : ids seen.
    seen : different positions.
    duplicated : positions that came again.
    unnumbered : records without a seq; they cannot be accounted for.
    missing : positions below the highest seen or expected one that were not seen.
    """

    deliveries: int
    seen: int
    duplicated: int
    unnumbered: int
    missing: int


class SeqLedger:
    """Which positions of which deliveries were seen.

    Exact for any order, repetitions and holes.
    """

    def __init__(self) -> None:
        self._ids = Interner()
        self._watermark = np.zeros(0, np.int64)
        self._expected = np.zeros(0, np.int64)
        self._beyond: dict[
            int, list[int]
        ] = {}  # delivery -> [from, to, from, to, ...], ascending, apart, all beyond the watermark
        self._seen = self._duplicated = self._unnumbered = self._compacted = 0

    @property
    def scattered(self) -> int:
        """Deliveries that need more memory than a watermark, because something is missing below what was seen."""
        return len(self._beyond)

    def record(self, delivery_ids: Ids, seq: Ints) -> Counted:
        """Note positions, in any order, with any repetition; both arrays have shape (n,).

        A negative seq is unknown and counted as unnumbered.

        Raises
        ------
        InvalidInput : a seq of more than 8 digits.
        """
        if len(seq) and seq.min() < 0:
            numbered = seq >= 0
            self._unnumbered += int(len(seq) - np.count_nonzero(numbered))
            delivery_ids, seq = delivery_ids[numbered], seq[numbered]
        if not len(seq):
            return Counted(0, 0)
        if seq.max() >= _SEQ_LIMIT:
            raise InvalidInput(f"seq must be below {_SEQ_LIMIT}, found {seq.max()}")
        keys = np.sort((self._number(delivery_ids) << _SEQ_BITS) | seq)
        starts = np.flatnonzero(np.diff(keys, prepend=-2) > 1)  # neither the same nor the next position
        ends = np.append(starts[1:], len(keys)) - 1
        delivery, first, stop = (
            keys[starts] >> _SEQ_BITS,
            keys[starts] & ((1 << _SEQ_BITS) - 1),
            (keys[ends] & ((1 << _SEQ_BITS) - 1)) + 1,
        )
        return self._count(self._record_runs(delivery, first, stop), len(keys))

    def record_range(self, delivery_id: str, first: int, stop: int) -> Counted:
        """Note every position from `first` to before `stop`; restores a ledger after a restart."""
        if not 0 <= first <= stop <= _SEQ_LIMIT:
            raise InvalidInput(
                f"delivery {delivery_id}: a range must be from 0 to {_SEQ_LIMIT}, found {first} to {stop}"
            )
        delivery = self._number(np.array([delivery_id.encode()]))
        return self._count(self._record_runs(delivery, np.array([first]), np.array([stop])), stop - first)

    def expect(self, delivery_id: str, positions: int) -> None:
        """Note that a delivery has `positions` positions in all: seq 0 to positions - 1."""
        if positions < 0:
            raise InvalidInput(f"delivery {delivery_id}: the number of positions must be >= 0, found {positions}")
        number = self._number(np.array([delivery_id.encode()]))  # may replace the array that is written next
        self._expected[number] = positions

    def gaps(self, delivery_id: str, expected: int | None = None) -> list[Gap]:
        """Return what is missing of a delivery below its highest seen or expected seq.

        `expected` stands for an earlier `expect`.
        """
        number = int(self._ids.find(np.array([delivery_id.encode()]))[0])
        if number < 0:
            return [Gap(delivery_id, 0, expected - 1)] if expected else []
        return list(self._gaps(number, int(self._expected[number]) if expected is None else expected))

    def missing(self, limit: int | None = None) -> list[Gap]:
        """Return what is missing of every delivery, the first `limit` gaps of it."""
        return list(
            islice(
                (
                    gap
                    for number in self._incomplete().tolist()
                    for gap in self._gaps(number, int(self._expected[number]))
                ),
                limit,
            )
        )

    def summary(self) -> Summary:
        """Return the totals."""
        missing = sum(map(len, self.missing()))
        return Summary(self._compacted + len(self._ids), self._seen, self._duplicated, self._unnumbered, missing)

    def compact(self) -> int:
        """Forget deliveries that are complete, keep their totals, and return how many they are.

        For when their records cannot come again.

        Accepted cost: a position of a forgotten delivery that does come again counts as new, and what lies below it as
        missing.
        """
        n = len(self._ids)
        unfinished = (self._expected[:n] < 0) | (self._watermark[:n] < self._expected[:n])
        unfinished[list(self._beyond)] = True
        kept = np.flatnonzero(unfinished)
        renumbered = {int(old): new for new, old in enumerate(kept.tolist()) if old in self._beyond}
        self._beyond = {renumbered[old]: ranges for old, ranges in self._beyond.items()}
        self._watermark, self._expected = self._watermark[kept], self._expected[kept]
        self._ids.keep(kept)
        self._compacted += n - len(kept)
        return n - len(kept)

    def _number(self, ids: Ids) -> Ints:
        numbers = self._ids.intern(ids)
        if len(self._ids) > len(self._watermark):
            room = max(len(self._ids), 2 * len(self._watermark)) - len(self._watermark)
            self._watermark = np.concatenate([self._watermark, np.zeros(room, np.int64)])
            self._expected = np.concatenate([self._expected, np.full(room, -1, np.int64)])
        return numbers

    def _count(self, new: int, total: int) -> Counted:
        self._seen += new
        self._duplicated += total - new
        return Counted(new, total - new)

    def _record_runs(self, delivery: Ints, first: Ints, stop: Ints) -> int:
        """Note ranges and return how many of their positions are new.

        The ranges ascend in (delivery, first) and do not overlap within a delivery.
        """
        plain = first <= self._watermark[delivery]
        if self._beyond:
            plain &= ~np.isin(delivery, np.fromiter(self._beyond, np.int64, len(self._beyond)))
        plain[1:] &= (
            delivery[1:] != delivery[:-1]
        )  # one range a delivery goes the short way; a second one waits for the first
        mark = self._watermark[delivery[plain]]
        raised = np.maximum(mark, stop[plain])
        self._watermark[delivery[plain]] = raised
        new = int((raised - mark).sum())
        rest = np.flatnonzero(~plain)
        for number, begin, end in zip(delivery[rest].tolist(), first[rest].tolist(), stop[rest].tolist(), strict=True):
            new += self._record_beyond(number, begin, end)
        return new

    def _record_beyond(self, number: int, first: int, stop: int) -> int:
        """Note one range of a delivery with holes; return how many of its positions are new."""
        mark = int(self._watermark[number])
        first = max(first, mark)
        if first >= stop:
            return 0
        ranges = self._beyond.get(number, [])
        # An even place in the list lies between ranges, an odd one inside a range; a range that only touches is joined.
        low, high = bisect_left(ranges, first), bisect_right(ranges, stop)
        inside = ranges[low - low % 2 : high + high % 2]
        seen = sum(max(0, min(stop, inside[i + 1]) - max(first, inside[i])) for i in range(0, len(inside), 2))
        joined = [min(first, inside[0]), max(stop, inside[-1])] if inside else [first, stop]
        ranges[low - low % 2 : high + high % 2] = joined
        if ranges[0] == mark:
            self._watermark[number] = ranges[1]
            del ranges[:2]
        if ranges:
            self._beyond[number] = ranges
        else:
            self._beyond.pop(number, None)
        return stop - first - seen

    def _incomplete(self) -> Ints:
        n = len(self._ids)
        short = self._watermark[:n] < self._expected[:n]
        short[list(self._beyond)] = True
        return np.flatnonzero(short)

    def _gaps(self, number: int, expected: int) -> Iterator[Gap]:
        delivery_id = self._ids.names(np.array([number]))[0].decode()
        seen_to = int(self._watermark[number])
        ranges = self._beyond.get(number, [])
        for begin, end in zip(ranges[::2], ranges[1::2], strict=True):
            if seen_to < begin:
                yield Gap(delivery_id, seen_to, begin - 1)
            seen_to = end
        if seen_to < expected:
            yield Gap(delivery_id, seen_to, expected - 1)


@dataclass(frozen=True, slots=True)
class Account:
    """A run's positions from stage to stage.

    Attributes
    ----------
    produced, acked : different positions handed to Kafka, and acknowledged by it.
    failed : refused by Kafka for good.
    consumed, stored : different positions read, and written to a store.
    dead_lettered : records that could not be read.
    duplicated : positions read more than once.
    missing : positions that should be in the store and are not.
    lost_on_purpose : positions that are in no store because an injected fault left them out or damaged them; produced
        and acked, and not missing.
    gaps : which ones, at most as many as were asked for.
    """

    produced: int
    acked: int
    consumed: int
    stored: int
    dead_lettered: int
    duplicated: int
    missing: int
    gaps: tuple[Gap, ...] = ()
    failed: int = 0
    lost_on_purpose: int = 0

    @classmethod
    def of(
        cls,
        consumed: SeqLedger,
        stored: SeqLedger,
        *,
        produced: int,
        acked: int,
        dead_lettered: int = 0,
        max_gaps: int = 100,
    ) -> Account:
        """Return the account of two ledgers and the producer's own counts."""
        read, kept = consumed.summary(), stored.summary()
        gaps = tuple(stored.missing(max_gaps))
        return cls(produced, acked, read.seen, kept.seen, dead_lettered, read.duplicated, kept.missing, gaps)

    @property
    def balanced(self) -> bool:
        """Whether every produced position was acknowledged, read and stored, or lost to an injected fault."""
        return (
            self.produced == self.acked == self.stored + self.lost_on_purpose
            and self.consumed == self.stored
            and self.missing == 0
        )

    def to_json(self) -> dict[str, Any]:
        """Return the account as the REST interface shows it."""
        record = asdict(self)
        record["deadLettered"] = record.pop("dead_lettered")
        record["lostOnPurpose"] = record.pop("lost_on_purpose")
        record["gaps"] = [{"deliveryId": gap.delivery_id, "from": gap.first, "to": gap.last} for gap in self.gaps]
        return record
