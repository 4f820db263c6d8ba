"""Every fault of a run's positions in a place is found, counted, and named by delivery and seq."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from cli.kafka.verify.compare import Expectation, Newest, Place, compare
from cli.kafka.verify.differences import Difference, Kind, ranges_of
from engine.accounting.digest import Digest, DigestBuilder
from engine.delivery.faults import FaultKind, Label

Row = tuple[str, int, float, float]


def digest_of(rows: Iterable[Row]) -> Digest:
    """Return the digest of some positions."""
    builder, found = DigestBuilder(), list(rows)
    if found:
        ids, seq, lat, lng = zip(*found, strict=True)
        builder.add(np.array([name.encode() for name in ids]), np.array(seq, np.int64), np.array(lat), np.array(lng))
    return builder.digest()


def track(delivery: str, count: int) -> list[Row]:
    """Return a delivery's positions."""
    return [(delivery, seq, 47.0 + seq * 1e-4, 9.5) for seq in range(count)]


RUN = track("d-1", 8) + track("d-2", 5)
ENDED = Expectation({"d-1": 8, "d-2": 5})


def topic(rows: Iterable[Row] = RUN) -> Place:
    """Return the topic."""
    return Place("topic", digest_of(rows), is_log=True)


def history(rows: Iterable[Row] = RUN) -> Place:
    """Return a store that should hold everything once."""
    return Place("history", digest_of(rows))


def state(
    rows: Iterable[Row] = (("d-1", 7, 47.0007, 9.5), ("d-2", 4, 47.0004, 9.5)), positions: dict[str, int] | None = None
) -> Newest:
    """Return a store of newest positions."""
    return Newest("state", digest_of(rows), {"d-1": 8, "d-2": 5} if positions is None else positions)


def told(
    *places: Place, newest: Newest | None = None, expectation: Expectation = ENDED
) -> list[tuple[str, str, Kind, tuple[tuple[int, int], ...]]]:
    """Return what a comparison found."""
    verdict = compare(places, newest, expectation)
    assert verdict.is_equal == (not verdict.differences)
    return [(found.place, found.delivery_id, found.kind, found.ranges) for found in verdict.differences]


def without(*seqs: int) -> list[Row]:
    """Return the run without some positions of d-1."""
    return [row for row in RUN if row[0] != "d-1" or row[1] not in seqs]


def test_the_same_positions_in_every_place_are_equal_in_any_order() -> None:
    verdict = compare([topic(), history(RUN[::-1])], state(), ENDED)
    assert verdict.is_equal
    assert (verdict.deliveries, verdict.expected) == (2, 13)
    assert [(row.name, row.deliveries, row.positions, row.is_equal) for row in verdict.places] == [
        ("topic", 2, 13, True),
        ("history", 2, 13, True),
        ("state", 2, 2, True),
    ]
    assert verdict.places[0].checksum == verdict.places[1].checksum


def test_a_missing_seq_is_named_in_the_place_that_lacks_it() -> None:
    assert told(topic(), history(without(2, 3, 6)), newest=state()) == [
        ("history", "d-1", Kind.MISSING, ((2, 3), (6, 6)))
    ]
    assert told(topic(without(4)), history()) == [("topic", "d-1", Kind.MISSING, ((4, 4),))]


def test_a_changed_coordinate_is_named_with_both_places() -> None:
    moved = [(*row[:2], row[2] + 1e-7, row[3]) if row[:2] == ("d-2", 3) else row for row in RUN]
    [difference] = compare([topic(), history(moved)], None, ENDED).differences
    assert difference == Difference(
        "d-2",
        "history",
        Kind.COORDINATES,
        ((3, 3),),
        "seq 3 is at 47.0003001,9.5000000, in the topic at 47.0003000,9.5000000",
    )
    assert (
        str(difference) == "coordinates seq 3: seq 3 is at 47.0003001,9.5000000, in the topic at 47.0003000,9.5000000"
    )


def test_a_document_that_is_there_twice_is_a_fault_and_a_record_is_none() -> None:
    again = [*RUN, RUN[2]]
    assert told(topic(), history(again)) == [("history", "d-1", Kind.DUPLICATE, ((2, 2),))]
    verdict = compare([topic(again), history()], None, ENDED)
    assert verdict.is_equal
    assert verdict.places[0].duplicates == 1


def test_two_places_for_one_seq_are_worse_and_a_fault_anywhere() -> None:
    conflicting = [*RUN, ("d-1", 2, 1.0, 2.0)]
    assert told(topic(conflicting), history()) == [("topic", "d-1", Kind.CONFLICTING, ((2, 2),))]
    found = told(topic(), history(conflicting))
    assert ("history", "d-1", Kind.CONFLICTING, ((2, 2),)) in found
    assert ("history", "d-1", Kind.COORDINATES, ((2, 2),)) in found


def test_a_delivery_that_only_one_place_knows_is_missing_in_the_others() -> None:
    extra = [*RUN, *track("d-3", 2)]
    assert told(topic(), history(extra)) == [("topic", "d-3", Kind.MISSING, ((0, 1),))]
    assert told(topic(extra), history()) == [("history", "d-3", Kind.MISSING, ((0, 1),))]


def test_a_tail_that_only_the_final_event_knows_of_is_missing_everywhere() -> None:
    assert told(
        topic(without(7)), history(without(7)), newest=state([("d-1", 6, 47.0006, 9.5), ("d-2", 4, 47.0004, 9.5)])
    ) == [
        ("topic", "d-1", Kind.MISSING, ((7, 7),)),
        ("history", "d-1", Kind.MISSING, ((7, 7),)),
        ("state", "d-1", Kind.MISSING, ((7, 7),)),
    ]


def test_a_whole_delivery_that_only_the_final_event_knows_of_is_missing() -> None:
    ended = Expectation({**ENDED.ended, "d-9": 3, "rejected": 0})
    assert told(topic(), history(), expectation=ended) == [
        ("topic", "d-9", Kind.MISSING, ((0, 2),)),
        ("history", "d-9", Kind.MISSING, ((0, 2),)),
    ]


def test_a_position_beyond_the_final_event_is_unexpected() -> None:
    assert told(topic(), history([*RUN, ("d-2", 5, 1.0, 1.0)])) == [("history", "d-2", Kind.UNEXPECTED, ((5, 5),))]


@pytest.mark.parametrize(
    ("rows", "kind", "ranges"),
    [
        ([("d-1", 6, 47.0006, 9.5)], Kind.MISSING, ((7, 7),)),
        ([], Kind.MISSING, ((0, 7),)),
        ([("d-1", 7, 47.0007, 9.6)], Kind.COORDINATES, ((7, 7),)),
        ([("d-1", 8, 47.0008, 9.5)], Kind.UNEXPECTED, ((8, 8),)),
    ],
)
def test_the_state_must_stand_at_the_last_position(
    rows: list[Row], kind: Kind, ranges: tuple[tuple[int, int], ...]
) -> None:
    assert told(topic(), newest=state([*rows, ("d-2", 4, 47.0004, 9.5)])) == [("state", "d-1", kind, ranges)]


def test_the_state_must_know_how_many_positions_there_are() -> None:
    [difference] = compare([topic()], state(positions={"d-1": 8, "d-2": 4}), ENDED).differences
    assert (difference.place, difference.delivery_id, difference.kind) == ("state", "d-2", Kind.STATE)
    assert difference.detail == "positions in all: 4, the final event says 5"


def test_while_the_run_goes_on_stores_may_be_ahead_of_the_topic_and_not_behind() -> None:
    goes_on = Expectation({"d-2": 5}, goes_on=True)
    seen = topic(without(6, 7))
    verdict = compare([seen, history()], state(positions={"d-2": 5}), goes_on)
    assert verdict.is_equal
    assert [row.ahead for row in verdict.places] == [0, 2, 0]
    assert verdict.places[0].checksum == verdict.places[1].checksum
    assert told(seen, history(without(5, 6, 7)), expectation=goes_on) == [("history", "d-1", Kind.MISSING, ((5, 5),))]
    assert told(seen, history([*RUN, *track("d-3", 4)]), expectation=goes_on) == []


def test_once_the_run_is_over_nothing_may_be_ahead() -> None:
    assert told(topic(without(6, 7)), history(), expectation=Expectation({"d-2": 5})) == [
        ("topic", "d-1", Kind.MISSING, ((6, 7),))
    ]


def test_without_the_topic_the_stores_are_compared_with_the_final_events() -> None:
    assert told(history(), newest=state()) == []
    assert told(history(without(3)), newest=state()) == [("history", "d-1", Kind.MISSING, ((3, 3),))]
    assert told(history(without(7)), newest=state([("d-1", 6, 47.0006, 9.5), ("d-2", 4, 47.0004, 9.5)])) == [
        ("history", "d-1", Kind.MISSING, ((7, 7),)),
        ("state", "d-1", Kind.MISSING, ((7, 7),)),
    ]


def label(kind: FaultKind, first: int, last: int | None = None) -> Label:
    """Return what was done to some positions."""
    return Label(kind, first, first if last is None else last)


def hit(*labels: Label, goes_on: bool = False) -> Expectation:
    """Return that the run has ended, with labels on d-1; or that it goes on and only d-2 has ended."""
    return Expectation({"d-2": 5} if goes_on else ENDED.ended, goes_on, {"d-1": labels})


def test_what_was_lost_on_purpose_is_missing_nowhere() -> None:
    expectation = hit(
        label(FaultKind.LOST, 2),
        label(FaultKind.MALFORMED, 3),
        label(FaultKind.DUPLICATED, 1),
        label(FaultKind.TUNNEL, 6, 90),
    )
    there = [*without(2, 3, 6, 7), RUN[1]]
    newest = state([("d-1", 5, 47.0005, 9.5), ("d-2", 4, 47.0004, 9.5)])
    verdict = compare([topic(there), history(without(2, 3, 6, 7))], newest, expectation)
    assert verdict.is_equal
    assert (verdict.expected, verdict.lost_on_purpose) == (9, 4)
    assert told(topic(there), history(without(2, 3, 4, 6, 7)), newest=newest, expectation=expectation) == [
        ("history", "d-1", Kind.MISSING, ((4, 4),))
    ]
    assert told(topic(without(2, 3, 5, 6, 7)), expectation=expectation) == [("topic", "d-1", Kind.MISSING, ((5, 5),))]
    behind = state([("d-1", 4, 47.0004, 9.5), ("d-2", 4, 47.0004, 9.5)])
    assert told(topic(there), newest=behind, expectation=expectation) == [("state", "d-1", Kind.MISSING, ((5, 5),))]


def test_what_is_said_to_be_lost_and_is_in_the_topic_must_be_in_the_stores() -> None:
    expectation = hit(label(FaultKind.LOST, 7))
    assert told(topic(), history(), newest=state(), expectation=expectation) == []
    assert told(topic(), history(without(7)), expectation=expectation) == [("history", "d-1", Kind.MISSING, ((7, 7),))]


def test_what_is_held_back_is_not_missing_while_the_run_goes_on() -> None:
    late = label(FaultKind.LATE, 4)
    assert told(topic(without(4)), history(), expectation=hit(late, goes_on=True)) == []
    assert told(topic(without(4)), expectation=hit(late)) == [("topic", "d-1", Kind.MISSING, ((4, 4),))]
    assert told(topic(), history(without(4)), expectation=hit(late, goes_on=True)) == [
        ("history", "d-1", Kind.MISSING, ((4, 4),))
    ]


def test_places_without_a_position_can_be_compared() -> None:
    assert told(topic([]), history([]), newest=state([], {}), expectation=Expectation()) == []


def test_seqs_are_told_as_ranges() -> None:
    assert ranges_of(np.array([0, 1, 2, 5, 7, 8])) == ((0, 2), (5, 5), (7, 8))
    assert ranges_of(np.empty(0, np.int64)) == ()
    assert Difference("d", "history", Kind.MISSING, ((0, 2), (5, 5))).positions == 4
