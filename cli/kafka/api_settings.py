"""The API's settings, for commands that go where the API goes: to its Kafka and its stores."""

from __future__ import annotations

from dataclasses import replace

from pydantic import ValidationError

from api.settings import Settings
from engine.contract.kafka_connection import KafkaConnection
from engine.errors import InvalidInput


def api_settings() -> Settings:
    """Return the settings of the environment.

    Raises
    ------
    InvalidInput : settings that do not fit; all faults are told, by their names in the environment.
    """
    try:
        return Settings()
    except ValidationError as error:
        faults = "; ".join(
            ": ".join([*(str(place).upper() for place in fault["loc"]), fault["msg"].removeprefix("Value error, ")])
            for fault in error.errors()
        )
        raise InvalidInput(faults) from None


def kafka_of(settings: Settings, bootstrap: str | None) -> KafkaConnection:
    """Return how Kafka is reached; brokers that were given go before those of the settings."""
    return replace(settings.kafka, bootstrap=bootstrap) if bootstrap else settings.kafka
