"""The JSON Schema (draft 2020-12) of reports; ``docs/load-report.schema.json`` is its text."""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from cli.load.report.model import REPORT


class _Untitled(GenerateJsonSchema):
    """Schemas without a title for each field, which would only repeat its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the base class's signature
        return False


def report_schema() -> dict[str, Any]:
    """Return the schema."""
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:code-delivery:load-report",
    }
    schema = REPORT.json_schema(schema_generator=_Untitled)
    return head | schema | {"title": "code-delivery load test report"}


def schema_text() -> str:
    """Return the schema as the file has it."""
    return json.dumps(report_schema(), indent=2, ensure_ascii=False) + "\n"
