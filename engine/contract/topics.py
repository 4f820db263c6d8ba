"""The shape that each topic has on a real broker.

Part of the contract, like the topics' names: partitions decide what stays in order, compaction what is kept.

It knows no broker; `cli.kafka.topics` makes topics so. The embedded broker has no settings and a table of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from engine.messages import Topic

_MEBIBYTE = 2**20

_SEGMENT_BYTES = 16 * _MEBIBYTE
_SEGMENT_MS = 3_600_000
"""Age, ms, at which a segment is closed; `_SEGMENT_BYTES` is its size.

The newest segment is never compacted: small segments keep a table short, and so quick to read.
"""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic.

    Attributes
    ----------
    partitions : the least number of them.
    compacted : the newest record of each key is kept for ever; otherwise records go with age, as the broker is set.
    max_message_bytes : largest batch that must be taken; the broker's own limit if absent.
    """

    partitions: int
    compacted: bool = False
    max_message_bytes: int | None = None

    @property
    def config(self) -> dict[str, str]:
        """The broker's settings that a new topic gets."""
        config = {"cleanup.policy": "compact" if self.compacted else "delete"}
        if self.compacted:
            config |= {
                "segment.bytes": str(_SEGMENT_BYTES),
                "segment.ms": str(_SEGMENT_MS),
                "min.cleanable.dirty.ratio": "0.2",
            }
        if self.max_message_bytes is not None:
            config["max.message.bytes"] = str(self.max_message_bytes)
        return config


TOPICS: Mapping[Topic, TopicSpec] = MappingProxyType(
    {
        Topic.NEW_POSITION: TopicSpec(12),
        Topic.DELIVERY_EVENT: TopicSpec(12),
        # Few, and each read by the one that asked: a single partition is quick to look at.
        Topic.DELIVERY_STORY: TopicSpec(1),
        Topic.ROUTE_DEFINED: TopicSpec(6, compacted=True),
        Topic.NEW_DIRECTION: TopicSpec(6),
        Topic.RUN_CONTROL: TopicSpec(3),
        Topic.RUN_EVENT: TopicSpec(3),
        Topic.RUN_METRICS: TopicSpec(3),
        # The largest record that a broker takes by default must still fit when it has become a dead letter, with its
        # reason.
        Topic.DEAD_LETTER: TopicSpec(3, max_message_bytes=2 * _MEBIBYTE),
        Topic.RUN_JOURNAL: TopicSpec(3, compacted=True),
    }
)
