"""The viewers' processes: each prints its totals once a second, and this joins them.

The page is drawn in another process than those that watch, so that drawing a page never makes a frame late.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from cli.load.viewers.options import Options
from cli.load.viewers.tally import Totals
from cli.local.child import Child

END_S = 20.0


class ViewersFailed(RuntimeError):
    """A process of viewers ended by a fault; the message is its own."""


class _Part:
    """One process, and its last output."""

    def __init__(self, options: Options) -> None:
        self.newest: Totals | None = None
        self.complaint = b""
        arguments = ["--every-second", *options.to_arguments()]
        self.process = Child("a process of viewers", "cli.load.viewers", arguments, {}, is_piped=True)
        self.process.start()
        self._readers = [threading.Thread(target=reader, daemon=True) for reader in (self._read, self._read_complaint)]
        for reader in self._readers:
            reader.start()

    def _read(self) -> None:
        for line in self.process.standard_output:
            self.newest = Totals.from_json(json.loads(line))

    def _read_complaint(self) -> None:
        self.complaint = self.process.standard_error.read()

    def finish(self) -> None:
        """Wait for the end, by force if it does not come, and for the last line."""
        self.process.wait(END_S)
        for reader in self._readers:
            reader.join(END_S)
        self.process.standard_output.close()
        self.process.standard_error.close()


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
        return all(part.process.exit_code is not None for part in self._parts)

    def check(self) -> None:
        """Raise `ViewersFailed` if a process has ended by a fault."""
        for part in self._parts:
            if part.process.exit_code not in (None, 0):
                part.finish()
                words = part.complaint.decode(errors="replace").strip().splitlines()
                raise ViewersFailed(
                    words[-1].removeprefix("error: ")
                    if words
                    else f"a process of viewers ended with exit code {part.process.exit_code}"
                )

    def end(self) -> None:
        """Ask all to end, and wait for it."""
        for part in self._parts:
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
