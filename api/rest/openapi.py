"""The OpenAPI document.

What REST answers, the problems it answers with, and the messages of the live sockets.

The web page's types are made from it, so the repository keeps it, and ``make check`` compares.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from api.live import messages
from api.rest.problems import Problem

DESCRIPTION = (
    "Live, measured, large-scale simulation of delivery fleets. SI units; times are virtual epoch milliseconds; "
    "errors are problem+json."
)
TAGS = [
    {"name": "routes", "description": "Roads to drive: list, import, delete."},
    {"name": "deliveries", "description": "Start deliveries, watch them, control them."},
    {"name": "runs", "description": "Runs of a scenario, and the account of their positions."},
    {"name": "views", "description": "Named addresses of the map: keep, open, forget."},
    {"name": "health", "description": "For those who operate the service."},
    {"name": "page", "description": "What the web page asks for first."},
]
_REFERENCE = "#/components/schemas/{model}"
_FRAMEWORKS_OWN = ("HTTPValidationError", "ValidationError")


def document(app: FastAPI) -> dict[str, Any]:
    """Return an application's document, made at the first call."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            tags=TAGS,
            routes=app.routes,
            license_info=app.license_info,
        )
        schemas = found.setdefault("components", {}).setdefault("schemas", {})
        for name in _FRAMEWORKS_OWN:
            schemas.pop(name, None)
        found["components"]["schemas"] = _further_schemas() | schemas
        app.openapi_schema = found
    return app.openapi_schema


def _further_schemas() -> dict[str, Any]:
    """Return the schemas that no operation names by a model: problems, and the sockets' messages."""
    sent = [(model, "serialization") for model in messages.SENT]
    received = [(model, "validation") for model in messages.RECEIVED]
    _, definitions = models_json_schema([*sent, *received, (Problem, "validation")], ref_template=_REFERENCE)  # type: ignore[list-item]
    schemas: dict[str, Any] = definitions["$defs"]
    return schemas
