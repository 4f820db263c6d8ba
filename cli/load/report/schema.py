"""The JSON Schema (draft 2020-12) of reports, made of the dataclasses that are written and read. ``docs/load-report.schema.json`` is its text."""

from __future__ import annotations

import json
from typing import Any

from cli.load.report.form import parts_of, schema_of
from cli.load.report.model import FORMAT, LoadReport


def report_schema() -> dict[str, Any]:
    """Return the schema."""
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:code-delivery:load-report",
        "title": "code-delivery load test report",
    }
    whole = schema_of(LoadReport)
    whole["properties"]["format"] = {"const": FORMAT, "description": "Number of this format."}
    return (
        head
        | whole
        | {"$defs": {name: schema_of(kind) for name, kind in parts_of(LoadReport).items() if kind is not LoadReport}}
    )


def schema_text() -> str:
    """Return the schema as the file has it."""
    return json.dumps(report_schema(), indent=2, ensure_ascii=False) + "\n"
