"""How the parts of a report are written and read, and the errors.

Names are camelCase in a file. An absent field has its default, and an unknown field is ignored, so that a later release
may add some.
"""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, ValidationError

from engine.errors import InvalidInput, shown
from engine.wire_names import camel

FORM = ConfigDict(
    alias_generator=camel,
    allow_inf_nan=False,
    extra="ignore",
    use_attribute_docstrings=True,
    validate_by_alias=True,
    validate_by_name=True,
)
"""Configuration of every dataclass of a report.

The docstrings of fields are the descriptions in the JSON Schema.
"""

_EXPECTED = {
    "bool_type": "true or false",
    "dataclass_type": "an object",
    "dict_type": "an object",
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_type": "a whole number",
    "string_type": "a text",
    "tuple_type": "a list",
}
"""What must stand where pydantic reports an error of a type."""


class ReportError(InvalidInput):
    """A file that is no report, or one of another format.

    The message names the file, the place in it, what must stand there and what does.
    """


def report_error(error: ValidationError) -> ReportError:
    """Return the first fault that pydantic found, as one line.

    The line is ``stages[2].judged must be true or false, found 1``.
    """
    first = error.errors(include_url=False)[0]
    kind, found = first["type"], first["input"]
    if kind == "missing":
        *parent, name = first["loc"]
        given = shown(", ".join(found)) if found else "nothing"
        return ReportError(f"{_place(parent)} must have {name!r}, found {given}")
    expected = _EXPECTED.get(kind) or first.get("ctx", {}).get("expected") or first["msg"]
    return ReportError(f"{_place(first['loc'])} must be {expected}, found {shown(found)}")


def _place(location: Any) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".") or "the report"
