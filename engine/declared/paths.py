"""The kinds of value that name files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.declared.kinds import HERE, Fault, Kind, Place
from engine.declared.spelling import quoted
from engine.errors import shown

_NO_FILE = Path("?")
"""Stands for a file that is faulty, so that its fault is reported once; known by identity."""


@dataclass(frozen=True, slots=True)
class File(Kind):
    """A file that exists."""

    suffixes: tuple[str, ...] = ()

    def fault(self, value: object, folder: Path) -> str | None:
        """Return what is wrong with a value, None if it may stand."""
        return next((what for _, what in self.faults(value, (), folder)), None)

    def faults(self, value: object, place: Place, folder: Path = HERE) -> Iterator[Fault]:
        """Yield what is wrong with the value at a place."""
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
        """Return an allowed value as the scenario keeps it."""
        return folder / Path(value)

    def stand_in(self) -> Path:
        """Return what stands for a value that is not allowed."""
        return _NO_FILE

    def written(self, value: Any) -> str:
        """Return a value as TOML."""
        return quoted(str(value))

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values allowed."""
        return {"type": "string", "pattern": r"\S"}


@dataclass(frozen=True, slots=True)
class Files(Kind):
    """A list of at least one file that exists."""

    def fault(self, value: object, folder: Path) -> str | None:
        """Return what is wrong with a value, None if it may stand."""
        return next((what for _, what in self.faults(value, (), folder)), None)

    def faults(self, value: object, place: Place, folder: Path = HERE) -> Iterator[Fault]:
        """Yield what is wrong with the value at a place."""
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
        """Return an allowed value as the scenario keeps it."""
        return tuple(folder / name for name in value)

    def stand_in(self) -> tuple[Path, ...]:
        """Return what stands for a value that is not allowed."""
        return (_NO_FILE,)

    def written(self, value: Any) -> str:
        """Return a value as TOML."""
        return f"[{', '.join(quoted(str(path)) for path in value)}]"

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the values allowed."""
        return {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": r"\S"}}


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
