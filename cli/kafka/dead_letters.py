"""Dead letters: what could not be read or stored, why, and where it belongs. Pure.

Two kinds of writers are understood: ours (`engine.messages.DeadLetter`) and Kafka Connect, whose headers begin with
``__connect.errors.``. Nothing in a letter is trusted: it is shown with every character that could move a terminal's
cursor written out.
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
    """What is used of a Kafka client's message."""

    def partition(self) -> int | None: ...
    def offset(self) -> int | None: ...
    def key(self) -> Any: ...
    def value(self) -> Any: ...
    def timestamp(self) -> tuple[int, int]: ...
    def headers(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter.

    Attributes
    ----------
    partition, offset : where it lies in the dead-letter topic.
    written_ms : wall epoch ms.
    reason : why it is one; empty if nobody said.
    topic, topic_partition, topic_offset : where the record was found; empty or None if nobody said.
    original_bytes : how long the record was, if only its beginning was kept.
    headers : the record's own, without those that tell about the letter.
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
        """Where it lies, for a person and for the header of its replay."""
        return f"{self.partition}/{self.offset}"

    def to_json(self) -> dict[str, Any]:
        """Return the letter as JSON tells it, with the beginning of its value."""
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
    """Which letters: those whose reason has a text, in any case, and that were found in a topic, and that are not older than an instant."""

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
    told = {name: (value or b"").decode(errors="replace") for name, value in headers}
    by_connect = any(name.startswith(CONNECT) for name in told)
    prefix = CONNECT if by_connect else ""
    cut = None if by_connect else _number(told.get("original-bytes"))
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
        reason=_connects_reason(told) if by_connect else told.get("reason", ""),
        topic=told.get(f"{prefix}topic", ""),
        topic_partition=_number(told.get(f"{prefix}partition")),
        topic_offset=_number(told.get(f"{prefix}offset")),
        original_bytes=cut,
        headers=own,
    )


def _connects_reason(told: Mapping[str, str]) -> str:
    """Return the reason that Kafka Connect gives in pieces: who, at which step, what."""
    who, stage, what, message = (
        told.get(CONNECT + name, "")
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
    own_topic : where the letters lie.
    is_edited : its value is replaced by a whole one.
    """
    target = to or letter.topic
    if not target:
        return "it does not say which topic it is from: give --to TOPIC"
    if target == own_topic:
        return f"it would go to {own_topic}, where it is"
    if letter.is_cut and not is_edited:
        return f"only {len(letter.value)} of its {letter.original_bytes} bytes were kept: give the whole value with --edit FILE"
    return None


def escaped(value: bytes | str) -> str:
    r"""Return a text in which everything that is not printable is written out, as ``\n`` or ``\xff``."""
    text = value.decode(errors="backslashreplace") if isinstance(value, bytes) else value
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def instant_ms(text: str, now_ms: int) -> int:
    """Return the wall epoch ms of ``90s``, ``30m``, ``2h``, ``7d`` ago, or of a date or time in ISO 8601, UTC unless it says otherwise.

    Raises
    ------
    InvalidInput : neither.
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
