"""What could not be read, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Bytes that could not be read, and where they were found.

    `value` goes to `Topic.DEAD_LETTER` with `headers`.
    """

    value: bytes
    key: bytes | None
    reason: str
    topic: str
    partition: int
    offset: int

    @property
    def headers(self) -> Mapping[str, bytes]:
        """Headers of the dead letter: reason, topic, partition, offset."""
        return {
            "reason": self.reason.encode(),
            "topic": self.topic.encode(),
            "partition": str(self.partition).encode(),
            "offset": str(self.offset).encode(),
        }
