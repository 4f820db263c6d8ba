"""The checks of a message's fields; each refuses with the field, the value and the bound."""

from __future__ import annotations

import math
import re
from typing import Any

from engine.errors import MessageError, shown

_ID = re.compile(r"[A-Za-z0-9._:\-]{1,96}")
_HALF_PAIR = re.compile("[\ud800-\udfff]")


def checked_id(value: object, name: str) -> str:
    """Return an identifier: 1 to 96 of ``A-Z a-z 0-9 . _ : -``.

    Such a text needs no escaping in JSON, in a URL path or as a document id.

    Raises
    ------
    MessageError : not a text, empty, too long, or with another character.
    """
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise MessageError(f'{name} must be 1 to 96 characters of "A-Z a-z 0-9 . _ : -", found {shown(value)}')
    return value


def optional_id(value: object, name: str) -> str | None:
    """Return an identifier as `checked_id` does, or None."""
    return None if value is None else checked_id(value, name)


def checked_number(value: object, name: str, low: float = -math.inf, high: float = math.inf) -> float:
    """Return a finite number from `low` to `high`; raise `MessageError` for anything else."""
    try:
        number = math.nan if isinstance(value, bool) or not isinstance(value, int | float) else float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise MessageError(f"{name} must be a finite number, found {shown(value)}")
    if not low <= number <= high:
        raise MessageError(f"{name} must be from {low:g} to {high:g}, found {shown(value)}")
    return number


def check_text(value: object, name: str) -> None:
    """Raise `MessageError` for what is no text that can be written as UTF-8."""
    if not isinstance(value, str) or _HALF_PAIR.search(value):  # half a surrogate pair has no UTF-8
        raise MessageError(f"{name} must be a text, found {shown(value)}")


def optional_number(value: object, name: str, low: float = -math.inf, high: float = math.inf) -> float | None:
    """Return a number as `checked_number` does, or None."""
    return None if value is None else checked_number(value, name, low, high)


LAST_MS = 8.64e15
"""The last instant that a JavaScript date can hold, epoch ms."""


def optional_ms(value: object, name: str) -> int | None:
    """Return a whole number from 0 to `LAST_MS`, or None."""
    return None if value is None else int(checked_number(value, name, 0, LAST_MS))


def checked_table(value: object, name: str) -> dict[str, Any]:
    """Return a JSON object, an empty one for None; raise `MessageError` for anything else."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MessageError(f"{name} must be an object, found {shown(value)}")
    return value
