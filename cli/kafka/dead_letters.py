"""Dead letters: records that could not be read or stored, the reason, and where they belong. Pure.

Two kinds of writers are understood: ours (`engine.messages.DeadLetter`) and Kafka Connect, whose headers begin with
``__connect.errors.``. Nothing in a letter is trusted: every character that could move a terminal's cursor is written
out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from engine.errors import InvalidInput

OWN_HEADERS = frozenset({"reason", "topic", "partition", "offset", "original-bytes"})
CONNECT = "__connect.errors."
REPLAYED_FROM = "replayed-from"
SHOWN_BYTES = 100

_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_AGO = re.compile(r"(\d{1,6})([smhd])")


class Inbound(Protocol):
    """The part of a Kafka client's message that is used."""

    def partition(self) -> int | None:
        """Return its partition."""

    def offset(self) -> int | None:
        """Return its offset."""

    def key(self) -> Any:
        """Return its key, bytes or None."""

    def value(self) -> Any:
        """Return its value, bytes or None."""

    def timestamp(self) -> tuple[int, int]:
        """Return the kind of its time, and the time, wall epoch ms."""

    def headers(self) -> Any:
        """Return its headers, pairs of name and bytes, or None."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter.

    Attributes
    ----------
    partition, offset : where it lies in the dead-letter topic.
    written_ms : wall epoch ms.
    reason : why it is one; empty if its writer gave none.
    topic, topic_partition, topic_offset : where the record was found; empty or None if its writer did not say.
    original_bytes : how long the record was, if only its beginning was kept.
    headers : the record's own, without those that describe the letter.
    """

    partition: int
    offset: int
    written_ms: int
    key: bytes | None
    value: bytes
    reason: str
    topic: str
    topic_partition: int | None
    topic_offset: int | None
    original_bytes: int | None
    headers: tuple[tuple[str, bytes | None], ...]

    @property
    def is_cut(self) -> bool:
        """Whether only the record's beginning was kept."""
        return self.original_bytes is not None

    @property
    def place(self) -> str:
        """Its partition and offset, for a person and for the header of its replay."""
        return f"{self.partition}/{self.offset}"

    def to_json(self) -> dict[str, Any]:
        """Return the letter as JSON, with the beginning of its value."""
        return {
            "partition": self.partition,
            "offset": self.offset,
            "writtenAt": self.written_ms,
            "reason": escaped(self.reason),
            "topic": escaped(self.topic),
            "topicPartition": self.topic_partition,
            "topicOffset": self.topic_offset,
            "key": None if self.key is None else escaped(self.key),
            "bytes": len(self.value),
            "originalBytes": self.original_bytes,
            "value": escaped(self.value[:SHOWN_BYTES]),
        }


@dataclass(frozen=True, slots=True)
class Wanted:
    """A choice of letters.

    Attributes
    ----------
    reason : a text that the reason has, in upper or lower case.
    topic : where the letter was found; None: anywhere.
    since_ms : the oldest instant at which it may have been written, wall epoch ms; None: any.
    """

    reason: str = ""
    topic: str | None = None
    since_ms: int | None = None

    def has(self, letter: Letter) -> bool:
        """Return whether a letter is wanted."""
        return (
            self.reason.lower() in letter.reason.lower()
            and self.topic in (None, letter.topic)
            and (self.since_ms is None or letter.written_ms >= self.since_ms)
        )


def letter_of(message: Inbound) -> Letter:
    """Return the letter in a record of the dead-letter topic."""
    headers: Sequence[tuple[str, bytes | None]] = message.headers() or ()
    texts = {name: (value or b"").decode(errors="replace") for name, value in headers}
    by_connect = any(name.startswith(CONNECT) for name in texts)
    prefix = CONNECT if by_connect else ""
    cut = None if by_connect else _number(texts.get("original-bytes"))
    own = tuple(
        (name, value)
        for name, value in headers
        if not (name.startswith(CONNECT) if by_connect else name in OWN_HEADERS)
    )
    return Letter(
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        written_ms=max(message.timestamp()[1], 0),
        key=message.key(),
        value=message.value() or b"",
        reason=_connects_reason(texts) if by_connect else texts.get("reason", ""),
        topic=texts.get(f"{prefix}topic", ""),
        topic_partition=_number(texts.get(f"{prefix}partition")),
        topic_offset=_number(texts.get(f"{prefix}offset")),
        original_bytes=cut,
        headers=own,
    )


def _connects_reason(texts: Mapping[str, str]) -> str:
    """Return the reason that Kafka Connect gives in pieces: connector, step, error, message."""
    who, stage, what, message = (
        texts.get(CONNECT + name, "")
        for name in ("connector.name", "stage", "exception.class.name", "exception.message")
    )
    return ": ".join(part for part in (" ".join(filter(None, (who, stage))), what.rpartition(".")[2], message) if part)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 19 else None


def refusal(letter: Letter, to: str | None, own_topic: str, *, is_edited: bool = False) -> str | None:
    """Return why a letter cannot be put back; None if it can.

    Parameters
    ----------
    to : the topic it shall go to; the one it was found in if None.
    own_topic : the dead-letter topic.
    is_edited : its value is replaced by a whole one.
    """
    target = to or letter.topic
    if not target:
        return "it does not say which topic it is from: give --to TOPIC"
    if target == own_topic:
        return f"it would go to {own_topic}, where it is"
    if letter.is_cut and not is_edited:
        kept = f"only {len(letter.value)} of its {letter.original_bytes} bytes were kept"
        return f"{kept}: give the whole value with --edit FILE"
    return None


def escaped(value: bytes | str) -> str:
    r"""Return a text in which everything that is not printable is written out, as ``\n`` or ``\xff``."""
    text = value.decode(errors="backslashreplace") if isinstance(value, bytes) else value
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def instant_ms(text: str, now_ms: int) -> int:
    """Return the wall epoch ms of an instant: ``90s``, ``30m``, ``2h``, ``7d`` ago, or in ISO 8601.

    A time without a zone is UTC.

    Raises
    ------
    InvalidInput : the text is neither.
    """
    if found := _AGO.fullmatch(text):
        return now_ms - int(found[1]) * _UNIT_S[found[2]] * 1000
    try:
        instant = datetime.fromisoformat(text)
        return int((instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise InvalidInput(
            f'--since must be "90s", "30m", "2h", "7d" or a time like 2026-11-23T04:00, found {text!r}'
        ) from None
