"""Real services for a test session: Kafka with the contract's topics, Elasticsearch, a stand-in for MongoDB, and Kafka Connect when it is first wanted."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.kafka.topics import create_topics
from cli.local.services import DEFAULT, Services


@contextmanager
def services_folder() -> Iterator[Path]:
    """Give a folder that every user can enter, as the one must that Elasticsearch runs as; removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="code-delivery-services-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def running_services(names: Iterable[str] = DEFAULT, *, mongodb_in_memory: bool = False) -> Iterator[Services]:
    """Give services of our own on free ports; they end, with all they stored, at the end or when this process dies."""
    with services_folder() as folder:
        services = Services(folder, free_ports=True, quick=True, mongodb_in_memory=mongodb_in_memory)
        try:
            services.start(names)
            create_topics(services.kafka.address, {})
            yield services
        finally:
            services.stop()
