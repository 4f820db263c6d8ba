"""What the log says of keys and passwords: nothing."""

from __future__ import annotations

import logging
import sys

import pytest
from pydantic import SecretStr

from api.log import KeysHidden, server_level
from api.settings import Settings


def line(message: str, *arguments: object, secrets: tuple[str, ...] = ("correct horse",)) -> str:
    record = logging.LogRecord("some.library", logging.DEBUG, "file.py", 1, message, arguments, None)
    return KeysHidden(secrets).format(record).partition("some.library  ")[2]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("< x-api-key: correct horse", "< x-api-key: ***"),
        ('"WebSocket /ws/live?key=correct%20horse&z=1" [accepted]', '"WebSocket /ws/live?key=***&z=1" [accepted]'),
        ('"WebSocket /ws/live?z=1&key=nearly" 403', '"WebSocket /ws/live?z=1&key=***" 403'),
        ("cannot reach mongodb://u:p%40w@h:27017/db", "cannot reach mongodb://h:27017/db"),
        ("nothing of the kind: key=value", "nothing of the kind: key=value"),
    ],
)
def test_a_secret_is_hidden_wherever_it_stands(message: str, shown: str) -> None:
    assert line(message) == shown
    assert line("%s", message) == shown


def test_a_secret_that_is_part_of_another_leaves_nothing_of_it() -> None:
    assert line("a correct horse b", secrets=("correct", "correct horse")) == "a *** b"


def test_a_secret_too_short_to_be_looked_for_leaves_the_words_alone() -> None:
    assert line("a line", secrets=("", "a")) == "a line"


def test_the_trace_of_an_error_is_looked_through_as_well() -> None:
    try:
        raise ValueError("correct horse")
    except ValueError:
        record = logging.LogRecord("some.library", logging.ERROR, "file.py", 1, "failed", (), sys.exc_info())
    written = KeysHidden(("correct horse",)).format(record)
    assert "ValueError: ***" in written
    assert "ValueError: correct horse" not in written


def test_every_secret_among_the_settings_is_known() -> None:
    given = {
        name: f"the secret {name}"
        for name, field in Settings.model_fields.items()
        if "SecretStr" in str(field.annotation) and not name.endswith("_url")
    }
    assert Settings(**given, kafka_sasl_username="u", kafka_security_protocol="sasl_ssl").secrets == set(given.values())  # type: ignore[arg-type]
    assert Settings(kafka_sasl_password=SecretStr("")).secrets == frozenset()


def test_the_servers_own_debug_lines_hold_every_header_and_are_not_written() -> None:
    assert {level: server_level(level) for level in ("debug", "info", "warning", "error")} == {
        "debug": "info",
        "info": "info",
        "warning": "warning",
        "error": "error",
    }
