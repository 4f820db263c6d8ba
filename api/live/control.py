"""Control frames: small JSON objects from clients, and what is wrong with those that are not."""

from __future__ import annotations

import json
from typing import Any

MAX_CONTROL_CHARACTERS = 100_000
"""Room for the ids of `api.live.json_socket.MAX_DELIVERIES` deliveries."""


class ControlError(ValueError):
    """A control frame that does not follow the protocol; its sender is closed with this reason."""


def parse_control(frame: str | bytes) -> dict[str, Any]:
    """Return the JSON object in a control frame.

    Raises
    ------
    ControlError : binary, too large, not JSON, or no object.
    """
    if isinstance(frame, bytes):
        raise ControlError("control frames are text, found a binary frame")
    if len(frame) > MAX_CONTROL_CHARACTERS:
        raise ControlError(f"a control frame has at most {MAX_CONTROL_CHARACTERS} characters, found {len(frame)}")
    try:
        message = json.loads(frame)
    except (ValueError, RecursionError):
        raise ControlError(f"not JSON: {shown(frame)}") from None
    if not isinstance(message, dict):
        raise ControlError(f"expected a JSON object, found {shown(message)}")
    return message


def whole(message: dict[str, Any], name: str, low: int, high: int, absent: int | None = None) -> int:
    """Return a whole number of a control frame.

    Raises
    ------
    ControlError : missing without a default, no whole number, or out of its bounds.
    """
    value = message.get(name, absent)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ControlError(f"{name} must be a whole number from {low} to {high}, found {shown(value)}")
    return value


def shown(value: object) -> str:
    """Return a value as a reason may quote it: short."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
