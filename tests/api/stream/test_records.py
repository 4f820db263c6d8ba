"""Records in columns are what single messages would be, and joined ones are read where they lie."""

from __future__ import annotations

import numpy as np

from api.stream.records import Joined, Records, Texts


def texts(*values: bytes) -> Texts:
    """Return byte strings in one buffer."""
    lengths = np.array([len(value) for value in values], np.int64)
    return Texts(np.frombuffer(b"".join(values), np.uint8), np.cumsum(lengths) - lengths, lengths)


def records(*rows: tuple[int, int, bytes, bytes]) -> Records:
    """Return records of (partition, offset, key, value).

    Their timestamps are a thousand times their offsets.
    """
    partitions, offsets, keys, values = zip(*rows, strict=True)
    return Records(
        "t", np.array(partitions), np.array(offsets), texts(*values), texts(*keys), lambda row: 1000 * offsets[row]
    )


ROWS = records((2, 5, b"a", b"one"), (0, 7, b"", b""), (2, 6, b"bc", b"three"))


def shown(found: Records | Joined) -> list[tuple[object, ...]]:
    """Return everything that records say."""
    return [
        (one.topic(), one.partition(), one.offset(), one.key(), one.value(), one.timestamp()[1]) for one in found[:]
    ]


def test_a_row_says_what_a_message_would() -> None:
    assert shown(ROWS) == [
        ("t", 2, 5, b"a", b"one", 5000),
        ("t", 0, 7, None, b"", 7000),
        ("t", 2, 6, b"bc", b"three", 6000),
    ]


def test_some_rows_keep_their_own_timestamps() -> None:
    assert shown(ROWS.take(np.array([2, 0]))) == [shown(ROWS)[2], shown(ROWS)[0]]


def test_the_next_offset_of_a_partition_is_behind_its_last_record() -> None:
    assert ROWS.next_offsets() == {0: 8, 2: 7}
    assert ROWS.take(np.empty(0, np.int64)).next_offsets() == {}


def test_joined_records_are_numbered_through() -> None:
    joined = Joined([ROWS.take(np.array([0])), (), ROWS.take(np.array([1, 2]))])
    assert (len(joined), shown(joined)) == (3, shown(ROWS))
    assert joined[2].value() == b"three"
    assert [one.offset() for one in joined] == [one.offset() for one in ROWS] == [5, 7, 6]
