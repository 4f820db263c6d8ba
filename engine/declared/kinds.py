"""The kinds of value that a scenario is made of: which are allowed, how a file writes them, how JSON Schema says so.

One declaration serves the file, the dataclass and the schema: ``sample_hz: Annotated[float, Number(0.1, 10.0),
"positions a second"] = 1.0``. A fault is a path beneath the key and what is wrong with the value there, bound included.
What a key means is said elsewhere (`engine.scenario.parts`).
"""

from __future__ import annotations

import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

from engine.errors import shown

Place = tuple[str, ...]
"""The keys that lead to a value."""

Fault = tuple[Place, str]
"""Where something is wrong, and what."""

HERE = Path()

_NO_FILE = Path("?")
"""Stands for a file that was found faulty, which is said once; known by identity."""

_BARE = re.compile("[A-Za-z0-9_-]+")


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
class Number(Kind):
    """A finite number within bounds."""

    low: float
    high: float

    def fault(self, value: object, folder: Path) -> str | None:  # noqa: ARG002
        return (
            None
            if in_bounds(value, self.low, self.high)
            else f"must be a number from {self.low:,g} to {self.high:,g}, found {shown(value)}"
        )

    def taken(self, value: Any, folder: Path = HERE) -> float:  # noqa: ARG002
        return float(value)

    def stand_in(self) -> float:
        return self.low

    def schema(self) -> dict[str, Any]:
        return {"type": "number", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True)
class Whole(Kind):
    """A whole number within bounds."""

    low: int
    high: int

    def fault(self, value: object, folder: Path) -> str | None:  # noqa: ARG002
        if isinstance(value, int) and in_bounds(value, self.low, self.high):
            return None
        return f"must be a whole number from {self.low:,} to {self.high:,}, found {shown(value)}"

    def stand_in(self) -> int:
        return self.low

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True)
class Text(Kind):
    """A text that is not empty."""

    def fault(self, value: object, folder: Path) -> str | None:  # noqa: ARG002
        return None if isinstance(value, str) and value.strip() else f"must be a text, found {shown(value)}"

    def stand_in(self) -> str:
        return "?"

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": r"\S"}


@dataclass(frozen=True, slots=True)
class Truth(Kind):
    """True or false."""

    def fault(self, value: object, folder: Path) -> str | None:  # noqa: ARG002
        return None if isinstance(value, bool) else f"must be true or false, found {shown(value)}"

    def stand_in(self) -> bool:
        return False

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Choice(Kind):
    """One of some words: the values of an enumeration, or a sequence of texts."""

    words: Sequence[str]
    of: type[str] = str

    def fault(self, value: object, folder: Path) -> str | None:  # noqa: ARG002
        if isinstance(value, str) and value in self.words:
            return None
        return f"must be one of {', '.join(self.words)}, found {shown(value)}{did_you_mean(value, self.words)}"

    def taken(self, value: Any, folder: Path = HERE) -> str:  # noqa: ARG002
        return self.of(value)

    def stand_in(self) -> str:
        return self.of(self.words[0])

    def written(self, value: Any) -> str:
        return quoted(str(value))

    def schema(self) -> dict[str, Any]:
        return {"enum": [str(word) for word in self.words]}


@dataclass(frozen=True, slots=True)
class Numbers(Kind):
    """A list of numbers within bounds, `least` to `most` of them, not all of them 0."""

    low: float
    high: float
    least: int
    most: int

    def fault(self, value: object, folder: Path) -> str | None:  # noqa: ARG002
        if (
            isinstance(value, list | tuple)
            and self.least <= len(value) <= self.most
            and all(in_bounds(v, self.low, self.high) for v in value)
            and any(value)
        ):
            return None
        return f"must be {self.least:,} to {self.most:,} numbers from {self.low:,g} to {self.high:,g}, not all 0, found {shown(value)}"

    def taken(self, value: Any, folder: Path = HERE) -> tuple[float, ...]:  # noqa: ARG002
        return tuple(map(float, value))

    def stand_in(self) -> tuple[float, ...]:
        return (1.0,) * self.least

    def written(self, value: Any) -> str:
        return repr(list(value))

    def schema(self) -> dict[str, Any]:
        number = {"type": "number", "minimum": self.low, "maximum": self.high}
        return {"type": "array", "minItems": self.least, "maxItems": self.most, "items": number}


@dataclass(frozen=True, slots=True)
class Span(Kind):
    """A pair of numbers within bounds, the smaller one first."""

    low: float
    high: float

    def fault(self, value: object, folder: Path) -> str | None:  # noqa: ARG002
        if (
            isinstance(value, list | tuple)
            and len(value) == 2
            and all(in_bounds(v, self.low, self.high) for v in value)
            and value[0] <= value[1]
        ):
            return None
        return f"must be [least, greatest], both from {self.low:,g} to {self.high:,g}, found {shown(value)}"

    def taken(self, value: Any, folder: Path = HERE) -> tuple[float, float]:  # noqa: ARG002
        return float(value[0]), float(value[1])

    def stand_in(self) -> tuple[float, float]:
        return self.low, self.low

    def written(self, value: Any) -> str:
        return repr(list(value))

    def schema(self) -> dict[str, Any]:
        return {
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": {"type": "number", "minimum": self.low, "maximum": self.high},
        }


@dataclass(frozen=True, slots=True)
class File(Kind):
    """A file that exists."""

    suffixes: tuple[str, ...] = ()

    def fault(self, value: object, folder: Path) -> str | None:
        return next((what for _, what in self.faults(value, (), folder)), None)

    def faults(self, value: object, place: Place, folder: Path = HERE) -> Iterator[Fault]:
        if not (isinstance(value, Path) or (isinstance(value, str) and value.strip())):
            yield place, f"must be a text, found {shown(value)}"
            return
        path = folder / value
        if value is _NO_FILE:
            return
        if not _exists(path):
            yield place, f"names a file that does not exist: {str(path)!r}"
        if self.suffixes and not path.name.endswith(self.suffixes):
            yield place, f"must end in {' or '.join(self.suffixes)}, found {str(path)!r}"

    def taken(self, value: Any, folder: Path = HERE) -> Path:
        return folder / Path(value)

    def stand_in(self) -> Path:
        return _NO_FILE

    def written(self, value: Any) -> str:
        return quoted(str(value))

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": r"\S"}


@dataclass(frozen=True, slots=True)
class Files(Kind):
    """A list of at least one file that exists."""

    def fault(self, value: object, folder: Path) -> str | None:
        return next((what for _, what in self.faults(value, (), folder)), None)

    def faults(self, value: object, place: Place, folder: Path = HERE) -> Iterator[Fault]:
        if not (
            isinstance(value, list | tuple)
            and value
            and all(isinstance(v, Path) or (isinstance(v, str) and v.strip()) for v in value)
        ):
            yield place, f"must be a list of texts, found {shown(value)}"
            return
        gone = [folder / name for name in value if name is not _NO_FILE and not _exists(folder / name)]
        yield from ((place, f"names a file that does not exist: {str(path)!r}") for path in gone)

    def taken(self, value: Any, folder: Path = HERE) -> tuple[Path, ...]:
        return tuple(folder / name for name in value)

    def stand_in(self) -> tuple[Path, ...]:
        return (_NO_FILE,)

    def written(self, value: Any) -> str:
        return f"[{', '.join(quoted(str(path)) for path in value)}]"

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": r"\S"}}


@dataclass(frozen=True, slots=True)
class Shares(TableKind):
    """A table of shares >= 0 by word; of the words allowed, or of any if there are none. With `whole` the shares are kept such that they add up to 1."""

    words: Sequence[str] = ()
    of: type[str] = str
    whole: bool = False
    highest: float = field(default=1e9)

    def fault(self, value: object, folder: Path) -> str | None:
        return next((what for _, what in self.faults(value, (), folder)), None)

    def faults(self, value: object, place: Place, folder: Path = HERE) -> Iterator[Fault]:
        if not isinstance(value, Mapping):
            yield place, f"must be a table, found {shown(value)}"
            return
        for word, share in value.items():
            if self.words and word not in self.words:
                yield (*place, str(word)), f"is no key of [{'.'.join(place)}]{did_you_mean(word, self.words)}"
            else:
                yield from Number(0.0, self.highest).faults(share, (*place, str(word)), folder)
        if value and self.whole and not self.taken(value) and all(word in self.words for word in value):
            yield place, "needs a share above 0"

    def taken(self, value: Any, folder: Path = HERE) -> Mapping[str, float]:  # noqa: ARG002
        if not self.whole:
            return MappingProxyType({str(word): float(share) for word, share in value.items()})
        found = {
            self.of(word): float(value[word])
            for word in self.words
            if in_bounds(value.get(word), 0.0, self.highest) and value[word] > 0
        }
        total = sum(found.values())
        if (
            found and abs(total - 1) > 1e-9
        ):  # shares that add up to 1 already stay as they are, so what `to_toml` wrote reads back the same
            found = {word: share / total for word, share in found.items()}
        return MappingProxyType(found)

    def lines(self, value: Any, place: str) -> Iterator[str]:
        yield f"\n[{place}]"
        yield from (f"{key_written(word)} = {share!r}" for word, share in value.items())

    def schema(self) -> dict[str, Any]:
        share = {"type": "number", "minimum": 0, "maximum": self.highest}
        if not self.words:
            return {"type": "object", "additionalProperties": share}
        return {
            "type": "object",
            "properties": {str(word): share for word in self.words},
            "additionalProperties": False,
        }


def in_bounds(value: object, low: float, high: float) -> bool:
    """Tell whether a value is a number within bounds; true and false are none."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and not math.isnan(value)
        and low <= value <= high
    )


def quoted(text: str) -> str:
    """Return a text as TOML writes it: as JSON does, but for the one character that JSON leaves alone."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def key_written(word: str) -> str:
    """Return a word as a key of TOML."""
    return str(word) if _BARE.fullmatch(word) else quoted(word)


def did_you_mean(word: object, known: Sequence[str]) -> str:
    """Return a hint at the nearest of the known words, empty if none is near."""
    near = get_close_matches(str(word)[:80], known, n=1)
    return f'; did you mean "{near[0]}"?' if near else ""


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
