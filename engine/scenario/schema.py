"""The JSON Schema of scenario files, made of the declarations that read them.

``engine/data/scenario.schema.json`` is its text, and a test compares them.

A schema knows each value's bounds. Only ``code-delivery scenario check`` reports broken rules between keys and files
that do not exist.
"""

from __future__ import annotations

import json
from typing import Any

from engine.declared.fields import schema_of
from engine.scenario.scenario import Scenario

SCHEMA_FILE = "scenario.schema.json"


def scenario_schema() -> dict[str, Any]:
    """Return the schema."""
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "code-delivery scenario",
        "description": "What happens in the world: roads, drivers, load. A TOML file.",
    }
    return head | schema_of(Scenario)


def schema_text() -> str:
    """Return the schema as the file has it."""
    return json.dumps(scenario_schema(), indent=2, ensure_ascii=False) + "\n"
