"""Settings of a stack on this machine: ports, folders, profile.

What happens in the world is a scenario, which is a file.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from actors.patience import END_WAIT_S
from api.bounds import DRAIN_S
from api.key import ApiKey
from engine.errors import InvalidInput


class Profile(StrEnum):
    """The broker and the stores: embedded ones, or real services as processes of this machine."""

    EMBEDDED = "embedded"
    SERVICES = "services"


class UpSettings(BaseSettings):
    """Settings of ``code-delivery up``, ``run`` and ``loadtest``, from the environment.

    An option on the command line wins.

    Attributes
    ----------
    port : PORT, where the map and the API are served on 127.0.0.1.
    drivers : DRIVERS, fleet size; the scenario's own if absent.
    scenario : SCENARIO, a TOML file or the name of a shipped scenario.
    data_dir : DATA_DIR, folder of the embedded stores and the logs.
    profile : PROFILE, which broker and stores the stack has.
    services_dir : SERVICES_DIR, folder of the local services; ``services`` in the data folder if absent.
    api_host : API_HOST, address on which the API serves.
    api_key : API_KEY, passed to the API.
    end_wait_s : END_WAIT_S, how long the end waits while nothing more is acknowledged or stored, s; passed to the
        simulation.
    drain_seconds : DRAIN_SECONDS, passed to the API.
    """

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore")

    port: int = Field(default=8000, ge=1, le=65535)
    drivers: int | None = Field(default=None, ge=0, le=1_000_000)
    scenario: str = "liechtenstein"
    data_dir: Path = Path(".data")
    profile: Profile = Profile.EMBEDDED
    services_dir: Path | None = None
    api_host: str = "127.0.0.1"
    api_key: ApiKey | None = None
    end_wait_s: float = Field(default=END_WAIT_S, gt=0, le=3600)
    drain_seconds: float = Field(default=DRAIN_S, ge=0, le=600)

    @property
    def url(self) -> str:
        """Address of the map and the API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def services_folder(self) -> Path:
        """Folder of the local services."""
        return self.services_dir or self.data_dir / "services"

    @property
    def key(self) -> str | None:
        """The API key as a text; None if there is none."""
        return None if self.api_key is None else self.api_key.get_secret_value()


def settings_from(**options: Any) -> UpSettings:
    """Return the settings of the environment; options that were given win over it.

    Raises
    ------
    InvalidInput : a setting that does not fit; the message names the variable, and the value if that is no secret.
    """
    try:
        return UpSettings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        raise InvalidInput("; ".join(map(_sentence, error.errors()))) from None


def _sentence(fault: ErrorDetails) -> str:
    name = ".".join(map(str, fault["loc"])).upper()
    found = "" if name == "API_KEY" else f", found {fault['input']!r}"
    return f"{name}: {fault['msg'].removeprefix('Value error, ')}{found}"
