"""The journal: a table of a run's decisions, from which a restarted dispatcher continues.

It knows keys and entries, not their meaning.

Of each key the newest entry counts, so what a journal holds is as large as what is going on, however long the run has
been. Some changes kept together are kept all or not at all, as far as the place allows: see each class.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from engine.folders import make_private

logger = logging.getLogger(__name__)

Entry = dict[str, Any]
"""One decision, as JSON has it."""

Change = tuple[str, Entry | None]
"""A key and its new entry; None forgets the key."""

Table = dict[str, Entry]
"""The newest entry of each key."""


class JournalError(RuntimeError):
    """The journal cannot be kept or read.

    JournalError
    ├── Superseded     another dispatcher has taken the run over
    ├── NoPlace        there is nowhere to keep it
    └── JournalClosed  it was closed while something was being kept
    """


class Superseded(JournalError):
    """Another dispatcher has taken the run over; this one must decide nothing more."""


class NoPlace(JournalError):
    """There is nowhere to keep it; the message says what mends that."""


class JournalClosed(JournalError):
    """It was closed while something was being kept, because the run is to end."""


class Journal(Protocol):
    """Where decisions are kept."""

    def read(self) -> Table:
        """Take the journal over from an earlier dispatcher, and return what it holds. Called once, first."""

    def append(self, changes: Iterable[Change]) -> None:
        """Keep some changes. Returns when they are safe, because the dispatcher acts on them next."""

    def conclude(self, key: str, entry: Entry) -> None:
        """Forget everything, and keep one entry as the mark of the end."""

    def close(self) -> None:
        """Give up what is being kept, and let go of everything. Any thread may call it."""


def reduced(changes: Iterable[Change]) -> Table:
    """Return the table that some changes leave, in any order that keeps those of one key in theirs."""
    table: Table = {}
    for key, entry in changes:
        if entry is None:
            table.pop(key, None)
        else:
            table[key] = entry
    return table


class MemoryJournal:
    """A journal that lasts as long as the object; for tests and throw-away runs.

    `compact` does what a broker does to a compacted topic.
    """

    def __init__(self) -> None:
        self.lines: list[tuple[str, str | None]] = []

    def read(self) -> Table:
        """Return what was kept."""
        return reduced((key, None if line is None else json.loads(line)) for key, line in self.lines)

    def append(self, changes: Iterable[Change]) -> None:
        """Keep some changes."""
        self.lines += [(key, None if entry is None else json.dumps(entry)) for key, entry in changes]

    def conclude(self, key: str, entry: Entry) -> None:
        """Forget everything but one entry."""
        self.append([*((known, None) for known in self.read()), (key, entry)])

    def compact(self) -> None:
        """Drop every line that a later one of its key has overtaken."""
        newest = {key: number for number, (key, _) in enumerate(self.lines)}
        self.lines = [
            line for number, line in enumerate(self.lines) if newest[line[0]] == number and line[1] is not None
        ]

    def close(self) -> None:
        """Do nothing: nothing is open."""


class FileJournal:
    """A journal in a file, one change a line.

    Lines reach the operating system before `append` returns, so they outlive a killed process; a machine that loses
    power may lose the last ones, and the deliveries in them are then sent again from an earlier position: duplicates,
    harmless by id. The file grows until the run ends.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        make_private(path.parent)
        self._file = path.open("ab", buffering=0)
        if path.stat().st_size and not path.read_bytes().endswith(b"\n"):
            self._file.write(b"\n")  # a line torn by the end of the last writer must not swallow the next one

    def read(self) -> Table:
        """Return what was kept; a torn line is left out and logged."""
        return reduced(self._lines())

    def _lines(self) -> Iterable[Change]:
        with self._path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    if line.strip():
                        key, entry = json.loads(line)
                        yield key, entry
                except (ValueError, TypeError):
                    logger.warning("%s line %d is torn and left out", self._path, number)

    def append(self, changes: Iterable[Change]) -> None:
        """Keep some changes: one write, so that a killed process leaves at most one torn line."""
        text = "".join(json.dumps([key, entry], separators=(",", ":")) + "\n" for key, entry in changes)
        if text:
            self._file.write(text.encode())

    def conclude(self, key: str, entry: Entry) -> None:
        """Forget everything but one entry: the file is replaced whole."""
        draft = self._path.with_suffix(".new")
        draft.write_text(json.dumps([key, entry], separators=(",", ":")) + "\n")
        draft.replace(self._path)
        self._file.close()
        self._file = self._path.open("ab", buffering=0)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
