from __future__ import annotations

import pytest

from cli.kafka.topics import faults_of
from engine.contract.topics import TopicSpec

SPEC = TopicSpec(6, compacted=True, max_message_bytes=1000)


def test_more_than_wanted_is_no_fault() -> None:
    assert faults_of(SPEC, 12, {"cleanup.policy": "compact", "max.message.bytes": "5000", "segment.bytes": "77"}) == ()


@pytest.mark.parametrize(
    ("partitions", "config", "fault"),
    [
        (5, {}, "5 partitions, should be at least 6"),
        (6, {"cleanup.policy": "delete"}, 'cleanup.policy is "delete", should be "compact"'),
        (6, {"cleanup.policy": "compact,delete"}, 'cleanup.policy is "compact,delete", should be "compact"'),
        (6, {"max.message.bytes": "999"}, "max.message.bytes is 999, should be at least 1000"),
    ],
)
def test_what_differs_is_named_with_what_it_should_be(partitions: int, config: dict[str, str], fault: str) -> None:
    assert faults_of(SPEC, partitions, {"cleanup.policy": "compact", "max.message.bytes": "1000", **config}) == (fault,)


def test_a_topic_that_loses_old_records_by_key_is_a_fault_too() -> None:
    assert faults_of(TopicSpec(1), 1, {"cleanup.policy": "compact"}) == (
        'cleanup.policy is "compact", should be "delete"',
    )
