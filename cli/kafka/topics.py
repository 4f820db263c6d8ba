"""The contract's topics on a real broker: missing ones are created, differences are reported.

Nothing is ever changed or deleted.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec, ResourceType

from cli.errors import CliError
from engine.contract.topics import TOPICS, TopicSpec
from engine.messages import Topic

TIMEOUT_S = 20.0

_LOG_ERRORS = 3
"""Level of librdkafka's own log; above it an admin client logs each answer that it did not wait for."""

_CONNECTION = ("client.id", "security.", "sasl.", "ssl.")
"""Options of a connection to a broker, by how their names begin; an admin client takes no others."""


class TopicsError(CliError):
    """Topics could not be read or created; the message names the topic and the reason."""


@dataclass(frozen=True, slots=True)
class TopicResult:
    """One topic after `create_topics`.

    Attributes
    ----------
    created : it was missing.
    faults : how it differs from its spec; mending that needs a person who knows its data.
    """

    name: str
    partitions: int
    created: bool
    faults: tuple[str, ...] = ()


def create_topics(
    bootstrap: str,
    options: Mapping[str, Any],
    replication: int = 1,
    *,
    prefix: str = "",
    topics: Mapping[Topic, TopicSpec] = TOPICS,
) -> list[TopicResult]:
    """Create the contract's topics that are missing, and return how the others differ from their specs.

    Parameters
    ----------
    bootstrap : ``host:port`` of a broker, or several with commas.
    options : of any of our Kafka clients; those that say how to connect are used.
    replication : copies of each new topic, at most as many as there are brokers.
    prefix : put before each name; for tests on a shared broker.

    Raises
    ------
    TopicsError : no broker answers, or one refuses.
    """
    connection = {name: value for name, value in options.items() if name.startswith(_CONNECTION)}
    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": _LOG_ERRORS, **connection})
    wanted = {prefix + topic: spec for topic, spec in topics.items()}
    missing = {name: spec for name, spec in wanted.items() if name not in _partitions(client)}
    created = _create(client, missing, replication)
    partitions, configs = _partitions(client, wanted), _configs(client, wanted)
    _wait_for_leaders(client, {name: partitions[name] for name in created})
    return [
        TopicResult(name, partitions[name], name in created, faults_of(spec, partitions[name], configs[name]))
        for name, spec in wanted.items()
    ]


def faults_of(spec: TopicSpec, partitions: int, config: Mapping[str, str]) -> tuple[str, ...]:
    """Return in words how a topic differs from its spec.

    More partitions than wanted and a higher limit are no fault.
    """
    faults = []
    if partitions < spec.partitions:
        faults.append(f"{partitions} partitions, should be at least {spec.partitions}")
    for name, value in spec.config.items():
        found = config.get(name, "")
        if name == "cleanup.policy" and found != value:
            faults.append(f'{name} is "{found}", should be "{value}"')
        elif name == "max.message.bytes" and int(found or 0) < int(value):
            faults.append(f"{name} is {found}, should be at least {value}")
    return tuple(faults)


def _create(client: AdminClient, missing: Mapping[str, TopicSpec], replication: int) -> set[str]:
    """Create topics, and return those that this call created.

    A topic that another process creates meanwhile is no error.
    """
    if not missing:
        return set()
    new = [
        NewTopic(name, num_partitions=spec.partitions, replication_factor=replication, config=spec.config)
        for name, spec in missing.items()
    ]
    created = set()
    for name, outcome in client.create_topics(new, operation_timeout=TIMEOUT_S).items():
        try:
            outcome.result(TIMEOUT_S)
            created.add(name)
        except KafkaException as error:
            if error.args[0].name() != "TOPIC_ALREADY_EXISTS":
                wanted = f"{missing[name].partitions} partitions and {replication} copies"
                raise TopicsError(f"topic {name} with {wanted}: {error.args[0].str()}") from None
    return created


def _partitions(client: AdminClient, expected: Collection[str] = ()) -> dict[str, int]:
    """Return the number of partitions of every topic.

    Expected ones are asked for again for a while, because a new topic is not known everywhere at once.
    """
    try:
        for _ in range(50):
            found = {
                name: len(topic.partitions)
                for name, topic in client.list_topics(timeout=TIMEOUT_S).topics.items()
                if topic.error is None
            }
            if all(found.get(name) for name in expected):
                return found
            client.poll(0.1)
    except KafkaException as error:
        raise TopicsError(f"no broker answers: {error.args[0].str()}") from None
    raise TopicsError(f"topics that should be there are not: {', '.join(sorted(set(expected) - set(found)))}")


def _wait_for_leaders(client: AdminClient, partitions: Mapping[str, int]) -> None:
    """Return when every partition of some new topics can be used.

    For a moment after a topic is created its leaders do not know that they are.
    """
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    questions = {TopicPartition(name, number): latest for name, count in partitions.items() for number in range(count)}
    deadline = time.monotonic() + TIMEOUT_S
    while questions:
        answers = client.list_offsets(questions, request_timeout=TIMEOUT_S)
        questions = {part: latest for part, answer in answers.items() if answer.exception(TIMEOUT_S) is not None}
        if questions and time.monotonic() > deadline:
            names = sorted(f"{part.topic} {part.partition}" for part in questions)
            raise TopicsError(f"partitions without a leader: {', '.join(names)}")
        client.poll(0.1 if questions else 0)


def _configs(client: AdminClient, names: Collection[str]) -> dict[str, dict[str, str]]:
    resources = {name: ConfigResource(ResourceType.TOPIC, name) for name in names}
    answers = client.describe_configs(list(resources.values()), request_timeout=TIMEOUT_S)
    try:
        return {
            name: {entry: value.value for entry, value in answers[resource].result(TIMEOUT_S).items()}
            for name, resource in resources.items()
        }
    except KafkaException as error:
        raise TopicsError(f"the topics' settings cannot be read: {error.args[0].str()}") from None
