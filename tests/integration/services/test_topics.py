"""`code-delivery topics apply` on a real broker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from cli.kafka.topics import TopicsError, create_topics
from cli.local.services import Services
from engine.contract.topics import TOPICS
from engine.messages import Topic

pytestmark = [pytest.mark.services, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def bootstrap(services: Services) -> str:
    return services.kafka.address


@pytest.fixture
def prefix(bootstrap: str) -> Iterator[str]:
    """Before the names of a test's topics, which are deleted after it."""
    prefix = f"test-{uuid.uuid4().hex[:8]}."
    yield prefix
    client = AdminClient({"bootstrap.servers": bootstrap})
    left = [name for name in client.list_topics(timeout=10).topics if name.startswith(prefix)]
    for outcome in (client.delete_topics(left) if left else {}).values():
        outcome.result(10)


def test_topics_are_made_as_the_contract_says_and_a_second_time_nothing_happens(bootstrap: str, prefix: str) -> None:
    made = create_topics(bootstrap, {}, prefix=prefix)
    assert {result.name: (result.partitions, result.created, result.faults) for result in made} == {
        prefix + topic: (spec.partitions, True, ()) for topic, spec in TOPICS.items()
    }
    again = create_topics(bootstrap, {}, prefix=prefix)
    assert {(result.created, result.faults) for result in again} == {(False, ())}
    resource = ConfigResource(ResourceType.TOPIC, prefix + Topic.RUN_JOURNAL)
    client = AdminClient({"bootstrap.servers": bootstrap})
    (config,) = client.describe_configs([resource]).values()
    found = config.result(10)
    assert {name: found[name].value for name in TOPICS[Topic.RUN_JOURNAL].config} == TOPICS[Topic.RUN_JOURNAL].config


def test_a_topic_that_is_otherwise_is_told_and_left_alone(bootstrap: str, prefix: str) -> None:
    client = AdminClient({"bootstrap.servers": bootstrap})
    client.create_topics([NewTopic(prefix + Topic.ROUTE_DEFINED, 2, 1), NewTopic(prefix + Topic.NEW_POSITION, 24, 1)])[
        prefix + Topic.ROUTE_DEFINED
    ].result(10)
    for _ in range(2):
        found = {result.name.removeprefix(prefix): result for result in create_topics(bootstrap, {}, prefix=prefix)}
        assert found[Topic.ROUTE_DEFINED].faults == (
            "2 partitions, should be at least 6",
            'cleanup.policy is "delete", should be "compact"',
        )
        assert (found[Topic.NEW_POSITION].partitions, found[Topic.NEW_POSITION].faults) == (24, ())


def test_more_copies_than_brokers_are_refused_with_the_topics_name(bootstrap: str, prefix: str) -> None:
    with pytest.raises(TopicsError, match=rf"topic {prefix}\S+ with \d+ partitions and 99 copies: "):
        create_topics(bootstrap, {}, 99, prefix=prefix)


def test_the_command_leaves_the_contracts_topics_behind(bootstrap: str) -> None:
    command = [sys.executable, "-m", "cli", "topics", "apply", "--json"]
    done = subprocess.run(
        command,
        env={**os.environ, "KAFKA_BOOTSTRAP": bootstrap},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    results = {result["name"]: result for result in json.loads(done.stdout)["topics"]}
    assert set(results) == set(Topic)
    assert done.returncode == (1 if any(result["faults"] for result in results.values()) else 0)
