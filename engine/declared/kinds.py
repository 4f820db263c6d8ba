"""The base of every kind of value that a scenario is made of, and the kinds that are words.

A kind says which values are allowed, how a file writes them, and how JSON Schema says so. One declaration serves the
file, the dataclass and the schema: ``sample_hz: Annotated[float, Number(0.1, 10.0), "positions a second"] = 1.0``. A
fault is the path of a key and what is wrong with the value there, bound included. What a key means is said by
`engine.scenario`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.declared.spelling import did_you_mean, quoted
from engine.errors import shown

Place = tuple[str, ...]
"""The keys that lead to a value."""

Fault = tuple[Place, str]
"""Where something is wrong, and what."""

HERE = Path()


class Kind(ABC):
    """What may stand under a key. `folder` is where relative file names begin."""

    @abstractmethod
    def fault(self, value: object, folder: Path) -> str | None:
        """Return what is wrong with a value, None if it may stand."""

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values allowed."""

    def faults(self, value: object, place: Place, folder: Path = HERE) -> Iterator[Fault]:
        """Yield what is wrong with the value at a place."""
        what = self.fault(value, folder)
        if what:
            yield place, what

    def taken(self, value: Any, folder: Path = HERE) -> Any:  # noqa: ARG002 - only files need it
        """Return an allowed value as the scenario keeps it."""
        return value

    def stand_in(self) -> Any:
        """Return what stands for a value that is not allowed while the other faults are looked for."""
        return None

    def written(self, value: Any) -> str:
        """Return a value as TOML."""
        return (
            quoted(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else repr(value)
        )


class TableKind(Kind):
    """What a table of the file holds as one value."""

    @abstractmethod
    def lines(self, value: Any, place: str) -> Iterator[str]:
        """Yield a value that is not empty as TOML, its headers included; `place` is the table's name."""


@dataclass(frozen=True, slots=True)
class Text(Kind):
    """A text that is not empty."""

    def fault(self, value: object, folder: Path) -> str | None:  # noqa: ARG002
        """Return what is wrong with a value, None if it may stand."""
        return None if isinstance(value, str) and value.strip() else f"must be a text, found {shown(value)}"

    def stand_in(self) -> str:
        """Return what stands for a value that is not allowed."""
        return "?"

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values allowed."""
        return {"type": "string", "pattern": r"\S"}


@dataclass(frozen=True, slots=True)
class Truth(Kind):
    """True or false."""

    def fault(self, value: object, folder: Path) -> str | None:  # noqa: ARG002
        """Return what is wrong with a value, None if it may stand."""
        return None if isinstance(value, bool) else f"must be true or false, found {shown(value)}"

    def stand_in(self) -> bool:
        """Return what stands for a value that is not allowed."""
        return False

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values allowed."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Choice(Kind):
    """One of some words: the values of an enumeration, or a sequence of texts."""

    words: Sequence[str]
    of: type[str] = str

    def fault(self, value: object, folder: Path) -> str | None:  # noqa: ARG002
        """Return what is wrong with a value, None if it may stand."""
        if isinstance(value, str) and value in self.words:
            return None
        return f"must be one of {', '.join(self.words)}, found {shown(value)}{did_you_mean(value, self.words)}"

    def taken(self, value: Any, folder: Path = HERE) -> str:  # noqa: ARG002
        """Return an allowed value as the scenario keeps it."""
        return self.of(value)

    def stand_in(self) -> str:
        """Return what stands for a value that is not allowed."""
        return self.of(self.words[0])

    def written(self, value: Any) -> str:
        """Return a value as TOML."""
        return quoted(str(value))

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values allowed."""
        return {"enum": [str(word) for word in self.words]}
