"""Connectors as files, with placeholders for the API's settings.

A file holds ``{"name": ..., "config": {...}}``, with ``${SETTING}`` where a setting is filled in.

Kafka Connect's own references, ``${env:NAME}`` or ``${file:path:key}``, have a provider and a colon and are left for
the worker.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from api.settings import Settings
from engine.errors import InvalidInput

FOLDER = Path(__file__).resolve().parents[2] / "connect" / "connectors"
"""The connectors of this distribution; there in a checkout, not in an installed wheel."""

_OWN_SINK = "codedelivery.connect.ElasticsearchSinkConnector"
_PLACEHOLDER = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")
_MAY_BE_ABSENT = frozenset({"ELASTICSEARCH_API_KEY"})
"""Settings without which the line of a configuration that names them is left out."""


@dataclass(frozen=True, slots=True)
class Connector:
    """One connector's name and configuration."""

    name: str
    config: Mapping[str, str]

    @property
    def classes(self) -> list[str]:
        """The plugins that a worker must have for it: the connector and its transformations.

        Converters come with every worker.
        """
        return [
            value
            for key, value in self.config.items()
            if key == "connector.class" or re.fullmatch(r"transforms\.[^.]+\.type", key)
        ]

    @property
    def needs_templates(self) -> bool:
        """Whether it writes to Elasticsearch, where the index templates have to be first."""
        return self.config["connector.class"] == _OWN_SINK


def read_connectors(folder: Path, only: Collection[str] = ()) -> list[Connector]:
    """Return the connectors of a folder by name.

    Parameters
    ----------
    only : names of those wanted; all if empty.

    Raises
    ------
    InvalidInput : no such folder, a damaged file, or a name that is not there.
    """
    if not folder.is_dir():
        raise InvalidInput(f"{folder}: no such folder of connectors; name one with --folder")
    found = {connector.name: connector for connector in map(_read, sorted(folder.glob("*.json")))}
    if unknown := sorted(set(only) - set(found)):
        raise InvalidInput(f"{folder} has no connector {', '.join(unknown)}; there are: {', '.join(found) or 'none'}")
    return [connector for name, connector in found.items() if not only or name in only]


def _read(path: Path) -> Connector:
    try:
        parsed = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path}: {error}") from None
    config = parsed.get("config") if isinstance(parsed, dict) else None
    if not isinstance(config, dict) or not isinstance(parsed.get("name"), str) or "connector.class" not in config:
        raise InvalidInput(f'{path}: expected {{"name": ..., "config": {{"connector.class": ...}}}}')
    if wrong := [key for key, value in config.items() if not isinstance(value, str)]:
        raise InvalidInput(f"{path} {wrong[0]}: expected a text, found {config[wrong[0]]!r}")
    return Connector(parsed["name"], config)


def settings_values(settings: Settings) -> dict[str, str]:
    """Return the values of placeholders: the API's settings that are set, by their variables."""
    values: dict[str, Any] = {name.upper(): getattr(settings, name) for name in type(settings).model_fields}
    return {
        name: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in values.items()
        if value is not None
    }


def filled(connector: Connector, values: Mapping[str, str]) -> Connector:
    """Return a connector with values in the place of its placeholders.

    Raises
    ------
    InvalidInput : a setting is needed and not there.
    """
    config = {}
    for key, text in connector.config.items():
        missing = sorted(set(_PLACEHOLDER.findall(text)) - values.keys())
        if not missing:
            config[key] = _PLACEHOLDER.sub(lambda found: values[found[1]], text)
        elif not _MAY_BE_ABSENT.issuperset(missing):
            raise InvalidInput(
                f"connector {connector.name} needs {', '.join(missing)} for {key}: "
                "set it in the environment, or choose connectors with --only"
            )
    return Connector(connector.name, config)
