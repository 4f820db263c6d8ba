"""The schemas in `connect/schemas` are what the messages say, and our readers take what they allow."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.validators import extend

from engine import messages
from engine.codec.record import decode_record
from engine.contract.json_schema import differing, main, schemas, write
from engine.errors import MessageError
from engine.messages import Topic

GOLDEN = Path(__file__).parents[2] / "golden" / "messages"
FILES = Path(__file__).parents[3] / "connect" / "schemas"
SCHEMAS = schemas()

WRONG: list[Any] = [
    "",
    "a b",
    "x" * 97,
    "é",
    -1,
    -0.5,
    1e300,
    91,
    101.5,
    True,
    [],
    [1],
    [[1]],
    [[1, -1]],
    [1, 2, 3],
    ["a", "b"],
    {},
    {"a": 1},
    "scale",
    "delivered",
]

Strict = extend(  # type: ignore[no-untyped-call]  # jsonschema's stubs leave it so
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int),
)
"""A validator to which 7.0 is no integer, as it is none to our readers."""


def _reader(topic: Topic) -> Callable[[bytes], object]:
    if topic == Topic.NEW_POSITION:
        return decode_record
    [kind] = [kind for kind in vars(messages).values() if getattr(kind, "TOPIC", None) == topic]
    reader: Callable[[bytes], object] = kind.from_json
    return reader


def _golden(topic: Topic) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (GOLDEN / f"{topic}.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("topic", list(SCHEMAS))
def test_a_schema_is_one_of_its_dialect(topic: Topic) -> None:
    Draft202012Validator.check_schema(SCHEMAS[topic])
    assert SCHEMAS[topic]["$id"] == f"urn:code-delivery:{topic}"


def test_every_topic_with_messages_has_a_schema() -> None:
    with_messages = {kind.TOPIC for kind in vars(messages).values() if hasattr(kind, "TOPIC")} | {Topic.NEW_POSITION}
    assert set(SCHEMAS) == with_messages


def test_the_files_are_what_the_messages_say() -> None:
    assert differing(FILES) == []


@pytest.mark.parametrize("topic", list(SCHEMAS))
def test_real_messages_follow_their_schema(topic: Topic) -> None:
    found = _golden(topic)
    assert found
    for message in found:
        Draft202012Validator(SCHEMAS[topic]).validate(message)


@pytest.mark.parametrize("topic", list(SCHEMAS))
def test_what_a_schema_allows_its_reader_takes_and_what_the_reader_refuses_it_refuses(topic: Topic) -> None:
    validator, read = Strict(SCHEMAS[topic]), _reader(topic)
    refused = 0
    for message in _golden(topic):
        changed = [message | {name: value} for name in SCHEMAS[topic]["properties"] for value in WRONG]
        shortened = [{name: value for name, value in message.items() if name != gone} for gone in message]
        for candidate in changed + shortened:
            try:
                read(json.dumps(candidate).encode())
            except MessageError:
                refused += 1
                assert not validator.is_valid(candidate), candidate
            else:
                # What readers take beyond the schema: instants and counts with a fraction.
                fractions = [
                    name
                    for name, value in candidate.items()
                    if isinstance(value, float) and SCHEMAS[topic]["properties"][name].get("type") == "integer"
                ]
                assert fractions or validator.is_valid(candidate), candidate
    assert refused


def test_the_ancestors_four_fields_are_enough() -> None:
    validator = Draft202012Validator(SCHEMAS[Topic.NEW_POSITION])
    four = {"routeId": "1", "clientId": "c", "position": [-15.8, -47.9], "finished": False}
    assert validator.is_valid(four)
    assert not validator.is_valid(four | {"seq": 1})
    assert not validator.is_valid(four | {"position": [-47.9, -185.8]})
    assert not validator.is_valid(four | {"position": [1, 2, 3]})


def test_a_file_that_drifted_is_named_and_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path)
    (tmp_path / "run.event.json").write_text("{}")
    (tmp_path / "gone.json").write_text("{}")
    monkeypatch.setattr(sys, "argv", ["json_schema", "--check", str(tmp_path)])
    assert main() == 1
    assert "gone.json, run.event.json" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["json_schema", str(tmp_path)])
    assert main() == 0
    assert differing(tmp_path) == []
