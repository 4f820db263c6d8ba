"""The tables of a scenario file, and every fault of it with key, value, bound and line."""

from __future__ import annotations

import tomllib
from typing import Any

from engine.declared.kinds import Place
from engine.declared.spelling import did_you_mean
from engine.declared.toml_lines import key_lines, line_of
from engine.errors import ScenarioError, shown


class Faults:
    """What is wrong with one file."""

    def __init__(self, source: str, text: str) -> None:
        self._source = source
        self._lines = key_lines(text)
        self._found: list[tuple[int, str]] = []

    def add(self, place: Place, what: str) -> None:
        """Note a fault of a key."""
        self._found.append((line_of(self._lines, place), f"{path_text(place)} {what}" if place else what))

    def raise_any(self) -> None:
        """Raise one error that lists every fault, in the order of the file; nothing if there is none."""
        if self._found:
            raise ScenarioError(
                "\n".join(
                    f"{self._source} line {line}: {what}"
                    for line, what in sorted(self._found, key=lambda fault: fault[0])
                )
            )


class Table:
    """One table of the file."""

    def __init__(self, faults: Faults, values: dict[str, Any], place: Place = ()) -> None:
        self._faults, self._values, self._place = faults, values, place
        self._known: list[str] = []

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def place(self, key: str) -> Place:
        """Return the place of a key of this table."""
        return (*self._place, key)

    def fault(self, key: str, what: str) -> None:
        """Note a fault of a key, or of the table itself if the key is empty."""
        self._faults.add(self.place(key) if key else self._place, what)

    def fault_at(self, place: Place, what: str) -> None:
        """Note a fault of a key beneath this table."""
        self._faults.add(place, what)

    def known(self, key: str) -> None:
        """Note that a key may stand here."""
        self._known.append(key)

    def value(self, key: str) -> Any:
        """Return what stands under a key."""
        self.known(key)
        return self._values[key]

    def table(self, key: str) -> Table:
        """Return a table in this one; an empty one if it is absent or none."""
        self.known(key)
        value = self._values.get(key, {})
        if not isinstance(value, dict):
            self.fault(key, f"must be a table, found {shown(value)}")
            value = {}
        return Table(self._faults, value, self.place(key))

    def tables(self, key: str, most: int) -> list[Table]:
        """Return the tables of a list in this one, at most `most`."""
        value = self.value(key)
        if not isinstance(value, list) or len(value) > most or not all(isinstance(one, dict) for one in value):
            self.fault(key, f"must be at most {most:,} tables [[{'.'.join(self.place(key))}]], found {shown(value)}")
            return []
        return [Table(self._faults, one, (*self._place, key, str(number))) for number, one in enumerate(value)]

    def refuse_unknown(self) -> None:
        """Note every key of the file that no declaration has asked for."""
        for key in self._values:
            if key not in self._known:
                of = f"[{path_text(self._place)}]" if self._place else "a scenario"
                self.fault(key, f"is no key of {of}{did_you_mean(key, self._known)}")


def path_text(place: Place) -> str:
    """Return a place as errors name it: ``stages[1].drivers``."""
    text = ""
    for word in place:
        text += f"[{word}]" if word.isdigit() and text else f".{word}" if text else word
    return text


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
