"""Letters of both kinds of writers are understood, and hostile ones are shown harmlessly.

What cannot be put back is refused with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from api.stream.dead_letters import MAX_DEAD_LETTER_BYTES, record_of
from cli.kafka.dead_letters import Letter, Wanted, escaped, instant_ms, letter_of, refusal
from engine.errors import InvalidInput
from engine.messages import DeadLetter, Topic

NOW_MS = 1_767_225_600_000


@dataclass(frozen=True)
class Record:
    """A record as a Kafka client gives it."""

    body: bytes | None
    told: list[tuple[str, bytes | None]] | None = field(default_factory=list)
    name: bytes | None = b"d-1"

    def partition(self) -> int:
        return 2

    def offset(self) -> int:
        return 17

    def key(self) -> bytes | None:
        return self.name

    def value(self) -> bytes | None:
        return self.body

    def timestamp(self) -> tuple[int, int]:
        return 1, NOW_MS

    def headers(self) -> list[tuple[str, bytes | None]] | None:
        return self.told


def ours(value: bytes, reason: str = "not JSON") -> Letter:
    """Return a letter as the API writes it."""
    record = record_of(DeadLetter(value, b"d-1", reason, Topic.NEW_POSITION, 5, 99))
    return letter_of(Record(record.value, list(record.headers.items())))


CONNECTS: list[tuple[str, bytes | None]] = [
    ("traceparent", b"00-1-2"),
    ("__connect.errors.topic", b"route.new-position"),
    ("__connect.errors.partition", b"3"),
    ("__connect.errors.offset", b"41"),
    ("__connect.errors.connector.name", b"elastic"),
    ("__connect.errors.task.id", b"0"),
    ("__connect.errors.stage", b"VALUE_CONVERTER"),
    ("__connect.errors.class.name", b"org.apache.kafka.connect.json.JsonConverter"),
    ("__connect.errors.exception.class.name", b"org.apache.kafka.connect.errors.DataException"),
    ("__connect.errors.exception.message", b"Converting byte[] failed"),
    ("__connect.errors.exception.stacktrace", b"..."),
    ("reason", b"a header of the record's own"),
]


def test_our_own_letters_are_read_back_whole() -> None:
    assert ours(b"\xffbroken") == Letter(
        2, 17, NOW_MS, b"d-1", b"\xffbroken", "not JSON", "route.new-position", 5, 99, None, ()
    )


def test_a_letter_whose_value_was_cut_says_so() -> None:
    letter = ours(b"x" * (MAX_DEAD_LETTER_BYTES + 1))
    assert letter.is_cut
    assert (len(letter.value), letter.original_bytes) == (MAX_DEAD_LETTER_BYTES, MAX_DEAD_LETTER_BYTES + 1)
    assert not ours(b"x" * MAX_DEAD_LETTER_BYTES).is_cut


def test_kafka_connects_letters_are_read_too_and_the_records_own_headers_stay() -> None:
    letter = letter_of(Record(b"{}", CONNECTS))
    assert (letter.topic, letter.topic_partition, letter.topic_offset) == ("route.new-position", 3, 41)
    assert letter.reason == "elastic VALUE_CONVERTER: DataException: Converting byte[] failed"
    assert letter.headers == (("traceparent", b"00-1-2"), ("reason", b"a header of the record's own"))
    assert not letter.is_cut


@pytest.mark.parametrize(
    "headers",
    [
        None,
        [],
        [("reason", None), ("partition", b"-1"), ("offset", b"9" * 40), ("topic", b"\xff"), ("original-bytes", b"x")],
    ],
)
def test_a_letter_without_a_word_of_sense_is_a_letter(headers: list[tuple[str, bytes | None]] | None) -> None:
    letter = letter_of(Record(None, headers, None))
    assert (letter.value, letter.key, letter.reason, letter.topic_partition, letter.topic_offset, letter.is_cut) == (
        b"",
        None,
        "",
        None,
        None,
        False,
    )


def test_what_moves_a_cursor_is_written_out() -> None:
    assert escaped(b'{"a":"\xc3\xa9"}\n\x1b[2J\xff') == '{"a":"é"}\\n\\x1b[2J\\xff'
    assert escaped("a\u202eb\r") == "a\\u202eb\\r"
    assert letter_of(Record(b"\x1b]0;", [("reason", b"\x1b[31m")])).to_json()["reason"] == "\\x1b[31m"


def test_letters_are_chosen_by_reason_topic_and_age() -> None:
    letter = ours(b"{", "seq must be a whole number, found 'x'")
    assert Wanted().has(letter)
    assert Wanted("SEQ MUST", "route.new-position", NOW_MS).has(letter)
    assert not Wanted("eventTime").has(letter)
    assert not Wanted(topic="delivery.event").has(letter)
    assert not Wanted(since_ms=NOW_MS + 1).has(letter)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", NOW_MS - 90_000),
        ("2h", NOW_MS - 7_200_000),
        ("7d", NOW_MS - 604_800_000),
        ("2026-01-01", NOW_MS),
        ("2026-01-01T01:00+01:00", NOW_MS),
    ],
)
def test_an_instant_is_an_age_or_a_time(text: str, expected: int) -> None:
    assert datetime.fromtimestamp(NOW_MS / 1000, UTC) == datetime(2026, 1, 1, tzinfo=UTC)
    assert instant_ms(text, NOW_MS) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "5", "-3m", "1e9d", "99999999d"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="--since must be"):
        instant_ms(text, NOW_MS)


def test_what_cannot_go_back_is_refused_with_its_reason() -> None:
    letter, source = ours(b"{"), "route.dead-letter"
    cut, lost = replace(letter, original_bytes=700_000), replace(letter, topic="")
    assert refusal(letter, None, source) is None
    assert refusal(cut, None, source) == "only 1 of its 700000 bytes were kept: give the whole value with --edit FILE"
    assert refusal(cut, None, source, is_edited=True) is None
    assert refusal(lost, None, source) == "it does not say which topic it is from: give --to TOPIC"
    assert refusal(lost, "route.new-position", source) is None
    assert refusal(letter, source, source) == "it would go to route.dead-letter, where it is"
