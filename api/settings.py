"""Where the API is and what it talks to.

Read from the environment once, by an entry point, and passed down.

API_HOST            address to serve on; another than a loopback one needs API_KEY                     127.0.0.1
PORT                port to serve on                                                                   8000
API_KEY             key that every caller must show as X-API-Key (or ?key= for a WebSocket)            none
API_ROLES           parts that run in this process: rest, live, state, history                         all
ALLOWED_HOSTS       names, besides the loopback ones, by which pages may call it without a key         none
KAFKA_BOOTSTRAP     Kafka brokers, host:port, comma-separated                                          127.0.0.1:9092
KAFKA_CLIENT_ID     name by which the brokers' logs know us, followed by the part's                    code-delivery
KAFKA_SECURITY_PROTOCOL  plaintext, ssl, sasl_plaintext or sasl_ssl                                    plaintext
KAFKA_SASL_MECHANISM     PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512                                         PLAIN
KAFKA_SASL_USERNAME      our name, for the protocols with sasl                                         none
KAFKA_SASL_PASSWORD      our password, for the protocols with sasl                                     none
KAFKA_SSL_CA             PEM file of the authorities that may have signed the brokers' certificates    the system's
KAFKA_SSL_CERTIFICATE    PEM file of our own certificate, for brokers that ask for one                 none
KAFKA_SSL_KEY            PEM file of our certificate's private key                                     none
MONGODB_URL         MongoDB that keeps the state, mongodb:// or mongodb+srv://                  none: a file in DATA_DIR
MONGODB_DATABASE    name of the database there                                                         code_delivery
MONGODB_POSITIONS   newest: one position of each delivery; all: also every one, in a collection        newest
ELASTICSEARCH_URL   Elasticsearch 9 with the history, http(s)://host:port, comma-separated      none: a file in DATA_DIR
ELASTICSEARCH_API_KEY         key for it, as Elasticsearch gives it out                                none
ELASTICSEARCH_PREFIX          begins the name of everything that is kept there                         delivery
ELASTICSEARCH_INDEX_PERIOD    hour, day or month: how much time one index holds                        day
ELASTICSEARCH_RETENTION_DAYS  indices made more days ago than this are deleted; 0 keeps them           0
ELASTICSEARCH_REPLICAS        copies of each index besides the first                                   0
ELASTICSEARCH_LIFECYCLE       names: we delete old indices; ilm: the server's lifecycle management     names
DATA_DIR            folder of the embedded stores                                                      .data
UI_DIR              folder of the built web pages                                                      the shipped ones
BASEMAP             shipped road network that is the base map, or a network's .npz file               liechtenstein
UPLOAD_LIMIT_BYTES  largest file of routes that may be uploaded                                        33554432
DRAIN_SECONDS       how long the end waits for positions that are still on their way to the stores     3
LOG_LEVEL           debug, info, warning or error                                                      info
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
    """Settings of the API; the module's docstring lists their names in the environment."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore", hide_input_in_errors=True)

    api_host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    api_key: ApiKey | None = None
    api_roles: Annotated[frozenset[Role], NoDecode] = frozenset(Role)
    allowed_hosts: Words = frozenset()
    kafka_bootstrap: str = "127.0.0.1:9092"
    kafka_client_id: str = DEFAULT_CLIENT_ID
    kafka_security_protocol: SecurityProtocol = "plaintext"
    kafka_sasl_mechanism: SaslMechanism = "PLAIN"
    kafka_sasl_username: str = ""
    kafka_sasl_password: SecretStr = SecretStr("")
    kafka_ssl_ca: Path | None = None
    kafka_ssl_certificate: Path | None = None
    kafka_ssl_key: Path | None = None
    mongodb_url: SecretStr | None = None
    mongodb_database: str = Field(default="code_delivery", pattern="^[A-Za-z0-9_-]{1,63}$")
    mongodb_positions: Literal["newest", "all"] = "newest"
    elasticsearch_url: SecretStr | None = None
    elasticsearch_api_key: SecretStr | None = None
    elasticsearch_prefix: str = Field(default="delivery", pattern="^[a-z][a-z0-9-]{0,63}$")
    elasticsearch_index_period: Literal["hour", "day", "month"] = "day"
    elasticsearch_retention_days: int = Field(default=0, ge=0, le=36_500)
    elasticsearch_replicas: int = Field(default=0, ge=0, le=10)
    elasticsearch_lifecycle: Literal["names", "ilm"] = "names"
    data_dir: Path = Path(".data")
    ui_dir: Path | None = None
    basemap: str = "liechtenstein"
    upload_limit_bytes: int = Field(default=32 * 1024 * 1024, ge=1024)
    drain_seconds: float = Field(default=DRAIN_S, ge=0, le=600)
    log_level: Literal["debug", "info", "warning", "error"] = "info"

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
