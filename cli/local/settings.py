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

    An option wins over them.
    """

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore")

    port: int = Field(default=8000, ge=1, le=65535, description="port of the map and the API, on 127.0.0.1")
    drivers: int | None = Field(default=None, ge=0, le=1_000_000, description="fleet size; empty: the scenario's")
    scenario: str = Field(default="liechtenstein", description="a TOML file, or the name of a shipped scenario")
    data_dir: Path = Field(
        default=Path(".data"), description="folder of the embedded stores, the logs and the runs' scenarios"
    )
    profile: Profile = Field(
        default=Profile.EMBEDDED,
        description=(
            "what stands behind the chain: `embedded` (a broker out of a wheel, and files) or `services` (real "
            "ones, as local processes)"
        ),
    )
    services_dir: Path | None = Field(
        default=None,
        description=(
            "folder of the local services: data, logs, records; empty: `services` in DATA_DIR, and "
            "`.data/services` for `code-delivery services`"
        ),
    )
    api_host: str = Field(default="127.0.0.1", description="address on which the API serves")
    api_key: ApiKey | None = Field(default=None, description="key of the API, handed on to it")
    end_wait_s: float = Field(
        default=END_WAIT_S,
        gt=0,
        le=3600,
        description=(
            "how long the end of a run waits while nothing more is acknowledged by Kafka or stored, s; as long as"
            " something is, it goes on"
        ),
    )
    drain_seconds: float = Field(
        default=DRAIN_S,
        ge=0,
        le=600,
        description="how long the API's end waits for positions that are still on their way to the stores, s",
    )

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
