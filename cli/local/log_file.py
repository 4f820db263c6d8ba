"""The log file of a process, and the last lines that were written to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


class LogFile:
    """A file to which the output of a process is appended.

    Parameters
    ----------
    path : the file; it need not be there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._start = 0

    @contextmanager
    def appended(self) -> Iterator[BinaryIO]:
        """Open the file for a process to write to; `last_lines` then begins at its present end."""
        with self.path.open("ab") as output:
            self._start = output.tell()
            yield output

    def last_lines(self, lines: int, within_bytes: int | None = None) -> str:
        """Return the last lines since `appended` was called, or of the whole file if it was not.

        Parameters
        ----------
        lines : at most this number.
        within_bytes : the part of the file's end that is read, bytes; None: all of it.
        """
        if not self.path.exists():
            return ""
        with self.path.open("rb") as file:
            oldest = 0 if within_bytes is None else self.path.stat().st_size - within_bytes
            file.seek(max(self._start, oldest))
            return b"\n".join(file.read().splitlines()[-lines:]).decode(errors="replace")
