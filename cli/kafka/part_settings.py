"""Settings of the API and of the actors, for commands that use the same Kafka and stores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from pydantic import ValidationError

from actors.settings import Settings as ActorSettings
from actors.settings import faults_of as faults_of_actors
from api.settings import Settings as ApiSettings
from engine.contract.kafka_connection import KafkaConnection
from engine.errors import InvalidInput

S = TypeVar("S", ActorSettings, ApiSettings)


def api_settings() -> ApiSettings:
    """Return the API's settings from the environment.

    Raises
    ------
    InvalidInput : settings that do not fit; the message holds every fault with its name in the environment.
    """
    return _read(ApiSettings, _faults_of_api)


def actor_settings() -> ActorSettings:
    """Return the actors' settings from the environment.

    Raises
    ------
    InvalidInput : settings that do not fit; the message holds every fault with its name in the environment.
    """
    return _read(ActorSettings, faults_of_actors)


def kafka_of(settings: ApiSettings, bootstrap: str | None) -> KafkaConnection:
    """Return how Kafka is reached; brokers that were given win over those of the settings."""
    return replace(settings.kafka, bootstrap=bootstrap) if bootstrap else settings.kafka


def _read(kind: Callable[[], S], faults_of: Callable[[ValidationError], list[str]]) -> S:
    try:
        return kind()
    except ValidationError as error:
        raise InvalidInput("; ".join(faults_of(error))) from None


def _faults_of_api(error: ValidationError) -> list[str]:
    """Return the faults without what was found: an address may hold a password."""
    return [
        ": ".join([*(str(place).upper() for place in fault["loc"]), fault["msg"].removeprefix("Value error, ")])
        for fault in error.errors()
    ]
