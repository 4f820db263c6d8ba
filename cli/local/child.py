"""One part of the stack as a child process, with its log file and its end."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import psutil

from cli.errors import CliError
from cli.local import parent_death
from cli.local.log_file import LogFile
from engine.folders import make_private

_POLL_S = 0.1

_TAIL_BYTES = 64 * 1024
"""The part of a log's end that is searched for its last lines, bytes."""


class ChildDied(CliError):
    """A part of the stack ended by itself; the message ends with the last lines of its log."""


class Child:
    """A Python module in a process of its own, which ends with this process, however that dies.

    It has its own session, so Ctrl-C in the terminal reaches only the parent, which then ends the parts in order.

    Parameters
    ----------
    name : for messages.
    module, arguments : what ``python -m`` runs.
    environment : added to this process's own.
    log : file to which its output is appended. None: `standard_output` and `standard_error` are pipes if `is_piped`,
        else its output is dropped and its errors go where this process's go.
    """

    def __init__(
        self,
        name: str,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        log: Path | None = None,
        *,
        is_piped: bool = False,
    ) -> None:
        self.name, self.log = name, log
        self._command = parent_death.module_command(module, arguments)
        self._environment = environment
        self._log_file = None if log is None else LogFile(log)
        self._is_piped = is_piped
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process."""
        if self._log_file is not None:
            make_private(self._log_file.path.parent)
            with self._log_file.appended() as output:
                self._process = parent_death.start(self._command, self._environment, stdout=output)
        elif self._is_piped:
            pipe = subprocess.PIPE
            self._process = parent_death.start(self._command, self._environment, stdout=pipe, stderr=pipe)
        else:
            nowhere = subprocess.DEVNULL
            self._process = parent_death.start(self._command, self._environment, stdout=nowhere, stderr=None)

    @property
    def pid(self) -> int | None:
        """Process id while the process runs."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Exit code once the process has ended."""
        return None if self._process is None else self._process.poll()

    @property
    def standard_output(self) -> IO[bytes]:
        """What the process writes, of one that is piped and started."""
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout

    @property
    def standard_error(self) -> IO[bytes]:
        """What the process writes to its standard error, of one that is piped and started."""
        assert self._process is not None
        assert self._process.stderr is not None
        return self._process.stderr

    def check(self) -> None:
        """Raise `ChildDied` if the process has ended."""
        if self.exit_code is not None:
            end = "" if self.log is None else f"; the end of {self.log}:\n{self.last_words()}"
            raise ChildDied(f"{self.name} ended with exit code {self.exit_code}{end}")

    def last_words(self, lines: int = 15) -> str:
        """Return the last lines that this process wrote to its log; empty without a log."""
        return "" if self._log_file is None else self._log_file.last_lines(lines, _TAIL_BYTES)

    def newest_report(self) -> dict[str, Any]:
        """Return the newest JSON object among the last lines of the log, one a line; empty if there is none."""
        lines = [line for line in self.last_words().splitlines() if line.startswith("{") and line.endswith("}")]
        return dict(json.loads(lines[-1])) if lines else {}

    def terminate(self) -> None:
        """Ask the process to end (SIGTERM); returns at once."""
        if self.pid is not None and self._process is not None:
            self._process.terminate()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the process's end, and kill it after `timeout_s` seconds; return whether it ended in time."""
        in_time = self._has_ended(timeout_s)
        if not in_time:
            self._kill()
        return in_time

    def stop(self, timeout_s: float, has_moved: Callable[[], bool] = lambda: False) -> bool:
        """End the process and all it started; return whether it ended in time by itself.

        Parameters
        ----------
        timeout_s : how long it may take before it is killed, s.
        has_moved : asked again and again; when its end has advanced, the time begins anew.
        """
        if self._process is None:
            return True
        descendants = self._descendants()
        self.terminate()
        in_time = self._has_ended(timeout_s, has_moved)
        if not in_time:
            descendants += self._descendants()
            self._kill()
        _end(descendants)
        return in_time

    def _kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def _has_ended(self, timeout_s: float, has_moved: Callable[[], bool] = lambda: False) -> bool:
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
    """Kill what is left of some processes after a short grace.

    `psutil` tells a process from another one that was given the same number since.
    """
    deadline = time.monotonic() + grace_s
    while time.monotonic() < deadline and any(p.is_running() for p in processes):
        time.sleep(0.02)
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, timeout=grace_s)
