"""The viewers' processes: each prints its totals once a second, and this joins them.

What shows them to a person is another process than those that watch, so that drawing a page never makes a frame late.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from cli.load.viewers.options import Options
from cli.load.viewers.tally import Totals

END_S = 20.0


class ViewersFailed(RuntimeError):
    """A process of viewers ended by a fault; the message is its own."""


class _Part:
    """One process, and its last output."""

    def __init__(self, options: Options) -> None:
        command = [
            sys.executable,
            "-m",
            "cli.local.parent_death",
            str(os.getpid()),
            "cli.load.viewers",
            "--every-second",
            *options.to_arguments(),
        ]
        self.newest: Totals | None = None
        self.complaint = b""
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        self._readers = [threading.Thread(target=reader, daemon=True) for reader in (self._read, self._read_complaint)]
        for reader in self._readers:
            reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.newest = Totals.from_json(json.loads(line))

    def _read_complaint(self) -> None:
        assert self.process.stderr is not None
        self.complaint = self.process.stderr.read()

    def finish(self) -> None:
        """Wait for the end, by force if it does not come, and for the last line."""
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for reader in self._readers:
            reader.join(END_S)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


class Processes:
    """Viewers in as many processes as the options say."""

    def __init__(self, options: Options) -> None:
        self._parts = [_Part(replace(options, index=index)) for index in range(options.processes)]

    @property
    def totals(self) -> Totals:
        """The totals of all processes."""
        return Totals.merged(part.newest for part in self._parts if part.newest is not None)

    @property
    def is_over(self) -> bool:
        """Whether every process has ended."""
        return all(part.process.poll() is not None for part in self._parts)

    def check(self) -> None:
        """Raise `ViewersFailed` if a process has ended by a fault."""
        for part in self._parts:
            if part.process.poll() not in (None, 0):
                part.finish()
                words = part.complaint.decode(errors="replace").strip().splitlines()
                raise ViewersFailed(
                    words[-1].removeprefix("error: ")
                    if words
                    else f"a process of viewers ended with exit code {part.process.returncode}"
                )

    def end(self) -> None:
        """Ask all to end, and wait for it."""
        for part in self._parts:
            if part.process.poll() is None:
                part.process.terminate()
        for part in self._parts:
            part.finish()


@contextmanager
def running(options: Options) -> Iterator[Processes]:
    """Give the processes, and end them whatever happens."""
    processes = Processes(options)
    try:
        yield processes
    finally:
        processes.end()
