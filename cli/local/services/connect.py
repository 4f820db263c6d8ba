"""Kafka Connect: one distributed worker with MongoDB's own sink and ours for Elasticsearch."""

from __future__ import annotations

import httpx

from cli.local.services import tools
from cli.local.services.fetch import jars
from cli.local.services.kafka import LOG4J, Kafka
from cli.local.services.pins import KAFKA
from cli.local.services.plugins import add_mongodb_sink, build_plugin
from cli.local.services.service import Launch, Place, Service
from cli.progress import Report, silent

HEAP = "512m"


class Connect(Service):
    """The worker.

    Parameters
    ----------
    kafka : the broker that it works for, which must be ready before the worker starts.
    """

    name, title, well_known_port = "connect", f"Kafka Connect {KAFKA.name.partition('-')[2]}", 8083

    def __init__(self, place: Place, port: int | None = 0, *, kafka: Kafka) -> None:
        super().__init__(place, port)
        self.kafka = kafka
        self.plugins = self.folder / "plugins"

    @property
    def address(self) -> str:
        """Base URL of its REST interface."""
        return f"http://127.0.0.1:{self.port}"

    def fetch(self, report: Report) -> None:
        """Get the jars and the plugins."""
        tools.java()
        jars(KAFKA, self.place.cache, report)
        if self.pid is None:  # a running worker has its plugins open
            add_mongodb_sink(self.plugins, self.place.cache, report)
            build_plugin(self.plugins, report)

    def prepare(self) -> Launch:
        """Write worker.properties."""
        config = self.folder / "config"
        config.mkdir(exist_ok=True)
        (config / "log4j2.properties").write_text(LOG4J)
        properties = config / "worker.properties"
        properties.write_text("".join(f"{name}={value}\n" for name, value in self.properties().items()))
        java = [
            tools.java().java,
            *self._java_options(HEAP),
            f"-Dlog4j2.configurationFile={config / 'log4j2.properties'}",
        ]
        class_path = f"{jars(KAFKA, self.place.cache, silent)}/*"
        return Launch([*java, "-cp", class_path, "org.apache.kafka.connect.cli.ConnectDistributed", str(properties)])

    def properties(self) -> dict[str, str | int]:
        """Return the worker's settings.

        One broker keeps one copy, and tasks of a worker that has gone are given to others at once.
        """
        return {
            "bootstrap.servers": self.kafka.address,
            "group.id": "code-delivery-connect",
            "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter.schemas.enable": "false",
            "config.storage.topic": "connect.configs",
            "offset.storage.topic": "connect.offsets",
            "status.storage.topic": "connect.status",
            "config.storage.replication.factor": 1,
            "offset.storage.replication.factor": 1,
            "status.storage.replication.factor": 1,
            "offset.storage.partitions": 4,
            "status.storage.partitions": 2,
            "offset.flush.interval.ms": 2000,
            "session.timeout.ms": 6000,
            "heartbeat.interval.ms": 500,
            "scheduled.rebalance.max.delay.ms": 0,
            "listeners": self.address,
            "rest.advertised.host.name": "127.0.0.1",
            "plugin.path": str(self.plugins),
            "plugin.discovery": "hybrid_warn",
        }

    def is_ready(self) -> bool:
        """Return whether the worker has joined its group and takes connectors."""
        if not self.port:
            return False
        try:
            return httpx.get(f"{self.address}/health", timeout=3.0, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False
