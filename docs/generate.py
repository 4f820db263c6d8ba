"""The documentation's pages that are made from the code: settings, scenario files, messages.

python docs/generate.py            write them
python docs/generate.py --check    exit code 1 if a page differs from what would be written
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
import types
import typing
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from actors.settings import Settings as ActorsSettings
from api.settings import Settings as ApiSettings
from cli.local.settings import UpSettings
from cli.local.stack_settings import faults_of_stack
from engine.contract.json_schema import schemas
from engine.contract.topics import TOPICS
from engine.messages import Topic
from engine.scenario.schema import scenario_schema as made_schema

DOCS = Path(__file__).resolve().parent
REPOSITORY = DOCS.parent
MADE = "<!-- Made by docs/generate.py from the code: change it there. -->\n"

READERS: dict[str, type[BaseSettings]] = {
    "`up`, `run`, `loadtest`": UpSettings,
    "`python -m api`": ApiSettings,
    "`python -m actors`": ActorsSettings,
}
"""Programs, and the settings that each reads; of two descriptions of a setting the longer is shown."""

OTHERS = (
    (
        "SERVICES_CACHE",
        "`services`",
        "path",
        "~/.cache/code-delivery",
        "folder of the packages that Maven and pip fetched for the local services",
    ),
    (
        "CONNECT_URL",
        "`connect`",
        "text",
        "http://127.0.0.1:8083",
        "the Connect worker that `code-delivery connect` speaks to",
    ),
)
"""Settings without a class: their commands read them."""

GROUPS = {
    "This machine": ("PORT", "DRIVERS", "SCENARIO", "PROFILE", "SERVICES", "CONNECT", "DATA_DIR", "LOG_LEVEL"),
    "The API": ("API", "ALLOWED", "UI_DIR", "BASEMAP", "UPLOAD", "DRAIN"),
    "Kafka": ("KAFKA",),
    "Stores": ("MONGODB", "ELASTICSEARCH"),
    "The simulation": ("JOURNAL", "RAY", "ACTOR", "END_WAIT", "TICK"),
}
"""Headings, and how the names below each begin."""

KEYS = {
    Topic.NEW_DIRECTION: "routeId",
    Topic.RUN_CONTROL: "runId",
    Topic.NEW_POSITION: "deliveryId; another id with `KAFKA_KEY`",
    Topic.DELIVERY_EVENT: "deliveryId",
    Topic.DELIVERY_STORY: "deliveryId",
    Topic.ROUTE_DEFINED: "routeId",
    Topic.RUN_EVENT: "runId",
    Topic.RUN_METRICS: "runId",
    Topic.DEAD_LETTER: "as found",
    Topic.RUN_JOURNAL: "run and entry",
}

WITHOUT_SCHEMA = {
    Topic.DEAD_LETTER: "What could not be read, or what a store will never take: the bytes as they were found. Headers: `reason`, `topic`, `partition`, `offset`.",
    Topic.RUN_JOURNAL: "The dispatcher's own: what it has decided, a compacted table. Its form may change with any version.",
}


def pages() -> dict[str, str]:
    """Return the pages by their names below docs/."""
    return {"settings.md": settings_page(), "scenario.md": scenario_page(), "messages.md": messages_page()}


def settings_page() -> str:
    """Return the page of every setting: its name, who reads it, its type, its default, what it says."""
    rows = dict(_settings())
    head = f"""{MADE}
# Settings

Every setting has one name in the environment; `code-delivery up`, `run` and `loadtest` hand them on to their parts. These three start a broker, stores and one API of their own, so they refuse, before anything starts, what
asks for others: such names are marked ¹. `python -m api` and `python -m actors` obey those, and so do `verify`, `topics` and `dead-letters`. A value that does not fit ends the program with one line that names it.
"""
    parts = [head]
    for title, beginnings in GROUPS.items():
        names = [name for name in rows if name.startswith(beginnings)]
        parts.append(
            f"## {title}\n\n| setting | what it is | values | default | read by |\n|---|---|---|---|---|\n"
            + "".join(rows.pop(name) for name in names)
        )
    if rows:
        raise SystemExit(f"docs/generate.py: settings without a heading: {', '.join(rows)}")
    return "\n".join(parts)


def _settings() -> Iterator[tuple[str, str]]:
    known: dict[str, FieldInfo] = {}
    readers: dict[str, list[str]] = {}
    for reader, kind in READERS.items():
        for field_name, field in kind.model_fields.items():
            name = field_name.upper()
            if name not in known or len(field.description or "") > len(known[name].description or ""):
                known[name] = field
            readers.setdefault(name, []).append(reader)
    for name, field in known.items():
        if not field.description:
            raise SystemExit(f"docs/generate.py: {name} has no description")
        mark = (
            " ¹"
            if list(faults_of_stack(UpSettings(), {name: "elsewhere"}))
            and "`up`, `run`, `loadtest`" not in readers[name]
            else ""
        )
        what = _cell(field.description)
        yield name, f"| `{name}`{mark} | {what} | {_values(field)} | {_default(field)} | {', '.join(readers[name])} |\n"
    for name, reader, kind, default, what in OTHERS:
        yield name, f"| `{name}` | {what} | {kind} | {default} | {reader} |\n"


def _values(field: FieldInfo) -> str:
    kind = field.annotation
    options = [part for part in typing.get_args(kind) if part is not types.NoneType]
    if typing.get_origin(kind) in (types.UnionType, typing.Union) and len(options) == 1:
        kind = options[0]
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        kind = typing.get_args(kind)[0]
        origin = typing.get_origin(kind)
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in typing.get_args(kind))
    if origin is frozenset:
        return "words"
    if not isinstance(kind, type):
        return "text"
    if issubclass(kind, Enum):
        return ", ".join(f"`{member.value}`" for member in kind)
    if issubclass(kind, SecretStr):
        return "text, never shown"
    if issubclass(kind, bool):
        return "`true`, `false`"
    bounds = "".join(
        f"{word} {bound:,} " if isinstance(bound := getattr(limit, attribute), int) else f"{word} {bound:g} "
        for limit in field.metadata
        for limit_kind, attribute, word in (
            (Ge, "ge", "from"),
            (Gt, "gt", "above"),
            (Le, "le", "to"),
            (Lt, "lt", "below"),
        )
        if isinstance(limit, limit_kind)
    ).strip()
    named = {int: "whole number", float: "number", Path: "path"}.get(kind, "text")
    return f"{named} {bounds}".strip()


def _default(field: FieldInfo) -> str:
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None or value in ("", frozenset()):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, frozenset):
        return "all" if all(isinstance(one, Enum) for one in value) else ", ".join(sorted(value))
    if isinstance(value, Enum):
        return str(value.value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def scenario_page() -> str:
    """Return the page of everything that a scenario file may say, from its JSON Schema."""
    schema = made_schema()
    parts = [
        f"""{MADE}
# Scenario files

A scenario is a TOML file. `code-delivery scenario check FILE` lists everything that is wrong with it before anything starts; `code-delivery scenario schema` prints this page's source, a JSON Schema for editors. How to write
one: [Write a scenario](how-to/scenario.md).

## At the top

{_keys({name: one for name, one in schema["properties"].items() if not _part(one)}, schema.get("required", []))}"""
    ]
    for name, one in schema["properties"].items():
        part = _part(one)
        if part:
            place = f"[[{name}]]" if one.get("type") == "array" else f"[{name}]"
            parts.append(
                f"## `{place}`\n\n{_sentence(one.get('description', ''))}\n\n{_keys(part['properties'], part.get('required', []))}"
            )
    return "\n".join(parts)


def _part(schema: dict[str, Any]) -> dict[str, Any] | None:
    part = schema.get("items", {}) if schema.get("type") == "array" else schema
    return part if "properties" in part else None


def _keys(properties: dict[str, Any], required: list[str]) -> str:
    rows = "".join(
        f"| `{name}` | {_cell(one.get('description', ''))} | {_kind(one)} | {'required' if name in required else _json(one['default']) if 'default' in one else ''} |\n"
        for name, one in properties.items()
    )
    return f"| key | what it is | values | default |\n|---|---|---|---|\n{rows}"


def messages_page() -> str:
    """Return the page of the topics: keys, fields, samples; from JSON Schemas and golden messages."""
    known = schemas()
    parts = [
        f"""{MADE}
# Messages

What travels on Kafka, a topic each. Facts flow right, requests flow left. Values are JSON, UTF-8; unknown fields are ignored, so old readers survive new writers. `position` is `[lat, lng]`. Instants (`eventTime` and others) are
virtual epoch ms: a position's is when it was due. `code-delivery topics apply` makes the topics on a real broker. The JSON Schemas are in [connect/schemas](../connect/schemas/).

| topic | key | partitions | kept |
|---|---|---|---|
"""
        + "".join(
            f"| [`{topic}`](#{topic.replace('.', '')}) | {KEYS[topic]} | {spec.partitions} | {'newest of each key' if spec.compacted else 'by age'} |\n"
            for topic, spec in TOPICS.items()
        )
    ]
    for topic in TOPICS:
        if topic in WITHOUT_SCHEMA:
            parts.append(f"## `{topic}`\n\n{WITHOUT_SCHEMA[topic]}\n")
            continue
        schema = known[topic]
        samples = (
            (REPOSITORY / "tests" / "golden" / "messages" / f"{topic}.jsonl").read_text(encoding="utf-8").splitlines()
        )
        rows = "".join(
            f"| `{name}` | {_cell(one.get('description', ''))} | {_kind(one)} | {'yes' if name in schema['required'] else ''} |\n"
            for name, one in schema["properties"].items()
        )
        parts.append(
            f"## `{topic}`\n\n{_sentence(schema['description'])}\n\n| field | what it is | values | required |\n|---|---|---|---|\n{rows}\n```json\n{chr(10).join(samples[:2])}\n```\n"
        )
    return "\n".join(parts)


def _kind(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("type", "")
    if kind == "array":
        items = schema.get("items")
        return f"list of {_kind(items) or 'values'}" if isinstance(items, dict) else "list"
    if kind == "object":
        inner = schema.get("properties")
        return f"table of {', '.join(f'`{name}`' for name in inner)}" if inner else "table"
    named = {"integer": "whole number", "string": "text", "boolean": "`true`, `false`"}.get(str(kind), str(kind))
    low, high = schema.get("minimum"), schema.get("maximum")
    bounds = "".join(
        f" {word} {f'{value:,}' if isinstance(value, int) else f'{value:,.10g}'}"
        for word, value in (("from", low), ("to", high))
        if value is not None
    )
    pattern = " (an id)" if schema.get("pattern", "").startswith("^[A-Za-z0-9._:") else ""
    return f"{named}{bounds}{pattern}".strip()


def _json(value: object) -> str:
    return "" if value in ("", [], {}) else f"`{json.dumps(value, ensure_ascii=False)}`"


def _sentence(text: str) -> str:
    return text and text[0].upper() + text[1:].rstrip(".") + "."


def _cell(text: str) -> str:
    return inspect.cleandoc(text).replace("|", "\\|").replace("\n", " ")


def main() -> int:
    """Write or check the pages; return the exit code."""
    parser = argparse.ArgumentParser(description="Pages of the documentation that are made from the code.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a page differs")
    check = parser.parse_args().check
    wrong = []
    for name, text in pages().items():
        path = DOCS / name
        if check and (not path.exists() or path.read_text(encoding="utf-8") != text):
            wrong.append(f"docs/{name}")
        elif not check:
            path.write_text(text, encoding="utf-8")
    if wrong:
        sys.stderr.write(f"{', '.join(wrong)}: not as the code says; run: python docs/generate.py\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
