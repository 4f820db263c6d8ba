"""The journal: what the dispatcher has decided, in order, so that its successor can decide the same. It knows entries, not their meaning."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

logger = logging.getLogger(__name__)

Entry = dict[str, Any]
"""One decision; its kind under "kind", the rest JSON."""


class Journal(Protocol):
    """Where decisions are kept."""

    def append(self, entries: Iterable[Entry]) -> None:
        """Keep some entries. The dispatcher calls it before it acts on them."""

    def read(self) -> Iterator[Entry]:
        """Return all entries in order. A dispatcher calls it once, when it starts."""


class MemoryJournal:
    """A journal that lasts as long as the object; for tests and throw-away runs."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def append(self, entries: Iterable[Entry]) -> None:
        """Keep some entries."""
        self._lines += [json.dumps(entry) for entry in entries]

    def read(self) -> Iterator[Entry]:
        """Return all entries in order."""
        return iter([json.loads(line) for line in self._lines])


class FileJournal:
    """A journal in a file, one JSON object a line.

    Lines reach the operating system before `append` returns, so they outlive a killed process; a machine that loses power may lose the last ones, and the
    deliveries in them are then sent again from an earlier position: duplicates, harmless by id.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)
        if path.stat().st_size and not path.read_bytes().endswith(b"\n"):
            self._file.write(b"\n")  # a line torn by the end of the last writer must not swallow the next one

    def append(self, entries: Iterable[Entry]) -> None:
        """Keep some entries: one write, so that a killed process leaves at most one torn line."""
        text = "".join(json.dumps(entry, separators=(",", ":")) + "\n" for entry in entries)
        if text:
            self._file.write(text.encode())

    def read(self) -> Iterator[Entry]:
        """Return all entries in order; a torn line is left out and logged."""
        with self._path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    entry = json.loads(line) if line.strip() else None
                except ValueError:
                    logger.warning("%s line %d is torn and left out", self._path, number)
                    continue
                if entry is not None:
                    yield entry

    def close(self) -> None:
        """Close the file."""
        self._file.close()
