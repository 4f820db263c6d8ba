"""Reads tables of a scenario file, and gathers every fault with key, value, bound and line instead of stopping at the first."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from engine.errors import ScenarioError
from engine.toml_lines import key_lines, line_of


class Faults:
    """What is wrong with one file."""

    def __init__(self, source: str, text: str) -> None:
        self._source = source
        self._lines = key_lines(text)
        self._found: list[tuple[int, str]] = []

    def add(self, path: tuple[str, ...], what: str) -> None:
        """Note a fault of a key."""
        self._found.append((line_of(self._lines, path), f"{'.'.join(path)} {what}" if path else what))

    def raise_any(self) -> None:
        """Raise one error that lists every fault, in the order of the file; nothing if there is none."""
        if self._found:
            raise ScenarioError("\n".join(f"{self._source} line {line}: {what}" for line, what in sorted(self._found, key=lambda fault: fault[0])))


class Table:
    """One table of the file. A value that cannot be used is noted as a fault, and the default is returned so that reading goes on."""

    def __init__(self, faults: Faults, values: dict[str, Any], path: tuple[str, ...] = ()) -> None:
        self._faults, self._values, self._path = faults, values, path
        self._known: list[str] = []

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def keys(self) -> list[str]:
        """Return the keys written in the file."""
        return list(self._values)

    def fault(self, key: str, what: str) -> None:
        """Note a fault of a key, or of the table itself if the key is empty."""
        self._faults.add((*self._path, key) if key else self._path, what)

    def table(self, key: str) -> Table:
        """Return a table in this one; an empty one if it is absent."""
        value = self._get(key, {})
        if not isinstance(value, dict):
            self.fault(key, f"must be a table, found {value!r}")
            value = {}
        return Table(self._faults, value, (*self._path, key))

    def number(self, key: str, default: float, low: float, high: float) -> float:
        """Return a finite number within bounds."""
        value = self._get(key, default)
        if self._in_bounds(value, low, high):
            return float(value)
        self.fault(key, f"must be a number from {low:,g} to {high:,g}, found {_shown(value)}")
        return default

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        """Return a whole number within bounds."""
        value = self._get(key, default)
        if isinstance(value, int) and self._in_bounds(value, low, high):
            return value
        self.fault(key, f"must be a whole number from {low:,} to {high:,}, found {_shown(value)}")
        return default

    def span(self, key: str, default: tuple[float, float], low: float, high: float) -> tuple[float, float]:
        """Return a pair of numbers within bounds, the smaller one first."""
        value = self._get(key, list(default))
        if isinstance(value, list) and len(value) == 2 and all(self._in_bounds(v, low, high) for v in value) and value[0] <= value[1]:
            return float(value[0]), float(value[1])
        self.fault(key, f"must be [least, greatest], both from {low:,g} to {high:,g}, found {_shown(value)}")
        return default

    def text(self, key: str, default: str) -> str:
        """Return a text that is not empty."""
        value = self._get(key, default)
        if isinstance(value, str) and value.strip():
            return value
        self.fault(key, f"must be a text, found {_shown(value)}")
        return default

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of at least one text."""
        value = self._get(key, [])
        if isinstance(value, list) and value and all(isinstance(v, str) and v.strip() for v in value):
            return tuple(value)
        self.fault(key, f"must be a list of texts, found {_shown(value)}")
        return ()

    def truth(self, key: str, default: bool) -> bool:
        """Return true or false."""
        value = self._get(key, default)
        if isinstance(value, bool):
            return value
        self.fault(key, f"must be true or false, found {_shown(value)}")
        return default

    def choice(self, key: str, default: str, allowed: Sequence[str]) -> str:
        """Return one of some words."""
        value = self._get(key, default)
        if value in allowed:
            return str(value)
        self.fault(key, f"must be one of {', '.join(allowed)}, found {_shown(value)}{_did_you_mean(value, allowed)}")
        return default

    def refuse_unknown(self, allowed: Sequence[str] = ()) -> None:
        """Note every key of the file that nobody asked for and that is not in `allowed`."""
        known = [*self._known, *allowed]
        for key in self._values:
            if key not in known:
                self.fault(key, f"is no key of {'[' + '.'.join(self._path) + ']' if self._path else 'a scenario'}{_did_you_mean(key, known)}")

    def _get(self, key: str, default: Any) -> Any:
        self._known.append(key)
        return self._values.get(key, default)

    @staticmethod
    def _in_bounds(value: object, low: float, high: float) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value) and low <= value <= high


def parsed(source: str, text: str) -> dict[str, Any]:
    """Return the tables of a TOML text.

    Raises
    ------
    ScenarioError : it is not TOML; the message names line and column.
    """
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ScenarioError(f"{source}: not TOML: {error}") from None


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested too deep; an integer of more digits than Python writes
        return "a value that cannot be shown"
    return text if len(text) <= 80 else text[:77] + "..."


def _did_you_mean(word: object, known: Sequence[str]) -> str:
    near = get_close_matches(str(word)[:80], known, n=1)
    return f'; did you mean "{near[0]}"?' if near else ""
