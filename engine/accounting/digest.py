"""Digests of a run's positions at one place, in a form that is compared with another place's.

Per delivery: counts, gaps, repetitions and a checksum.

A digest does not depend on the order of the positions, on how they were split into chunks, or (but for the counts) on
how often one came. It keeps the rows themselves, 20 bytes each (and some 75 for a moment while it is made), so that two
digests that differ can say where. It does not know what place it was made from.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.accounting.interner import Interner
from engine.accounting.ledger import Gap
from engine.arrays import Floats, Ids, Ints, Words

Counts = NDArray[np.int32]
T = TypeVar("T", bound=np.generic)

DEGREE: Final = 1e7
"""Coordinates are compared on the wire's grid of 1e-7 degrees."""

MAX_SEQ: Final = 2**31 - 1
"""Greatest seq that is taken; the wire's own bound lies below."""

_LOW: Final = np.uint64(0xFFFFFFFF)

_NOWHERE: Final = -(2**31)
"""Stands for a coordinate that is no number."""


@dataclass(frozen=True, slots=True)
class Digest:
    """The different positions of some deliveries, and what follows from them.

    Attributes
    ----------
    delivery_id : (d,) 'S', ascending.
    starts : int64 (d + 1,): where each delivery's rows begin.
    seq : int64 (m,), ascending within a delivery; the same seq comes again only with other coordinates.
    place : uint64 (m,): latitude and longitude in units of 1e-7 degrees, each plus 2^31, latitude in the upper half.
    times : int32 (m,): how often each row came.
    count : int64 (d,): positions in all, repetitions included.
    distinct : int64 (d,): different seqs.
    conflicting : int64 (d,): rows whose seq is there with other coordinates too, beyond the first.
    first_seq, last_seq : int64 (d,).
    checksum : uint64 (d,): over (seq, latitude, longitude) of the rows, order and repetitions apart; any single change
        changes it.
    """

    delivery_id: Ids
    starts: Ints
    seq: Ints
    place: Words
    times: Counts
    count: Ints
    distinct: Ints
    conflicting: Ints
    first_seq: Ints
    last_seq: Ints
    checksum: Words

    @classmethod
    def of_rows(cls, delivery_id: Ids, delivery: Ints, seq: Ints, place: Words, times: Counts) -> Digest:
        """Return the digest of different rows in the order (delivery, seq, place).

        `delivery` is an index into `delivery_id`; a delivery without a row is left out.
        """
        starts = np.flatnonzero(np.concatenate(([True], delivery[1:] != delivery[:-1]))[: len(delivery)])
        present = delivery[starts]
        ends = np.append(starts[1:], len(seq))[: len(starts)]
        is_new = np.ones(len(seq), np.int32)
        is_new[1:] = (delivery[1:] != delivery[:-1]) | (seq[1:] != seq[:-1])
        distinct = _sums(is_new, starts).astype(np.int64)
        return cls(
            delivery_id[present],
            np.append(starts, len(seq)),
            seq,
            place,
            times,
            count=_sums(times, starts).astype(np.int64),
            distinct=distinct,
            conflicting=ends - starts - distinct,
            first_seq=seq[starts],
            last_seq=seq[ends - 1],
            checksum=_sums(_mixed(_mixed(place) + seq.view(np.uint64)), starts),
        )

    def __len__(self) -> int:
        return len(self.delivery_id)

    @property
    def duplicates(self) -> Ints:
        """int64 (d,): positions that came again with the same coordinates."""
        return self.count - self.distinct - self.conflicting

    @property
    def run_checksum(self) -> int:
        """The deliveries' checksums folded into one of 64 bits, their ids included."""
        pairs = zip(self.delivery_id.tolist(), self.checksum.tolist(), strict=True)
        return sum(int.from_bytes(hashlib.blake2b(b"%s %d" % pair, digest_size=8).digest()) for pair in pairs) % 2**64

    def find(self, delivery_ids: Ids) -> Ints:
        """Return the index of each of some deliveries, -1 for those without a row."""
        if not len(self):
            return np.full(len(delivery_ids), -1, np.int64)
        at = np.searchsorted(self.delivery_id, delivery_ids).clip(max=len(self) - 1)
        return np.where(self.delivery_id[at] == delivery_ids, at, -1)

    def below(self, limits: Ints) -> Digest:
        """Return the digest of the rows whose seq is below a limit; int64 (d,), one for each delivery."""
        delivery = np.repeat(np.arange(len(self)), np.diff(self.starts))
        kept = self.seq < limits[delivery]
        return (
            self
            if kept.all()
            else Digest.of_rows(self.delivery_id, delivery[kept], self.seq[kept], self.place[kept], self.times[kept])
        )

    def rows(self, index: int) -> tuple[Ints, Words, Counts]:
        """Return seq, place and times of one delivery's rows."""
        chosen = slice(int(self.starts[index]), int(self.starts[index + 1]))
        return self.seq[chosen], self.place[chosen], self.times[chosen]

    def gaps(self, delivery_id: str, expected: int) -> list[Gap]:
        """Return which of the seqs 0 to `expected` - 1 a delivery lacks."""
        index = int(self.find(np.array([delivery_id.encode()]))[0])
        seqs = np.unique(self.rows(index)[0]) if index >= 0 else np.empty(0, np.int64)
        edges = np.concatenate(([-1], seqs[seqs < expected], [expected]))
        holes = np.flatnonzero(np.diff(edges) > 1)
        return [Gap(delivery_id, int(edges[hole]) + 1, int(edges[hole + 1]) - 1) for hole in holes.tolist()]


class DigestBuilder:
    """Takes positions chunk by chunk and gives their digest, at any time.

    Attributes
    ----------
    unnumbered : positions whose seq is negative or beyond `MAX_SEQ`; they have no identity and are in no digest.
    """

    def __init__(self) -> None:
        self.unnumbered = 0
        self._ids = Interner()
        self._keys: list[Words] = [np.empty(0, np.uint64)]
        self._places: list[Words] = [np.empty(0, np.uint64)]

    def __len__(self) -> int:
        return sum(map(len, self._keys))

    def add(self, delivery_id: Ids, seq: Ints, lat_deg: Floats, lng_deg: Floats) -> None:
        """Take positions, in any order; arrays of shape (n,), coordinates in degrees.

        A coordinate that is no number, or off the globe, is taken as it is and counted apart.
        """
        numbered = (seq >= 0) & (seq <= MAX_SEQ)
        if not numbered.all():
            self.unnumbered += int(len(seq) - np.count_nonzero(numbered))
            delivery_id, seq, lat_deg, lng_deg = (
                delivery_id[numbered],
                seq[numbered],
                lat_deg[numbered],
                lng_deg[numbered],
            )
        if len(seq):
            self._keys.append(((self._ids.intern(delivery_id) << 32) | seq).view(np.uint64))
            self._places.append(places_of(lat_deg, lng_deg))

    def digest(self) -> Digest:
        """Return the digest of everything taken so far."""
        # One long chunk is as good as many, and is not kept twice.
        self._keys = [np.concatenate(self._keys)]
        self._places = [np.concatenate(self._places)]
        names = self._ids.names()
        by_name = np.argsort(names, kind="stable")
        rank = np.empty(len(names), np.uint64)
        rank[by_name] = np.arange(len(names), dtype=np.uint64)
        keys, places = _ordered(_ranked(self._keys[0], rank), self._places[0])
        keys, places, times = _once(keys, places)
        return Digest.of_rows(
            names[by_name], (keys >> np.uint64(32)).view(np.int64), (keys & _LOW).view(np.int64), places, times
        )


def _ranked(keys: Words, rank: Words) -> Words:
    """Return keys with each delivery's number replaced by its rank."""
    ranked: Words = rank[keys >> np.uint64(32)]
    ranked <<= np.uint64(32)
    ranked |= keys & _LOW
    return ranked


def _ordered(keys: Words, places: Words) -> tuple[Words, Words]:
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    if (ordered[1:] == ordered[:-1]).any():  # only then the places have a say
        order = np.lexsort((places, keys))
    return ordered, places[order]


def _once(keys: Words, places: Words) -> tuple[Words, Words, Counts]:
    """Return ordered rows once each, and how often each came."""
    repeats = (keys[1:] == keys[:-1]) & (places[1:] == places[:-1])
    if not repeats.any():
        return keys, places, np.ones(len(keys), np.int32)
    first = np.flatnonzero(np.concatenate(([True], ~repeats)))
    return keys[first], places[first], np.diff(np.append(first, len(keys))).astype(np.int32)


def places_of(lat_deg: Floats, lng_deg: Floats) -> Words:
    """Return places as `Digest.place` has them; NaN and infinities give one that no other place has."""
    return (_whole(lat_deg) << np.uint64(32)) | _whole(lng_deg)


def place_text(place: int) -> str:
    """Return a place in degrees, ``lat,lng``, for a person."""
    halves = ((place >> 32) - 2**31, (place & 0xFFFFFFFF) - 2**31)
    return ",".join("none" if half == _NOWHERE else f"{half / DEGREE:.7f}" for half in halves)


def _whole(degrees: Floats) -> Words:
    is_number = np.isfinite(degrees)
    whole = np.rint(np.where(is_number, degrees, 0.0) * DEGREE).clip(_NOWHERE + 1, -_NOWHERE - 1)
    return np.where(is_number, whole - _NOWHERE, 0.0).astype(np.uint64)


def _mixed(words: Words) -> Words:
    """Return words whose every bit depends on every bit; different words stay different.

    The method is the finisher of splitmix64.
    """
    words = words ^ (words >> np.uint64(30))
    words *= np.uint64(0xBF58476D1CE4E5B9)
    words ^= words >> np.uint64(27)
    words *= np.uint64(0x94D049BB133111EB)
    words ^= words >> np.uint64(31)
    return words


def _sums(values: NDArray[T], starts: Ints) -> NDArray[T]:
    return np.add.reduceat(values, starts) if len(starts) else values[:0]
