"""Record of a service's process, by which any process finds it again.

A process that was given the same process id later is not taken for it.
"""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

SAME_S = 2.0
"""Difference of two starts that are one, s.

The kernel reports a process's start relative to the clock, which may be set; no process id is given again this soon.
"""


@dataclass(frozen=True, slots=True)
class Record:
    """The identity of a service's process.

    Attributes
    ----------
    pid : of the process that leads the service's session.
    created_s : when it began, seconds since 1970, as psutil reports it.
    ports : what it listens on, by name.
    """

    pid: int
    created_s: float
    ports: dict[str, int]

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Return the record in a file; None if there is none, or it cannot be read."""
        try:
            record = json.loads(path.read_text())
            return cls(
                int(record["pid"]),
                float(record["created_s"]),
                {str(name): int(port) for name, port in record["ports"].items()},
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def is_alive(self) -> bool:
        """Return whether this very process runs."""
        try:
            process = psutil.Process(self.pid)
            return abs(process.create_time() - self.created_s) < SAME_S and not _has_ended(process)
        except psutil.NoSuchProcess:
            return False

    def members(self) -> list[psutil.Process]:
        """Return the processes of its session: itself, and what it started, even after its own end."""
        found = []
        for process in psutil.process_iter():
            try:
                if os.getsid(process.pid) != self.pid or _has_ended(process):
                    continue
                if process.pid == self.pid and abs(process.create_time() - self.created_s) >= SAME_S:
                    return []  # the process id was given to another process, and so the session is that one's
                found.append(process)
            except (psutil.NoSuchProcess, ProcessLookupError, PermissionError):
                continue
        return found

    def send(self, number: signal.Signals) -> None:
        """Send a signal to every process of the session, and to none that has a reused process id."""
        for process in self.members():
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue


def _has_ended(process: psutil.Process) -> bool:
    """Return whether only the entry of a process is left.

    A process that was killed is a zombie at once, but has its ports until the last of its threads is gone.
    """
    return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
