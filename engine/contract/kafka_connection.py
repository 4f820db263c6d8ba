"""Address, encryption and identity of a Kafka: one value that sets up every client of actors and API.

It only checks and translates: it opens no socket, reads no environment, and knows no client library beyond the names of
librdkafka's options. The password is in no text that it makes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal, Self

from engine.errors import InvalidInput

SecurityProtocol = Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]

DEFAULT_CLIENT_ID = "code-delivery"

_SERVER = re.compile(r"(?:[A-Za-z_]+://)?(?:\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+)(?::(?P<port>\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """Address of a Kafka and how to be let in.

    Attributes
    ----------
    bootstrap : host:port of a broker, or several with commas.
    client_id : name by which the brokers' logs and quotas know us.
    security_protocol, sasl_mechanism : as Kafka calls them.
    sasl_username, sasl_password : needed by the protocols whose names begin with sasl, and by no other.
    ssl_ca : certificates of who may have signed the brokers' ones (PEM); None: the system's.
    ssl_certificate, ssl_key : our own certificate and its private key (PEM), for brokers that ask for one; both or
        neither.

    Raises
    ------
    InvalidInput : settings that do not go together, or a file that cannot be read; all faults are reported, by the
        settings' names in the environment.
    """

    bootstrap: str
    client_id: str = DEFAULT_CLIENT_ID
    security_protocol: SecurityProtocol = "plaintext"
    sasl_mechanism: SaslMechanism = "PLAIN"
    sasl_username: str = ""
    sasl_password: str = field(default="", repr=False)
    ssl_ca: Path | None = None
    ssl_certificate: Path | None = None
    ssl_key: Path | None = None

    def __post_init__(self) -> None:
        faults = [*self._faults_of_address(), *self._faults_of_identity(), *self._faults_of_files()]
        if faults:
            raise InvalidInput("; ".join(faults))

    @classmethod
    def of(cls, settings: object, sasl_password: str) -> Self:
        """Return the connection of some settings: attributes named as ours are, with ``kafka_`` before.

        The connection keeps the password in no attribute that is plain text.
        """
        given = {one.name: getattr(settings, f"kafka_{one.name}") for one in fields(cls) if one.name != "sasl_password"}
        return cls(**given, sasl_password=sasl_password)

    def options(self) -> dict[str, str]:
        """Return librdkafka's options for this connection.

        They hold the password: they are for a client's constructor, and for no log.
        """
        options = {
            "bootstrap.servers": self.bootstrap,
            "client.id": self.client_id,
            "security.protocol": self.security_protocol,
        }
        if self._has_sasl:
            options |= {
                "sasl.mechanisms": self.sasl_mechanism,
                "sasl.username": self.sasl_username,
                "sasl.password": self.sasl_password,
            }
        files = {
            "ssl.ca.location": self.ssl_ca,
            "ssl.certificate.location": self.ssl_certificate,
            "ssl.key.location": self.ssl_key,
        }
        return options | {name: str(path) for name, path in files.items() if path is not None}

    def __str__(self) -> str:
        who = f" as {self.sasl_username}" if self._has_sasl else ""
        return f"{self.bootstrap} ({self.security_protocol}{who})"

    @property
    def _has_sasl(self) -> bool:
        return self.security_protocol.startswith("sasl")

    @property
    def _files(self) -> dict[str, Path | None]:
        return {
            "KAFKA_SSL_CA": self.ssl_ca,
            "KAFKA_SSL_CERTIFICATE": self.ssl_certificate,
            "KAFKA_SSL_KEY": self.ssl_key,
        }

    def _faults_of_address(self) -> Iterator[str]:
        if "@" in self.bootstrap:
            yield (
                "KAFKA_BOOTSTRAP must hold no name and password: "
                "give them as KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD"
            )
            return  # without the address: a password may hold a comma, and look like a server
        for server in self.bootstrap.split(","):
            found = _SERVER.fullmatch(server.strip())
            if found is None or not 0 < int(found["port"] or 9092) < 65536:
                yield f'KAFKA_BOOTSTRAP must be "host:port", or several with commas, found {server.strip()!r}'

    def _faults_of_identity(self) -> Iterator[str]:
        given = {"KAFKA_SASL_USERNAME": bool(self.sasl_username), "KAFKA_SASL_PASSWORD": bool(self.sasl_password)}
        for name, is_given in given.items():
            if self._has_sasl and not is_given:
                yield (
                    f"KAFKA_SECURITY_PROTOCOL is {self.security_protocol}, which needs {name}: "
                    "set it, or choose plaintext or ssl"
                )
            if is_given and not self._has_sasl:
                yield (
                    f"{name} is set and KAFKA_SECURITY_PROTOCOL is {self.security_protocol}, "
                    "which shows it to no broker: "
                    "choose sasl_ssl or sasl_plaintext"
                )
        if (self.ssl_certificate is None) != (self.ssl_key is None):
            have, lack = (
                ("KAFKA_SSL_KEY", "KAFKA_SSL_CERTIFICATE")
                if self.ssl_certificate is None
                else ("KAFKA_SSL_CERTIFICATE", "KAFKA_SSL_KEY")
            )
            yield f"{have} is set and {lack} is not: set both or neither"

    def _faults_of_files(self) -> Iterator[str]:
        for name, path in self._files.items():
            if path is None:
                continue
            if "ssl" not in self.security_protocol.removeprefix("sasl_"):
                yield (
                    f"{name} is set and KAFKA_SECURITY_PROTOCOL is {self.security_protocol}, which encrypts nothing: "
                    "choose ssl or sasl_ssl"
                )
            elif (reason := _unreadable(path)) is not None:
                yield f"{name} is {path}: {reason}"


def _unreadable(path: Path) -> str | None:
    try:
        with path.open("rb"):
            return None
    except OSError as error:
        return (error.strerror or str(error)).lower()
