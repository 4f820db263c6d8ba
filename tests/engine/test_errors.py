"""Errors quote what they found, short and whatever it is."""

from __future__ import annotations

from engine.errors import MOST_SHOWN, shown, shown_text


def test_a_long_value_is_cut() -> None:
    assert shown("x" * 200) == "'" + "x" * (MOST_SHOWN - 4) + "..."
    assert shown("x" * 78) == "'" + "x" * 78 + "'"
    assert shown_text("-15.8,-47.9") == '"-15.8,-47.9"'
    assert shown_text("x" * 200) == '"' + "x" * (MOST_SHOWN - 3) + '..."'


def test_a_value_that_cannot_be_written_is_shown_too() -> None:
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    assert shown(nested) == "a value that cannot be shown"
    assert shown(10**5_000) == "a value that cannot be shown"
