"""Differences of one delivery: which seqs differ, and how. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from engine.accounting.digest import Digest, place_text
from engine.arrays import Ints

Range = tuple[int, int]
"""Seqs from the first to the last, both included."""


class Kind(StrEnum):
    """How a place may differ from what it should hold."""

    MISSING = "missing"
    DUPLICATE = "duplicate"
    CONFLICTING = "conflicting"
    COORDINATES = "coordinates"
    UNEXPECTED = "unexpected"
    STATE = "state"


@dataclass(frozen=True, slots=True)
class Difference:
    """What is wrong with one delivery in one place.

    Attributes
    ----------
    ranges : the seqs concerned, ascending.
    detail : the first of them in words, where there is more to say; empty if not.
    """

    delivery_id: str
    place: str
    kind: Kind
    ranges: tuple[Range, ...]
    detail: str = ""

    @property
    def positions(self) -> int:
        """How many seqs are concerned."""
        return count_of(self.ranges)

    def __str__(self) -> str:
        if self.kind is Kind.STATE:
            return self.detail
        seqs = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in self.ranges[:5])
        more = f" and {len(self.ranges) - 5} more ranges" if len(self.ranges) > 5 else ""
        return f"{self.kind} seq {seqs}{more}" + (f": {self.detail}" if self.detail else "")

    def to_json(self) -> dict[str, Any]:
        """Return the difference as JSON."""
        record = {
            "deliveryId": self.delivery_id,
            "place": self.place,
            "kind": str(self.kind),
            "seqs": [list(pair) for pair in self.ranges],
        }
        return record | ({"detail": self.detail} if self.detail else {})


def count_of(ranges: Iterable[Range]) -> int:
    """Return how many seqs some ranges have."""
    return sum(last - first + 1 for first, last in ranges)


def ranges_of(seqs: Ints) -> tuple[Range, ...]:
    """Return ascending, different seqs as ranges."""
    if not len(seqs):
        return ()
    breaks = np.flatnonzero(np.diff(seqs) > 1)
    first, last = seqs[np.append(0, breaks + 1)].tolist(), seqs[np.append(breaks, len(seqs) - 1)].tolist()
    return tuple(zip(first, last, strict=True))


def differences_of(
    place: str,
    delivery_id: str,
    expected: int,
    digest: Digest,
    reference: Digest,
    reference_name: str,
    *,
    repeats_allowed: bool,
    lost: Sequence[Range] = (),
) -> Iterator[Difference]:
    """Yield what is wrong with a delivery in a place.

    It is compared with the `expected` positions less those `lost`, and with what another place holds of it.
    """
    gaps = [(gap.first, gap.last) for gap in digest.gaps(delivery_id, expected)]
    if gaps and (missing := ranges_of(_unexcused(gaps, lost, delivery_id, reference)) if lost else tuple(gaps)):
        yield Difference(delivery_id, place, Kind.MISSING, missing)
    at, there = (int(found.find(np.array([delivery_id.encode()]))[0]) for found in (digest, reference))
    if at < 0:
        return
    seq, places, times = digest.rows(at)
    beyond = seq >= expected
    if beyond.any():
        yield Difference(
            delivery_id,
            place,
            Kind.UNEXPECTED,
            ranges_of(np.unique(seq[beyond])),
            f"the last one should be {expected - 1}" if expected else "",
        )
    if not repeats_allowed and (times > 1).any():
        yield Difference(delivery_id, place, Kind.DUPLICATE, ranges_of(np.unique(seq[times > 1])))
    again = np.flatnonzero(seq[1:] == seq[:-1])
    if len(again):
        first = int(again[0])
        detail = f"seq {seq[first]} is at {place_text(int(places[first]))} and at {place_text(int(places[first + 1]))}"
        yield Difference(delivery_id, place, Kind.CONFLICTING, ranges_of(np.unique(seq[again])), detail)
    if there >= 0 and reference is not digest:
        yield from _moved(place, delivery_id, (seq, places.tolist()), reference, there, reference_name)


def _unexcused(gaps: Sequence[Range], lost: Sequence[Range], delivery_id: str, reference: Digest) -> Ints:
    """Return the seqs in gaps that are not lost, and lost ones that the place compared with has."""
    missing = _seqs_of(gaps)
    at = int(reference.find(np.array([delivery_id.encode()]))[0])
    held = reference.rows(at)[0] if at >= 0 else np.empty(0, np.int64)
    return missing[~np.isin(missing, _seqs_of(lost)) | np.isin(missing, held)]


def _seqs_of(ranges: Sequence[Range]) -> Ints:
    return np.concatenate([np.arange(first, last + 1) for first, last in ranges])


def _moved(
    place: str, delivery_id: str, mine: tuple[Ints, list[int]], reference: Digest, there: int, reference_name: str
) -> Iterator[Difference]:
    """Yield the seqs that both have with different coordinates."""
    seq, places, _ = reference.rows(there)
    theirs = dict(zip(seq.tolist(), places.tolist(), strict=True))
    pairs = set(zip(seq.tolist(), places.tolist(), strict=True))
    moved = {
        number: where
        for number, where in zip(mine[0].tolist(), mine[1], strict=True)
        if number in theirs and (number, where) not in pairs
    }
    if moved:
        number = min(moved)
        yield Difference(
            delivery_id,
            place,
            Kind.COORDINATES,
            ranges_of(np.array(sorted(moved))),
            elsewhere(number, moved[number], theirs[number], reference_name),
        )


def elsewhere(seq: int, here: int, there: int, reference_name: str) -> str:
    """Return in words that a position has two places."""
    return f"seq {seq} is at {place_text(here)}, in the {reference_name} at {place_text(there)}"
