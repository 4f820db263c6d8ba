"""Where the API is and what it talks to.

Read from the environment once, by an entry point, and passed down.

Each field's description says what it is; ``docs/settings.md`` is made from them (``docs/generate.py``).
"""

from __future__ import annotations

import ipaddress
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from api.bounds import DRAIN_S
from api.key import ApiKey
from engine.contract.address import HOST, HOW_TO_ENCODE, IDENTITY
from engine.contract.kafka_connection import DEFAULT_CLIENT_ID, KafkaConnection, SaslMechanism, SecurityProtocol
from engine.data import NETWORKS


class Role(StrEnum):
    """A part of the API that may run in a process of its own."""

    REST = "rest"
    LIVE = "live"
    STATE = "state"
    HISTORY = "history"


def is_loopback(host: str) -> bool:
    """Return whether a host name or address can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


_PORT = r":\d{1,5}"
_HTTP = re.compile(rf"https?://{IDENTITY}{HOST}{_PORT}(/[^\s?#@]*)?")
_MONGODB = re.compile(rf"mongodb(\+srv)?://{IDENTITY}{HOST}({_PORT})?(,{HOST}({_PORT})?)*(/[^\s?#@]*)?(\?[^\s#@]*)?")
Words = Annotated[frozenset[str], NoDecode]


class Settings(BaseSettings):
    """Settings of the API; each field's name in capitals is its variable in the environment."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore", hide_input_in_errors=True)

    api_host: str = Field(
        default="127.0.0.1",
        description=(
            "address to serve on; one that is no loopback address needs API_KEY; `up`, `run` and `loadtest` take "
            "`127.0.0.1`, `localhost` and `0.0.0.0`"
        ),
    )
    port: int = Field(default=8000, ge=0, le=65535, description="port of the map and the API")
    api_key: ApiKey | None = Field(
        default=None,
        description=(
            "key that every caller must show as `X-API-Key`, or as `?key=` for a WebSocket: 8 or more printable "
            "ASCII characters"
        ),
    )
    api_roles: Annotated[frozenset[Role], NoDecode] = Field(
        default=frozenset(Role),
        description=(
            "parts of the API that run in this process, with commas between: `rest`, `live`, `state`, `history`"
        ),
    )
    allowed_hosts: Words = Field(
        default=frozenset(),
        description=(
            "names, besides the loopback ones, by which pages may call the API without a key, with commas between"
        ),
    )
    kafka_bootstrap: str = Field(
        default="127.0.0.1:9092", description="host:port of a Kafka broker, or several with commas between"
    )
    kafka_client_id: str = Field(
        default=DEFAULT_CLIENT_ID, description="name by which the brokers' logs know a client, followed by its part"
    )
    kafka_security_protocol: SecurityProtocol = Field(default="plaintext", description="how brokers are spoken to")
    kafka_sasl_mechanism: SaslMechanism = Field(default="PLAIN", description="how the password is shown to a broker")
    kafka_sasl_username: str = Field(default="", description="user name, for the protocols with sasl")
    kafka_sasl_password: SecretStr = Field(default=SecretStr(""), description="password, for the protocols with sasl")
    kafka_ssl_ca: Path | None = Field(
        default=None,
        description="PEM file of the authorities that may have signed the brokers' certificates; empty: the system's",
    )
    kafka_ssl_certificate: Path | None = Field(
        default=None, description="PEM file of a certificate of the client, for brokers that ask for one"
    )
    kafka_ssl_key: Path | None = Field(default=None, description="PEM file of that certificate's private key")
    mongodb_url: SecretStr | None = Field(
        default=None,
        description=(
            "MongoDB that keeps the state, `mongodb://` or `mongodb+srv://`; what the address says "
            "(`?w=1&maxPoolSize=50`) goes before the defaults: pool 16, `w=majority`, journal; empty: a file in "
            "DATA_DIR"
        ),
    )
    mongodb_database: str = Field(
        default="code_delivery", pattern="^[A-Za-z0-9_-]{1,63}$", description="name of the database there"
    )
    mongodb_positions: Literal["newest", "all"] = Field(
        default="newest",
        description="`newest`: one position of each delivery; `all`: every one as well, in a collection of its own",
    )
    elasticsearch_url: SecretStr | None = Field(
        default=None,
        description=(
            "Elasticsearch 9 that keeps the history, http(s)://host:port, or several with commas between; empty: "
            "a file in DATA_DIR"
        ),
    )
    elasticsearch_api_key: SecretStr | None = Field(
        default=None, description="key for it, as Elasticsearch gives it out"
    )
    elasticsearch_prefix: str = Field(
        default="delivery",
        pattern="^[a-z][a-z0-9-]{0,63}$",
        description="begins the name of everything that is kept there",
    )
    elasticsearch_index_period: Literal["hour", "day", "month"] = Field(
        default="day", description="how much time one index holds"
    )
    elasticsearch_retention_days: int = Field(
        default=0, ge=0, le=36_500, description="indices made more days ago than this are deleted; 0 keeps them"
    )
    elasticsearch_replicas: int = Field(default=0, ge=0, le=10, description="copies of each index besides the first")
    elasticsearch_lifecycle: Literal["names", "ilm"] = Field(
        default="names",
        description="`names`: the API deletes old indices; `ilm`: the server's lifecycle management, where it has one",
    )
    data_dir: Path = Field(
        default=Path(".data"), description="folder of the embedded stores, the logs and the runs' scenarios"
    )
    ui_dir: Path | None = Field(default=None, description="folder of the built web page; empty: the shipped one")
    basemap: str = Field(
        default="liechtenstein", description="shipped road network that is the base map, or a network's .npz file"
    )
    upload_limit_bytes: int = Field(
        default=32 * 1024 * 1024, ge=1024, description="largest file of routes that may be uploaded, bytes"
    )
    drain_seconds: float = Field(
        default=DRAIN_S,
        ge=0,
        le=600,
        description="how long the API's end waits for positions that are still on their way to the stores, s",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least severity that the log shows"
    )

    @field_validator("api_roles", "allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if not is_loopback(self.api_host) and self.api_key is None:
            raise ValueError(f"API_HOST is {self.api_host}, which others can reach: set API_KEY, or keep to 127.0.0.1")
        return self

    @model_validator(mode="after")
    def _can_reach_kafka(self) -> Self:
        assert self.kafka  # raises for settings of the connection that do not fit
        return self

    @field_validator("mongodb_url")
    @classmethod
    def _is_mongodb(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError(
                "MONGODB_URL must begin with mongodb:// or mongodb+srv://"
            )  # and is not shown: it may hold a password
        if value is not None and not _MONGODB.fullmatch(value.get_secret_value()):
            raise ValueError(
                "MONGODB_URL must be mongodb://name:password@host:port/database?options, "
                f"the first and the last parts as needed; {HOW_TO_ENCODE}"
            )
        return value

    @field_validator("elasticsearch_url")
    @classmethod
    def _is_elasticsearch(cls, value: SecretStr | None) -> SecretStr | None:
        for url in [] if value is None else value.get_secret_value().split(","):
            if not _HTTP.fullmatch(url.strip()):
                raise ValueError(
                    "ELASTICSEARCH_URL must be http(s)://host:port, or several of them with commas between; "
                    f"{HOW_TO_ENCODE}"
                )  # and is not shown
        return value

    @field_validator("basemap")
    @classmethod
    def _is_a_network(cls, value: str) -> str:
        if value not in NETWORKS and not value.endswith(".npz"):
            raise ValueError(
                f"BASEMAP must be one of {', '.join(NETWORKS)}, or a file that ends in .npz, found {value!r}"
            )
        return value

    @property
    def kafka(self) -> KafkaConnection:
        """How Kafka is reached."""
        return KafkaConnection.of(self, self.kafka_sasl_password.get_secret_value())

    @property
    def key(self) -> str | None:
        """The API key as a text; None if none is asked for."""
        return None if self.api_key is None else self.api_key.get_secret_value()

    @property
    def secrets(self) -> frozenset[str]:
        """Keys and passwords, as texts that no log may hold; those in addresses are not among them."""
        given = (self.api_key, self.kafka_sasl_password, self.elasticsearch_api_key)
        return frozenset(secret.get_secret_value() for secret in given if secret)

    def has(self, role: Role) -> bool:
        """Return whether a part runs in this process."""
        return role in self.api_roles
