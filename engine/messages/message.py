"""What all messages have in common: their JSON form and their key."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import fields
from functools import cache
from typing import Any, ClassVar, Self

from engine.errors import MessageError, shown
from engine.messages.topics import Topic
from engine.wire_names import camel

MAX_REQUEST_BYTES = 64 * 1024
"""A request larger than this is refused unread."""


def parse_object(value: bytes, limit: int = MAX_REQUEST_BYTES) -> dict[str, Any]:
    """Return the JSON object in some bytes.

    Raises
    ------
    MessageError : larger than `limit` bytes, not UTF-8, not JSON, or not an object.
    """
    if len(value) > limit:
        raise MessageError(f"message of {len(value)} bytes is larger than {limit}")
    try:
        parsed = json.loads(value)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise MessageError(f"not JSON: {error}; found {shown(bytes(value[:40]))}") from None
    if not isinstance(parsed, dict):
        raise MessageError(f"expected a JSON object, found {shown(parsed)}")
    return parsed


class Message(ABC):
    """JSON form shared by all messages: camelCase on the wire, snake_case here, None left out."""

    TOPIC: ClassVar[Topic]
    LIMIT: ClassVar[int] = MAX_REQUEST_BYTES

    def to_json(self) -> bytes:
        """Return the message's value as UTF-8 JSON."""
        record = {wire: value for name, wire in _fields_of(type(self)) if (value := getattr(self, name)) is not None}
        return _to_text(record).encode()

    @classmethod
    def from_json(cls, value: bytes) -> Self:
        """Return the message in some bytes; unknown fields are ignored.

        Raises
        ------
        MessageError : the bytes do not follow the contract; the message names field and value.
        """
        record = parse_object(value, cls.LIMIT)
        return cls(**{name: found for name, wire in _fields_of(cls) if (found := record.get(wire)) is not None})

    @property
    @abstractmethod
    def key(self) -> bytes:
        """The Kafka key, so that what belongs together stays in order."""


_to_text = json.JSONEncoder(separators=(",", ":")).encode


@cache
def _fields_of(cls: type[Message]) -> tuple[tuple[str, str], ...]:
    """Return the fields of a message and their names on the wire; remembered, for speed."""
    return tuple((field.name, camel(field.name)) for field in fields(cls))  # type: ignore[arg-type]
