"""A Kafka record's headers as this project's tests compare them: bytes by name."""

from __future__ import annotations

from confluent_kafka import Message


def headers_of(record: Message) -> dict[str, bytes]:
    """Return a record's headers, without those that have no value."""
    return {name: value for name, value in dict(record.headers() or ()).items() if isinstance(value, bytes)}
