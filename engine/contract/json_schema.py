"""JSON Schemas (draft 2020-12) of the messages, made from their dataclasses and the position layout.

What a schema allows, our readers take; only a whole number with a fraction of zero (7.0), an integer to a schema, is
none to them in a position's seq and eventTime and in a run's seed. Readers take more than that: null for an absent
field, and instants and counts with a fraction, which they cut off.

    python -m engine.contract.json_schema connect/schemas            write one file per topic
    python -m engine.contract.json_schema --check connect/schemas    exit code 1 if a file differs
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from engine import messages
from engine.codec.layout import BOUNDS, ID_FIELDS
from engine.messages import (
    FINAL_KINDS,
    MAX_FLEET,
    MAX_RATE,
    MAX_STAGE_NAME,
    MAX_STORY_DETAIL,
    MAX_STORY_ENTRIES,
    ControlAction,
    EventKind,
    RunState,
    StoryKind,
    StoryStatus,
    Topic,
    Worker,
)
from engine.wire_names import camel

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
LAST_MS = 8_640_000_000_000_000

_ID: Schema = {"type": "string", "pattern": "^[A-Za-z0-9._:\\-]{1,96}$"}
_COUNT: Schema = {"type": "integer", "minimum": 0, "maximum": LAST_MS}
_LENGTH: Schema = {"type": "number", "minimum": 0}
_PAIRS: Schema = {
    "type": "array",
    "items": {"type": "array", "items": {"type": "number", "minimum": 0}, "minItems": 2, "maxItems": 2},
}

_BY_NAME: Mapping[str, Schema] = {
    "vehicle": _ID,
    "fault": _ID,
    "kind": {"enum": sorted(EventKind)},
    "action": {"enum": sorted(ControlAction)},
    "state": {"enum": sorted(RunState)},
    "worker": _ID,
    "part": {"enum": sorted(Worker)},
    "stages": {
        "type": "array",
        "items": {
            "type": "array",
            "prefixItems": [{"type": "string"}, _LENGTH, {"type": ["number", "null"], "minimum": 0}],
            "items": False,
            "minItems": 3,
        },
    },
    "status": {"enum": sorted(StoryStatus)},
    "actor": _ID,
    "entries": {
        "type": "array",
        "maxItems": MAX_STORY_ENTRIES,
        "items": {
            "type": "object",
            "properties": {
                "wallMs": _LENGTH,
                "virtualMs": _LENGTH,
                "kind": {"enum": sorted(StoryKind)},
                "detail": {"type": "string", "maxLength": MAX_STORY_DETAIL},
            },
            "required": ["wallMs", "virtualMs", "kind", "detail"],
            "additionalProperties": True,
        },
    },
    "seed": {"type": "integer"},
    "distance": _LENGTH,
    "routeLength": _LENGTH,
    "timeScale": {"type": "number", "minimum": 0.01, "maximum": 1000},
    "drivers": {"type": "integer", "minimum": 0, "maximum": MAX_FLEET},
    "rate": {"type": "number", "minimum": 0, "maximum": MAX_RATE},
    "stage": {"type": "string", "minLength": 1, "maxLength": MAX_STAGE_NAME},
    "limits": _PAIRS,
    "stops": _PAIRS,
    "clock": {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3},
}
"""Bounds that a field's type does not say.

Any other text that ends in Id is an identifier, any other whole number a count or an instant.
"""

_RULES: Mapping[str, Schema] = {
    "DeliveryEvent": {
        "allOf": [
            {"if": {"properties": {"kind": {"enum": sorted(FINAL_KINDS)}}}, "then": {"required": ["positions"]}},
            {
                "if": {"properties": {"kind": {"const": EventKind.FAULT.value}}},
                "then": {"required": ["fault", "fromSeq", "toSeq"]},
            },
        ]
    },
    "RunMetrics": {
        "if": {"required": ["histograms"]},
        "then": {"anyOf": [{"required": ["dueS"]}, {"properties": {"histograms": {"maxProperties": 0}}}]},
    },
    "ControlRun": {
        "allOf": [
            {
                "if": {"properties": {"action": {"const": ControlAction.SCALE.value}}},
                "then": {"required": ["timeScale"], "properties": {"deliveryId": False}},
                "else": {"properties": {"timeScale": False}},
            },
            {
                "if": {"properties": {"action": {"const": ControlAction.FLEET.value}}},
                "then": {
                    "oneOf": [{"required": ["drivers"]}, {"required": ["rate"]}],
                    "properties": {"deliveryId": False},
                },
                "else": {"properties": {"drivers": False, "rate": False, "stage": False}},
            },
            {
                "if": {"properties": {"action": {"const": ControlAction.STORY.value}}},
                "then": {"required": ["deliveryId"]},
            },
        ]
    },
}
"""What fields demand of each other."""


def schemas() -> dict[Topic, Schema]:
    """Return the schema of the messages of every topic but dead letters, which follow no schema."""
    kinds = [
        kind
        for _, kind in inspect.getmembers(messages, inspect.isclass)
        if hasattr(kind, "TOPIC") and not inspect.isabstract(kind)
    ]
    return {Topic.NEW_POSITION: _position()} | {kind.TOPIC: _message(kind) for kind in kinds}


def _message(kind: type[Any]) -> Schema:
    """Return the schema of a message.

    A field is required if the reader refuses the default that it has without it.
    """
    hints, described = get_type_hints(kind), _described(kind)
    properties: dict[str, Schema] = {}
    required = []
    for field in fields(kind):
        name = camel(field.name)
        properties[name] = _BY_NAME.get(name) or _of(name, hints[field.name])
        if field.name in described:
            properties[name] = properties[name] | {"description": described[field.name]}
        if name == "clock" or (field.default == "" and (properties[name].keys() & {"pattern", "enum"})):
            required.append(name)
    summary = inspect.cleandoc(kind.__doc__ or "").partition("\n")[0]
    return _object(kind.TOPIC, kind.__name__, summary, properties, required) | _RULES.get(kind.__name__, {})


def _position() -> Schema:
    """Return the schema of a position: the ancestor's four fields, or all twelve."""
    lat, lng = (_between(name) for name in ("lat", "lng"))
    properties: dict[str, Schema] = dict.fromkeys(ID_FIELDS[:2], _ID)
    properties["position"] = {
        "type": "array",
        "prefixItems": [lat, lng],
        "items": False,
        "minItems": 2,
        "description": "[lat, lng] in degrees.",
    }
    properties["finished"] = {"type": "boolean", "description": "Whether this is the delivery's last position."}
    later = dict.fromkeys(ID_FIELDS[2:], _ID) | {
        "seq": _between("seq", "integer", "Number of the position within its delivery, from 0."),
        "eventTime": _between(
            "eventTime", "integer", "When the driver was there: virtual epoch ms. Stores take 2000-01-01 to 2100-01-01."
        ),
        "speed": _between("speed", "number", "m/s."),
        "bearing": _between("bearing", "number", "Degrees clockwise from north; 360 is north, as 0 is."),
        "distance": _between("distance", "number", "Metres from the route's start."),
    }
    summary = (
        "Fact: where a driver is. With the ancestor's four fields alone, Kafka's offset and timestamp give the "
        "position its seq and time."
    )
    whole = {name: [other for other in later if other != name] for name in later}
    return _object(Topic.NEW_POSITION, "PositionReported", summary, properties | later, list(properties)) | {
        "dependentRequired": whole
    }


def _object(topic: Topic, title: str, summary: str, properties: Schema, required: list[str]) -> Schema:
    head = {"$schema": DIALECT, "$id": f"urn:code-delivery:{topic}", "title": title, "description": summary}
    return head | {"type": "object", "properties": properties, "required": required, "additionalProperties": True}


def _between(name: str, kind: str = "number", description: str = "") -> Schema:
    low, high = BOUNDS[name]
    return {"type": kind, "minimum": low, "maximum": high} | ({"description": description} if description else {})


def _of(name: str, hint: Any) -> Schema:
    """Return the schema of a field by its name on the wire and its type."""
    if get_origin(hint) is UnionType:
        [hint] = [part for part in get_args(hint) if part is not NoneType]
    if get_origin(hint) is list:
        return {"type": "array", "items": _of("", get_args(hint)[0])}
    if get_origin(hint) in (dict, Mapping):
        return {"type": "object", "additionalProperties": _of("", get_args(hint)[1])}
    known: dict[Any, Schema] = {
        str: _ID if name.endswith("Id") else {"type": "string"},
        int: _COUNT,
        float: {"type": "number"},
        bool: {"type": "boolean"},
    }
    return known.get(hint, {})


def _described(kind: type[Any]) -> dict[str, str]:
    """Return what a class's docstring says of its attributes."""
    found: dict[str, str] = {}
    for names, text in re.findall(
        r"^([a-z][a-z0-9_, ]*) : (.+(?:\n    .+)*)$", inspect.cleandoc(kind.__doc__ or ""), re.MULTILINE
    ):
        described = " ".join(text.split())
        found |= dict.fromkeys(names.split(", "), described[0].upper() + described[1:])
    return found


def texts() -> dict[str, str]:
    """Return the schemas as files: the text of each by its name."""
    return {
        f"{topic}.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for topic, schema in schemas().items()
    }


def differing(folder: Path) -> list[str]:
    """Return the names of the files in a folder that differ from what `write` would make of them.

    A file differs that is missing, changed, or left from a topic that is gone.
    """
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    wanted = texts()
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def write(folder: Path) -> None:
    """Write one file per topic into a folder, and delete those of topics that are gone."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = texts()
    for path in folder.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")


def main() -> int:
    """Write or check the files; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m engine.contract.json_schema", description="JSON Schemas of the messages."
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit code 1 if a file is not as it would be written"
    )
    arguments = parser.parse_args()
    if not arguments.check:
        write(arguments.folder)
        return 0
    if wrong := differing(arguments.folder):
        sys.stderr.write(
            f"{arguments.folder}: {', '.join(wrong)} not as the messages say; "
            f"run: python -m engine.contract.json_schema {arguments.folder}\n"
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
