"""Real services: Kafka, Elasticsearch, a stand-in for MongoDB, and Kafka Connect when a test wants it."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import ConsumerGroupTopicPartitions
from confluent_kafka.admin import AdminClient

from cli.kafka.topics import create_topics
from cli.local.services import DEFAULT, Services
from cli.local.services.mongodb import MongoDb
from engine.contract.topics import TOPICS

SETTLED_S = 60.0
"""Seconds within which a broker forgets deleted topics and abandoned groups."""


@contextmanager
def services_folder() -> Iterator[Path]:
    """Give a folder that every user can enter, Elasticsearch's among them; it is removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="code-delivery-services-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def running_services(names: Iterable[str] = DEFAULT) -> Iterator[Services]:
    """Give services on free ports; they end, with all they stored, at the end or when this process dies."""
    with services_folder() as folder:
        services = Services(folder, free_ports=True, quick=True)
        try:
            services.start(names)
            create_topics(services.kafka.address, {})
            yield services
        finally:
            services.stop()


@contextmanager
def mongodb_in_memory() -> Iterator[MongoDb]:
    """Give a stand-in for MongoDB that writes no file: its files lose documents whose ids are objects."""
    with services_folder() as folder:
        services = Services(folder, free_ports=True, quick=True, mongodb_in_memory=True)
        try:
            services.start(["mongodb"])
            yield services.mongodb
        finally:
            services.stop()


def empty_the_topics(bootstrap: str) -> None:
    """Make the contract's topics anew, so that readers find nothing of earlier tests.

    With a topic the broker forgets what consumer groups have committed on it.
    """
    client = AdminClient({"bootstrap.servers": bootstrap, "log_level": 3})
    deadline = time.monotonic() + SETTLED_S
    there = [str(topic) for topic in TOPICS if topic in client.list_topics(timeout=10).topics]
    for gone in (client.delete_topics(there) if there else {}).values():
        gone.result(20)
    while set(there) & set(client.list_topics(timeout=10).topics) or _committed(client):
        assert time.monotonic() < deadline, f"the broker kept {there} or the offsets of {_committed(client)}"
        time.sleep(0.05)
    create_topics(bootstrap, {})


def _committed(client: AdminClient) -> list[str]:
    """Return this project's and Connect's consumer groups with an offset on one of the contract's topics."""
    groups = [group.group_id for group in client.list_consumer_groups().result(10).valid]
    asked = [
        (group, client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group])
        for group in groups
        if group.startswith(("code-delivery-", "connect-"))
    ]
    return [
        group
        for group, answer in asked
        if any(part.offset >= 0 and part.topic in TOPICS for part in answer.result(10).topic_partitions)
    ]
