"""Settings of the simulation's process: where things are; a scenario says what happens."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from actors.patience import END_WAIT_S
from engine.codec import KeyField
from engine.contract.kafka_connection import DEFAULT_CLIENT_ID, KafkaConnection, SaslMechanism, SecurityProtocol


class Settings(BaseSettings):
    """The settings, read from the environment once, in an entry point, and passed down.

    Every field's name in capitals is its variable.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    kafka_bootstrap: str = Field(
        default="127.0.0.1:9092", description="host:port of a Kafka broker, or several with commas"
    )
    kafka_client_id: str = Field(default=DEFAULT_CLIENT_ID, description="name by which the broker's logs know us")
    kafka_security_protocol: SecurityProtocol = Field(default="plaintext", description="how brokers are spoken to")
    kafka_sasl_mechanism: SaslMechanism = Field(default="PLAIN", description="how the password is shown to a broker")
    kafka_sasl_username: str = Field(default="", description="our name, for the protocols with sasl")
    kafka_sasl_password: SecretStr = Field(
        default=SecretStr(""), description="our password, for the protocols with sasl"
    )
    kafka_ssl_ca: Path | None = Field(
        default=None,
        description="PEM file of the authorities that may have signed the brokers' certificates; empty: the system's",
    )
    kafka_ssl_certificate: Path | None = Field(
        default=None, description="PEM file of our own certificate, for brokers that ask for one"
    )
    kafka_ssl_key: Path | None = Field(default=None, description="PEM file of our certificate's private key")
    kafka_acks: Literal["all", "1"] = Field(
        default="all", description="who must have a record before it counts as acknowledged"
    )
    kafka_idempotence: bool = Field(
        default=True, description="no duplicates and no reordering by the producer's own retries; needs acks=all"
    )
    kafka_compression: Literal["none", "lz4", "zstd", "snappy", "gzip"] = Field(
        default="lz4", description="compression of record batches"
    )
    kafka_linger_ms: float = Field(
        default=10.0, ge=0, le=5000, description="how long a producer waits for a fuller batch, ms"
    )
    kafka_batch_bytes: int = Field(
        default=1_000_000,
        ge=1_024,
        le=1_000_000,
        description="largest batch of one partition before compression, bytes",
    )
    kafka_partitioner: Literal[
        "murmur2_random", "murmur2", "consistent_random", "consistent", "fnv1a_random", "fnv1a"
    ] = Field(
        default="murmur2_random", description="how a key becomes a partition; murmur2_random is what Java's clients do"
    )
    kafka_key: KeyField = Field(
        default="delivery", description="whose id is the key of a position; each keeps a delivery in one partition"
    )
    kafka_queue_messages: int = Field(
        default=100_000, ge=1000, le=10_000_000, description="records a producer holds before its ticks wait"
    )
    kafka_statistics_s: int = Field(
        default=0, ge=0, le=86_400, description="period of the producers' figures in the log, s; 0: none"
    )
    kafka_producer: Literal["native", "python"] = Field(
        default="native", description="librdkafka's batches by its C interface, or by confluent_kafka"
    )
    journal: Literal["topic", "file"] = Field(
        default="topic",
        description="where the dispatcher keeps its decisions: the topic run.journal, or a file in the data folder for "
        "a broker that forgets",
    )
    data_dir: Path = Field(default=Path(".data"), description="folder for what must outlive a process")
    ray_address: str = Field(
        default="", description="address of a running Ray cluster; empty: a local one is started and ended with the run"
    )
    ray_object_store_mb: int = Field(
        default=256,
        ge=80,
        le=1_000_000,
        description="memory for Ray's object store, MiB; positions never pass through it",
    )
    actor_cpus: float | None = Field(
        default=None,
        gt=0,
        le=64,
        description="CPUs that Ray reserves for one driver actor; empty: the cluster's CPUs shared out",
    )
    end_wait_s: float = Field(
        default=END_WAIT_S,
        gt=0,
        le=3600,
        description="how long the end of a run waits while nothing more is acknowledged or stored, s",
    )
    tick_ms: int = Field(default=50, ge=5, le=1000, description="wall time between two ticks of a driver actor, ms")

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.kafka_idempotence and self.kafka_acks != "all":
            raise ValueError(
                f"KAFKA_IDEMPOTENCE is true, which needs KAFKA_ACKS=all, found {self.kafka_acks}: "
                "set KAFKA_IDEMPOTENCE=false as well"
            )
        assert self.kafka  # raises for settings of the connection that do not fit
        return self

    @property
    def kafka(self) -> KafkaConnection:
        """How Kafka is reached."""
        return KafkaConnection.of(self, self.kafka_sasl_password.get_secret_value())


def faults_of(error: ValidationError) -> list[str]:
    """Return the faults of settings, one sentence each.

    A sentence names the variable, what fits, and what was found if that is no secret.
    """
    faults = []
    for fault in error.errors():
        name = ".".join(str(part).upper() for part in fault["loc"])
        found = "" if not name or name == "KAFKA_SASL_PASSWORD" else f", found {fault['input']!r}"
        faults.append(f"{name + ': ' if name else ''}{fault['msg'].removeprefix('Value error, ')}{found}")
    return faults
