"""Frozen dataclasses as JSON and back, and the JSON Schema of them: the types are the format. It does not know what they mean.

Names are camelCase on paper; an absent field has its default, and a field that nobody knows is passed over, so that a
later release may add some.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from engine.errors import InvalidInput

Schema = dict[str, Any]
T = TypeVar("T")

_HINTS: dict[Any, dict[str, Any]] = {}
"""The types of the fields of the dataclasses that were met; finding them out anew for each second of a long run is slow."""


class ReportError(InvalidInput):
    """A file that is no report, or one of another format; the message names the file, the place in it, what must stand there and what does."""


def to_json(value: Any) -> Any:
    """Return a dataclass, or what its fields hold, as JSON has it."""
    if is_dataclass(value):
        return {camel(field.name): to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [to_json(one) for one in value]
    if isinstance(value, Mapping):
        return {str(name): to_json(one) for name, one in value.items()}
    return value.value if isinstance(value, StrEnum) else value


def read(kind: type[T], value: Any, place: str = "") -> T:
    """Return the value of a type that JSON describes.

    Parameters
    ----------
    place : where it stands, as errors name it: ``stages[2].segments.pushed``.

    Raises
    ------
    ReportError : something beneath is not what the type says.
    """
    found: T = _read(kind, value, place)
    return found


def schema_of(kind: type[Any]) -> Schema:
    """Return the JSON Schema of a dataclass, with the descriptions of its docstring."""
    told, hints = _told(kind), _hints(kind)
    properties = {
        camel(field.name): _schema(hints[field.name]) | _description(told.get(field.name)) for field in fields(kind)
    }
    required = [camel(field.name) for field in fields(kind) if _is_required(field)]
    summary = inspect.cleandoc(kind.__doc__ or "").partition("\n")[0]
    return {"type": "object", "description": summary, "properties": properties, "required": required}


def camel(name: str) -> str:
    """Return a field's name on paper."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _hints(kind: Any) -> dict[str, Any]:
    if kind not in _HINTS:
        _HINTS[kind] = get_type_hints(kind)
    return _HINTS[kind]


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _read(kind: Any, value: Any, place: str) -> Any:
    origin = get_origin(kind)
    if origin is UnionType:
        [inner] = [part for part in get_args(kind) if part is not NoneType]
        return None if value is None else _read(inner, value, place)
    if origin is tuple:
        listed = _must(value, list, "a list", place)
        return tuple(_read(get_args(kind)[0], one, f"{place}[{number}]") for number, one in enumerate(listed))
    if origin is dict:
        table = _must(value, dict, "an object", place)
        return {str(name): _read(get_args(kind)[1], one, f"{place}.{name}") for name, one in table.items()}
    if is_dataclass(kind):
        return _read_fields(kind, value, place)
    return _read_plain(kind, value, place)


def _read_fields(kind: Any, value: Any, place: str) -> Any:
    table = _must(value, dict, "an object", place)
    given = {}
    for field in fields(kind):
        name = camel(field.name)
        if name in table:
            given[field.name] = _read(_hints(kind)[field.name], table[name], f"{place}.{name}" if place else name)
        elif _is_required(field):
            raise ReportError(f"{place or 'the report'} must have {name!r}, found {_listed(table)}")
    return kind(**given)


def _read_plain(kind: Any, value: Any, place: str) -> Any:
    if issubclass(kind, StrEnum):
        if not isinstance(value, str) or value not in [member.value for member in kind]:
            raise ReportError(f"{place} must be one of {', '.join(kind)}, found {_shown(value)}")
        return kind(value)
    if kind is float:
        number = _must(value, (int, float), "a number", place)
        if isinstance(value, bool) or not math.isfinite(number):
            raise ReportError(f"{place} must be a finite number, found {_shown(value)}")
        return float(number)
    if kind is int and isinstance(value, bool):
        raise ReportError(f"{place} must be a whole number, found {_shown(value)}")
    return _must(value, kind, {int: "a whole number", str: "a text", bool: "true or false"}[kind], place)


def _must(value: Any, kind: Any, wanted: str, place: str) -> Any:
    if not isinstance(value, kind):
        raise ReportError(f"{place or 'the report'} must be {wanted}, found {_shown(value)}")
    return value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _listed(table: dict[str, Any]) -> str:
    return _shown(", ".join(table)) if table else "nothing"


def _schema(kind: Any) -> Schema:
    origin = get_origin(kind)
    if origin is UnionType:
        [inner] = [part for part in get_args(kind) if part is not NoneType]
        plain = _schema(inner)
        return {"type": [plain["type"], "null"]} if plain.keys() == {"type"} else {"anyOf": [plain, {"type": "null"}]}
    if origin is tuple:
        return {"type": "array", "items": _schema(get_args(kind)[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(get_args(kind)[1])}
    if is_dataclass(kind) and isinstance(kind, type):
        return {"$ref": f"#/$defs/{kind.__name__}"}
    if issubclass(kind, StrEnum):
        return {"enum": [member.value for member in kind]}
    return {"type": {float: "number", int: "integer", str: "string", bool: "boolean"}[kind]}


def parts_of(kind: type[Any]) -> dict[str, type[Any]]:
    """Return every dataclass that a dataclass holds, itself too, by name."""
    found: dict[str, type[Any]] = {}
    waiting: list[Any] = [kind]
    while waiting:
        one = waiting.pop()
        if is_dataclass(one) and isinstance(one, type):
            if one.__name__ not in found:
                found[one.__name__] = one
                waiting += _hints(one).values()
        else:
            waiting += get_args(one)
    return dict(sorted(found.items()))


def _description(text: str | None) -> Schema:
    return {"description": text[0].upper() + text[1:]} if text else {}


def _told(kind: type[Any]) -> dict[str, str]:
    """Return what a class's docstring says of its attributes."""
    found: dict[str, str] = {}
    for names, text in re.findall(
        r"^([a-z][a-z0-9_, ]*) : (.+(?:\n    .+)*)$", inspect.cleandoc(kind.__doc__ or ""), re.MULTILINE
    ):
        found |= dict.fromkeys(names.split(", "), " ".join(text.split()))
    return found
