"""Comparison of the places that hold a run's positions: digests in, a verdict out. Pure.

A delivery is expected to have the positions that its final event counts. One without a final event is expected to have
those known of it: in the topic while the run is running (what the stores got meanwhile is no fault), in any place once
it is over. In the topic a position may come more than once, in a store it must not. What an injected fault left out, by
its label, is expected nowhere; a store must still hold it if the topic does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cli.kafka.verify.differences import Difference, Kind, Range, count_of, differences_of, elsewhere
from engine.accounting.digest import Digest
from engine.arrays import Ids, Ints
from engine.delivery.faults import FaultKind, Label, missing_on_purpose

HELD_BACK = frozenset({FaultKind.LATE, FaultKind.OUT_OF_ORDER})
"""Faults whose positions come, but later than the ones that follow."""


@dataclass(frozen=True, slots=True)
class Place:
    """What was found in one place.

    Attributes
    ----------
    name : for people: topic, history, ...
    is_log : whether a record may be there more than once without harm.
    foreign : records of other runs.
    unreadable : records and documents that could not be read, or that have no identity.
    remarks : sentences for a reader of the verdict.
    """

    name: str
    digest: Digest
    is_log: bool = False
    foreign: int = 0
    unreadable: int = 0
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest position of each delivery, as the state store shows it.

    Attributes
    ----------
    digest : one row for each delivery that has a position.
    positions : how many positions a delivery has in all, where the store knows it.
    """

    name: str
    digest: Digest
    positions: Mapping[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is known of a run beside its positions.

    Attributes
    ----------
    ended : positions in all of each delivery that has a final event.
    goes_on : whether the run has not ended.
    labels : the injected faults of each delivery's positions.
    """

    ended: Mapping[str, int] = field(default_factory=dict)
    goes_on: bool = False
    labels: Mapping[str, Sequence[Label]] = field(default_factory=dict)

    def lost(self, delivery_id: str, positions: int) -> Sequence[Range]:
        """Return the seqs of a delivery that no place need hold: lost by an injected fault, or held back.

        Parameters
        ----------
        positions : how many the delivery is expected to have, without regard to faults.
        """
        labels = self.labels.get(delivery_id, ())
        if self.goes_on and delivery_id not in self.ended:
            labels = [replace(label, kind=FaultKind.LOST) if label.kind in HELD_BACK else label for label in labels]
        return missing_on_purpose(labels, positions) if labels else ()


@dataclass(frozen=True, slots=True)
class PlaceVerdict:
    """A place's row in the table: counts of positions, but for `deliveries`.

    Attributes
    ----------
    positions, distinct : with and without repetitions.
    missing : expected and not there.
    duplicates, conflicting : there more than once, with the same and with other coordinates.
    differing : seqs that have other coordinates than in the place compared with.
    unexpected : beyond what the final events say.
    ahead : beyond what is compared, because the run has not ended.
    checksum : of what is compared; None where only the newest positions are.
    is_equal : whether nothing is wrong there.
    """

    name: str
    deliveries: int
    positions: int
    distinct: int
    missing: int = 0
    duplicates: int = 0
    conflicting: int = 0
    differing: int = 0
    unexpected: int = 0
    ahead: int = 0
    checksum: int | None = None
    foreign: int = 0
    unreadable: int = 0
    remarks: tuple[str, ...] = ()
    is_equal: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict of a comparison.

    Attributes
    ----------
    deliveries, expected : deliveries known anywhere, and the positions that every place should hold of them.
    lost_on_purpose : positions that no place need hold.
    differences : by delivery, then by place.
    """

    places: tuple[PlaceVerdict, ...]
    differences: tuple[Difference, ...]
    deliveries: int
    expected: int
    goes_on: bool
    lost_on_purpose: int = 0

    @property
    def is_equal(self) -> bool:
        """Whether all places hold the same, without gaps."""
        return all(place.is_equal for place in self.places)


def compare(places: Sequence[Place], newest: Newest | None, expectation: Expectation) -> Verdict:
    """Return whether places hold the same positions; the first one is what the others are compared with."""
    names = _union(
        [
            *(place.digest.delivery_id for place in places),
            _ids(expectation.ended),
            *([newest.digest.delivery_id] if newest else []),
        ]
    )
    expected = _expected(names, places, expectation)
    lost = {
        name: ranges
        for name, count in zip(names.astype(str).tolist(), expected.tolist(), strict=True)
        if (ranges := expectation.lost(name, count))
    }
    known_end = np.isin(names, _ids(expectation.ended))
    limits = np.where(known_end | (not expectation.goes_on), np.iinfo(np.int64).max, expected)
    cut = [place.digest.below(_aligned(names, limits, place.digest)) for place in places]
    rows, found = [], list[Difference]()
    for place, digest in zip(places, cut, strict=True):
        here = list(_differences(place, digest, cut[0], places[0].name, names, expected, lost))
        found += here
        rows.append(_row(place, digest, here))
    if newest is not None:
        here = list(_newest_differences(newest, places, cut, names, expected, expectation, lost))
        found += here
        rows.append(_newest_row(newest, here))
    found.sort(key=lambda difference: difference.delivery_id)
    absent = sum(map(count_of, lost.values()))
    return Verdict(tuple(rows), tuple(found), len(names), int(expected.sum()) - absent, expectation.goes_on, absent)


def _ids(names: Mapping[str, int]) -> Ids:
    return np.array([name.encode() for name in names], "S")


def _union(parts: Sequence[Ids]) -> Ids:
    present = [part for part in parts if len(part)]
    return np.unique(np.concatenate(present)) if present else np.empty(0, "S1")


def _aligned(names: Ids, values: Ints, digest: Digest) -> Ints:
    """Return values given by name for the deliveries of a digest."""
    return values[np.searchsorted(names, digest.delivery_id)] if len(digest) else values[:0]


def _reach(names: Ids, digest: Digest) -> Ints:
    """Return how far each delivery goes in a digest: its last seq + 1."""
    at = digest.find(names)
    return np.where(at >= 0, digest.last_seq[at] + 1, 0) if len(digest) else np.zeros(len(names), np.int64)


def _expected(names: Ids, places: Sequence[Place], expectation: Expectation) -> Ints:
    """Return how many positions each delivery should have."""
    reach = [_reach(names, place.digest) for place in places]
    if not reach:
        expected = np.zeros(len(names), np.int64)
    elif not expectation.goes_on:
        expected = np.max(reach, axis=0)
    elif places[0].is_log:
        expected = reach[0]
    else:
        expected = np.min(reach, axis=0)  # without the topic it is unknown how far the stores should be
    if expectation.ended:
        expected[np.searchsorted(names, _ids(expectation.ended))] = list(expectation.ended.values())
    return expected


def _differences(
    place: Place,
    digest: Digest,
    reference: Digest,
    reference_name: str,
    names: Ids,
    expected: Ints,
    lost: Mapping[str, Sequence[Range]],
) -> Iterator[Difference]:
    """Yield what is wrong in a place; only deliveries that cannot be right are compared row by row."""
    at, there = digest.find(names), reference.find(names)
    held = _taken(digest.distinct, at)
    whole = expected.copy()
    for name, ranges in lost.items():
        whole[np.searchsorted(names, name.encode())] -= count_of(ranges)
    suspect = (held != whole) | (_taken(digest.conflicting, at) > 0) | (_reach(names, digest) > expected)
    suspect |= _checksums(digest, at) != _checksums(reference, there)
    if not place.is_log:
        suspect |= _taken(digest.duplicates, at) > 0
    for i in np.flatnonzero(suspect).tolist():
        name = names[i].decode()
        lacks_rightly = lost.get(name, ())
        yield from differences_of(
            place.name,
            name,
            int(expected[i]),
            digest,
            reference,
            reference_name,
            repeats_allowed=place.is_log,
            lost=lacks_rightly,
        )


def _taken(column: Ints, at: Ints) -> Ints:
    return np.where(at >= 0, column[at], 0) if len(column) else np.zeros(len(at), np.int64)


def _checksums(digest: Digest, at: Ints) -> NDArray[np.uint64]:
    return np.where(at >= 0, digest.checksum[at], np.uint64(0)) if len(digest) else np.zeros(len(at), np.uint64)


def _row(place: Place, digest: Digest, differences: Sequence[Difference]) -> PlaceVerdict:
    def total(kind: Kind) -> int:
        return sum(difference.positions for difference in differences if difference.kind is kind)

    return PlaceVerdict(
        place.name,
        deliveries=len(digest),
        positions=int(digest.count.sum()),
        distinct=int(digest.distinct.sum()),
        missing=total(Kind.MISSING),
        duplicates=int(digest.duplicates.sum()),
        conflicting=int(digest.conflicting.sum()),
        differing=total(Kind.COORDINATES),
        unexpected=total(Kind.UNEXPECTED),
        ahead=int(place.digest.count.sum() - digest.count.sum()),
        checksum=digest.run_checksum,
        foreign=place.foreign,
        unreadable=place.unreadable,
        remarks=place.remarks,
        is_equal=not differences,
    )


def _newest_row(newest: Newest, differences: Sequence[Difference]) -> PlaceVerdict:
    """Return the row of a place of which only the newest positions are compared.

    It counts deliveries where others count positions.
    """
    kinds, count = Counter(difference.kind for difference in differences), len(newest.digest)
    return PlaceVerdict(
        newest.name,
        count,
        count,
        count,
        missing=kinds[Kind.MISSING],
        differing=kinds[Kind.COORDINATES],
        unexpected=kinds[Kind.UNEXPECTED],
        remarks=newest.remarks,
        is_equal=not differences,
    )


def _newest_differences(
    newest: Newest,
    places: Sequence[Place],
    cut: Sequence[Digest],
    names: Ids,
    expected: Ints,
    expectation: Expectation,
    lost: Mapping[str, Sequence[Range]],
) -> Iterator[Difference]:
    """Yield the deliveries whose newest position is not the last one.

    While the run has not ended it may be a later one.
    """
    shown, reach = _reach(names, newest.digest) - 1, _reach(names, cut[0])
    here, there = newest.digest.find(names), cut[0].find(names)
    for i, name in enumerate(names.astype(str).tolist()):
        found, last = int(shown[i]), int(expected[i]) - 1
        if lost.get(name) and lost[name][-1][1] == last:
            last = max(lost[name][-1][0] - 1, min(last, int(reach[i]) - 1))
        in_all = expectation.ended.get(name)
        if in_all is not None and newest.positions.get(name) != in_all:
            known = newest.positions.get(name, "none known")
            yield Difference(
                name,
                newest.name,
                Kind.STATE,
                ((max(last, 0), max(last, 0)),),
                f"positions in all: {known}, the final event says {in_all}",
            )
        if found < last:
            detail = (
                f"stands at seq {found}, the last one is {last}"
                if found >= 0
                else f"has no position, the last one is seq {last}"
            )
            yield Difference(name, newest.name, Kind.MISSING, ((found + 1, last),), detail)
        elif found > last and (in_all is not None or not expectation.goes_on):
            yield Difference(
                name,
                newest.name,
                Kind.UNEXPECTED,
                ((last + 1, found),),
                f"stands at seq {found}, the last one is {last}",
            )
        elif found == last >= 0 and there[i] >= 0:
            seq, place, _ = cut[0].rows(int(there[i]))
            mine, theirs = int(newest.digest.rows(int(here[i]))[1][-1]), place[seq == last].tolist()
            if theirs and mine not in theirs:
                yield Difference(
                    name,
                    newest.name,
                    Kind.COORDINATES,
                    ((last, last),),
                    elsewhere(last, mine, theirs[0], places[0].name),
                )
