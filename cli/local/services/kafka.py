"""Apache Kafka: one node that is broker and controller (KRaft)."""

from __future__ import annotations

import base64
import shlex
import socket
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from cli.local.services import tools
from cli.local.services.fetch import jars
from cli.local.services.pins import KAFKA
from cli.local.services.service import Launch, Place, Service
from cli.progress import Report, silent

HEAP = "768m"
STORE_PASSWORD = "code-delivery"  # it opens a key that is made here, for 127.0.0.1 only

LOG4J = """status=error
appender.c.type=Console
appender.c.name=C
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=%d %p %c{1}: %m%n
rootLogger.level=warn
rootLogger.appenderRef.c.ref=C
"""


class Kafka(Service):
    """The broker.

    Parameters
    ----------
    users : passwords by user name. If there are any, there is a second listener at `secure_address`, SASL_SSL with
        PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512, whose certificate is in `ca_file`. The users are known to a new data
        folder only.
    """

    name, title, well_known_port = "kafka", f"Apache Kafka {KAFKA.name.partition('-')[2]}", 9092

    def __init__(self, place: Place, port: int | None = 0, *, users: Mapping[str, str] | None = None) -> None:
        super().__init__(place, port)
        self.users = dict(users or {})
        self.other_ports = ("controller", "secure") if self.users else ("controller",)
        self.ca_file = self.folder / "config" / "ca.pem"

    @property
    def address(self) -> str:
        """Bootstrap address, ``host:port``."""
        return f"127.0.0.1:{self.port}"

    @property
    def secure_address(self) -> str:
        """Bootstrap address of the listener with SASL_SSL; there is one only if there are users."""
        return f"127.0.0.1:{self.ports['secure']}"

    def fetch(self, report: Report) -> None:
        """Get the jars, and check that there is a Java."""
        tools.java()
        jars(KAFKA, self.place.cache, report)

    def prepare(self) -> Launch:
        """Write server.properties.

        A new data folder is formatted by the same process before it becomes the broker.
        """
        config = self.folder / "config"
        config.mkdir(exist_ok=True)
        (config / "log4j2.properties").write_text(LOG4J)
        properties = config / "server.properties"
        if self.users:
            self._make_certificate(config)
        properties.write_text("".join(f"{name}={value}\n" for name, value in self.properties().items()))
        class_path = f"{jars(KAFKA, self.place.cache, silent)}/*"
        java = [
            tools.java().java,
            *self._java_options(HEAP),
            f"-Dlog4j2.configurationFile={config / 'log4j2.properties'}",
            "-cp",
            class_path,
        ]
        serve = shlex.join([*java, "-Xms256m", "kafka.Kafka", str(properties)])
        if (self.folder / "data" / "meta.properties").exists():
            return Launch(["sh", "-c", f"exec {serve}"])
        scram = [
            argument
            for user, password in self.users.items()
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
            for argument in ("--add-scram", f"{mechanism}=[name={user},password={password}]")
        ]
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
        formatted = shlex.join(
            [
                *java,
                "kafka.tools.StorageTool",
                "format",
                "--ignore-formatted",
                "-t",
                cluster,
                "-c",
                str(properties),
                *scram,
            ]
        )
        return Launch(["sh", "-c", f"{formatted} && exec {serve}"])

    def properties(self) -> dict[str, str | int]:
        """Return the broker's settings.

        One node keeps one copy of everything, and groups notice quickly which member has gone.
        """
        listeners = {
            "PLAINTEXT": self.port,
            "CONTROLLER": self.ports["controller"],
            **({"SECURE": self.ports["secure"]} if self.users else {}),
        }
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{self.ports['controller']}",
            "listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in listeners.items()),
            "advertised.listeners": ",".join(
                f"{name}://127.0.0.1:{port}" for name, port in listeners.items() if name != "CONTROLLER"
            ),
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": str(self.folder / "data"),
            "auto.create.topics.enable": "false",
            "num.partitions": 12,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 4,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "share.coordinator.state.topic.num.partitions": 4,
            "log.cleaner.dedupe.buffer.size": 16 * 2**20,  # of the heap; its default is 128 MiB
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 1000,
            "group.consumer.min.session.timeout.ms": 1000,
            "group.consumer.session.timeout.ms": 6000,
            "group.consumer.min.heartbeat.interval.ms": 100,
            "group.consumer.heartbeat.interval.ms": 500,
            "broker.heartbeat.interval.ms": 500,
            "broker.session.timeout.ms": 3000,  # until then a broker that was killed may not register again
            **(self._security() if self.users else {}),
        }

    def is_ready(self) -> bool:
        """Return whether the broker answers a client's question for topics."""
        if not self.port:
            return False
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1.0).close()
        except OSError:
            return False
        admin = AdminClient({"bootstrap.servers": self.address, "log_level": 0, "socket.timeout.ms": 2000})
        try:
            return bool(admin.list_topics(timeout=2.0).brokers)
        except KafkaException:
            return False

    def _security(self) -> dict[str, str]:
        logins = " ".join(f'user_{user}="{password}"' for user, password in self.users.items())
        plain = "org.apache.kafka.common.security.plain.PlainLoginModule"
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        return {
            "listener.name.secure.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "listener.name.secure.plain.sasl.jaas.config": f"{plain} required {logins};",
            "listener.name.secure.scram-sha-256.sasl.jaas.config": scram,
            "listener.name.secure.scram-sha-512.sasl.jaas.config": scram,
            "listener.name.secure.ssl.keystore.type": "PKCS12",
            "listener.name.secure.ssl.keystore.location": str(self.folder / "config" / "key.p12"),
            "listener.name.secure.ssl.keystore.password": STORE_PASSWORD,
        }

    def _make_certificate(self, config: Path) -> None:
        """Create a key and a self-signed certificate for 127.0.0.1, once."""
        if self.ca_file.exists():
            return
        store = ["-alias", "kafka", "-keystore", str(config / "key.p12"), "-storepass", STORE_PASSWORD]
        key = ["-storetype", "PKCS12", "-keyalg", "RSA", "-keysize", "2048", "-validity", "3650"]
        names = ["-dname", "CN=localhost", "-ext", "SAN=IP:127.0.0.1,DNS:localhost", "-ext", "BC=ca:true"]
        (config / "key.p12").unlink(missing_ok=True)
        for command in (
            ["-genkeypair", *store, *key, *names],
            ["-exportcert", *store, "-rfc", "-file", str(self.ca_file)],
        ):
            subprocess.run([tools.java().home / "bin" / "keytool", *command], check=True, capture_output=True)
