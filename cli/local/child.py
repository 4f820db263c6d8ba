"""One part of the stack as a child process, with its log file and its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from engine.folders import make_private

_POLL_S = 0.1

_TAIL_BYTES = 64 * 1024
"""As much of a log's end is looked at for its last lines."""


class ChildDied(RuntimeError):
    """A part of the stack ended by itself; the message ends with the last lines of its log."""


class Child:
    """A Python module in a process of its own.

    It has its own session, so Ctrl-C in the terminal reaches only the parent, which then ends the parts in order.

    Parameters
    ----------
    name : for messages and the log file.
    module, arguments : what ``python -m`` runs.
    environment : added to this process's own.
    log : file that gets its output, appended.
    """

    def __init__(
        self, name: str, module: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path
    ) -> None:
        self.name, self.log = name, log
        self._command = [sys.executable, "-m", "cli.local.parent_death", str(os.getpid()), module, *arguments]
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def start(self) -> None:
        """Start the process."""
        make_private(self.log.parent)
        with self.log.open("ab") as output:
            self._log_start = output.tell()
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int | None:
        """Process id while the process runs."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Exit code once the process has ended."""
        return None if self._process is None else self._process.poll()

    def check(self) -> None:
        """Raise `ChildDied` if the process has ended."""
        if self._process is not None and self._process.poll() is not None:
            raise ChildDied(
                f"{self.name} ended with exit code {self._process.returncode}; the end of {self.log}:\n{self.last_words()}"
            )

    def last_words(self, lines: int = 15) -> str:
        """Return the last lines that this process wrote."""
        with self.log.open("rb") as file:
            file.seek(max(self._log_start, self.log.stat().st_size - _TAIL_BYTES))
            return b"\n".join(file.read().splitlines()[-lines:]).decode(errors="replace")

    def said(self) -> dict[str, Any]:
        """Return the newest of the JSON objects that this process wrote for us, one a line; empty if there is none among its last lines."""
        lines = [line for line in self.last_words().splitlines() if line.startswith("{") and line.endswith("}")]
        return dict(json.loads(lines[-1])) if lines else {}

    def terminate(self) -> None:
        """Ask the process to end (SIGTERM); returns at once."""
        if self.pid is not None and self._process is not None:
            self._process.terminate()

    def stop(self, timeout_s: float, has_moved: Callable[[], bool] = lambda: False) -> bool:
        """End the process and all it started; return whether it ended in time by itself.

        Parameters
        ----------
        has_moved : asked again and again; where its end got on, the time begins anew.
        """
        if self._process is None:
            return True
        descendants = self._descendants()
        self.terminate()
        in_time = self._has_ended(timeout_s, has_moved)
        if not in_time:
            descendants += self._descendants()
            self._process.kill()
            self._process.wait()
        _end(descendants)
        return in_time

    def _has_ended(self, timeout_s: float, has_moved: Callable[[], bool]) -> bool:
        """Wait for the process's end, and return whether it came in time."""
        deadline = time.monotonic() + timeout_s
        while self.exit_code is None:
            if has_moved():
                deadline = time.monotonic() + timeout_s
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def _descendants(self) -> list[psutil.Process]:
        if self.pid is None:
            return []
        try:
            return psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []


def _end(processes: list[psutil.Process], grace_s: float = 0.5) -> None:
    """Kill what is left of some processes after a short grace; `psutil` knows a reused pid from the process that was meant."""
    deadline = time.monotonic() + grace_s
    while time.monotonic() < deadline and any(p.is_running() for p in processes):
        time.sleep(0.02)
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, timeout=grace_s)
