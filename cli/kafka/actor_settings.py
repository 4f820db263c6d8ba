"""The actors' settings, for commands that do with Kafka what the actors do."""

from __future__ import annotations

from pydantic import ValidationError

from actors.settings import Settings, faults_of
from engine.errors import InvalidInput


def actor_settings() -> Settings:
    """Return the settings of the environment.

    Raises
    ------
    InvalidInput : settings that do not fit; all faults are named, by their names in the environment.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise InvalidInput("; ".join(faults_of(error))) from None
