from __future__ import annotations

from engine.contract.topics import TOPICS, TopicSpec
from engine.messages import Topic


def test_every_topic_has_its_spec() -> None:
    assert set(TOPICS) == set(Topic)


def test_what_is_read_as_a_table_is_compacted_and_nothing_else() -> None:
    assert {topic for topic, spec in TOPICS.items() if spec.compacted} == {Topic.ROUTE_DEFINED, Topic.RUN_JOURNAL}


def test_a_spec_says_its_settings() -> None:
    assert TopicSpec(3).config == {"cleanup.policy": "delete"}
    assert TopicSpec(3, max_message_bytes=5).config == {"cleanup.policy": "delete", "max.message.bytes": "5"}
    assert TopicSpec(1, compacted=True).config["cleanup.policy"] == "compact"
