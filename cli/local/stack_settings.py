"""Settings of a command that starts a stack of its own.

The stack brings its broker, its stores and one API. A setting that it cannot obey is refused, so that no load goes
elsewhere than was set; every other setting of `api.settings` and `actors.settings` is passed to the parts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any

from api.settings import Role
from cli.kafka.part_settings import actor_settings, api_settings
from cli.local.services import Services
from cli.local.settings import Profile, UpSettings, settings_from
from engine.contract.kafka_connection import KafkaConnection
from engine.errors import InvalidInput

_ELSEWHERE = "run python -m api and python -m actors, which obey it"

_BROKER = {
    f"KAFKA_{field.name.upper()}": "" if field.default in (MISSING, None) else str(field.default)
    for field in fields(KafkaConnection)
    if field.name != "client_id"
}
"""Settings of a connection to Kafka, each with the value that holds for the stack's own broker.

KAFKA_CLIENT_ID is not among them: the stack's broker takes any.
"""

_STORES = {"MONGODB_URL": "state store", "ELASTICSEARCH_URL": "history store"}

_HOSTS = ("127.0.0.1", "localhost", "0.0.0.0")
"""Addresses that serve 127.0.0.1 too, where the stack reaches its API."""


def stack_settings(**options: Any) -> UpSettings:
    """Return the settings of the environment; options that were given win over it.

    Raises
    ------
    InvalidInput : a setting that does not fit, or one that a stack of its own cannot obey; the message names the
        variable, and no address that may hold a password.
    """
    settings = settings_from(**options)
    faults = list(faults_of_stack(settings, os.environ))
    if faults:
        raise InvalidInput("; ".join(faults))
    # What the parts would refuse is refused before one of them starts.
    api_settings()
    actor_settings()
    return settings


def faults_of_stack(settings: UpSettings, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield what the environment asks of a stack of its own that it cannot do, one sentence each."""
    given = {name.upper(): value.strip() for name, value in environment.items() if value.strip()}
    own = _own_services(settings) if settings.profile is Profile.SERVICES else {}
    for name, fits in _BROKER.items():
        if name in given and given[name] not in (fits, own.get(name)):
            yield f"{name} is set, but this command starts a Kafka broker of its own: unset it, or {_ELSEWHERE}"
    for name, store in _STORES.items():
        if name in given and given[name].rstrip("/") != own.get(name):
            yield f"{name} is set, but this command brings a {store} of its own: unset it, or {_ELSEWHERE}"
    if settings.profile is Profile.EMBEDDED and given.get("JOURNAL") == "topic":
        sentence = "JOURNAL is topic, but the embedded broker keeps no topic beyond its run"
        yield f"{sentence}: unset it, or set PROFILE=services"
    if "API_ROLES" in given and {role.strip() for role in given["API_ROLES"].split(",")} != set(Role):
        yield f"API_ROLES is set, but this command starts one API with every part: unset it, or {_ELSEWHERE}"
    if settings.api_host not in _HOSTS:
        sentence = f"API_HOST must be one of {', '.join(_HOSTS)} for this command, found {settings.api_host}"
        yield f"{sentence}: change it, or {_ELSEWHERE}"


def _own_services(settings: UpSettings) -> dict[str, str]:
    """Return the addresses of the local services that run already, by the names of their settings."""
    return Services(settings.services_folder).environment()
