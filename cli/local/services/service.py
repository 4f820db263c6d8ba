"""A local service: its folder, ports, process and log, and how it is started and ended.

Any process may have started it: an object finds it by the record in the folder.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from cli.local import parent_death
from cli.local.log_file import LogFile
from cli.local.port import fault_of_port, free_port
from cli.local.services.errors import ServiceDied
from cli.local.services.ports import check_port
from cli.local.services.record import Record
from cli.progress import Report, silent

READY_S = 240.0
POLL_S = 0.1
_KILL_S = 10.0
_LAST_LINES = 15

QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Options of a Java that is to be ready soon: compile simply, collect simply."""

STORES_NICE = 5
"""Nice level of the stores: the drivers and the live map must not wait for them."""

_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}
"""Processes that this one has started, by process id.

They must be waited for, whichever object ends them.
"""


@dataclass(frozen=True, slots=True)
class Launch:
    """A command line, and what is added to the environment."""

    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Where and how a service runs.

    Attributes
    ----------
    folder : of all services; each has its own below.
    cache : folder of fetched packages.
    tied : whether its process ends with this one.
    quick : whether it should be ready soon rather than fast later, for tests: on a busy machine Elasticsearch starts
        with half the processor time.
    """

    folder: Path
    cache: Path
    tied: bool
    quick: bool = False


class Service(ABC):
    """One service on 127.0.0.1.

    Parameters
    ----------
    place : where it runs.
    port : of its clients. None: the last one, or else the well-known one; 0: the last one, or else a free one.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    well_known_port: ClassVar[int]
    other_ports: tuple[str, ...] = ()
    stop_s: ClassVar[float] = 20.0
    nice: ClassVar[int] = 0
    """How much it yields where processor time is short, 0 to 19; a `quick` one does not."""

    def __init__(self, place: Place, port: int | None = 0) -> None:
        self.place, self.folder = place, place.folder.resolve() / self.name
        self.log = self.folder / f"{self.name}.log"
        self._log_file = LogFile(self.log)
        self._wanted = port
        self._ports: dict[str, int] = {}

    @abstractmethod
    def fetch(self, report: Report) -> None:
        """Fetch what the service is made of; called before any service is started."""

    @abstractmethod
    def prepare(self) -> Launch:
        """Write the configuration for `ports`, and return the command; called before each start."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Return whether it does what it is for, asked over its own protocol.

        Called again and again while a caller waits; answers within a few seconds.
        """

    @property
    @abstractmethod
    def address(self) -> str:
        """Address for a client."""

    @property
    def ports(self) -> dict[str, int]:
        """Ports by name, ``client`` first; empty before the first start."""
        if not self._ports and (record := self.record) is not None:
            self._ports = record.ports
        return self._ports

    @property
    def port(self) -> int:
        """Port of its clients; 0 before the first start."""
        return self.ports.get("client", 0)

    @property
    def record(self) -> Record | None:
        """The record of its process, running or ended; None if there is none."""
        return Record.read(self.folder / "record.json")

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        record = self.record
        return record.pid if record is not None and record.is_alive() else None

    def start(self, report: Report = silent, timeout_s: float = READY_S) -> None:
        """Start it, on the ports and data it had before, and wait until it is ready; if it runs, only wait.

        Raises
        ------
        PortTaken : another process has its port.
        ServiceDied : it ended, or was not ready within `timeout_s` seconds.
        FetchFailed, MissingTool : what it is made of cannot be fetched or built.
        """
        self.fetch(report)
        self.launch()
        self.wait_ready(timeout_s)

    def launch(self) -> bool:
        """Start the process unless it runs, and do not wait; return whether it was started."""
        record = self.record
        if record is not None and record.is_alive():
            self._ports = record.ports
            return False
        if record is not None:
            record.send(signal.SIGKILL)  # processes that a killed leader has left
            (self.folder / "record.json").unlink()
            _reap(record.pid)
        self._ports = self._choose_ports(record)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._spawn(self.prepare())
        return True

    def wait_ready(self, timeout_s: float = READY_S) -> None:
        """Return once it is ready.

        Raises
        ------
        ServiceDied : it ended, or was not ready within `timeout_s` seconds.
        """
        deadline = time.monotonic() + timeout_s
        while not self.is_ready():
            if self.pid is None:
                raise ServiceDied(f"{self.title} ended; the end of {self.log}:\n{self.last_words()}")
            if time.monotonic() > deadline:
                raise ServiceDied(
                    f"{self.title} was not ready within {timeout_s:g} s; the end of {self.log}:\n{self.last_words()}"
                )
            time.sleep(POLL_S)

    def last_words(self, lines: int = _LAST_LINES) -> str:
        """Return the last lines of its log since its last start by this object."""
        return self._log_file.last_lines(lines)

    def terminate(self) -> None:
        """Ask it to end, and return at once."""
        if (record := self.record) is not None:
            record.send(signal.SIGTERM)
            record.send(signal.SIGCONT)  # a suspended process gets no SIGTERM

    def stop(self, *, kill: bool = False) -> bool:
        """End it and all it started, and return whether it ended by itself.

        It gets SIGTERM, and after `stop_s` seconds SIGKILL; with `kill` that at once.
        """
        record = self.record
        if record is None:
            return True
        if not kill:
            self.terminate()
            ended = self._wait_ended(record, self.stop_s)
        if kill or not ended:
            ended = False
            record.send(signal.SIGKILL)
            self._wait_ended(record, _KILL_S)
        _reap(record.pid)
        return ended

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL to every process of it."""
        self.stop(kill=True)

    def suspend(self) -> None:
        """Suspend it, as a machine that hangs would: connections stay open and nothing answers."""
        if (record := self.record) is not None:
            record.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it run again after `suspend`."""
        if (record := self.record) is not None:
            record.send(signal.SIGCONT)

    def delete_data(self) -> None:
        """Delete its folder with data, log and record; it must have ended."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._ports = {}

    def _java_options(self, heap: str) -> list[str]:
        """Return the options of every Java of ours.

        They are its heap, a folder for its native libraries, and that it leaves nothing behind elsewhere.
        """
        scratch = self.folder / "tmp"
        scratch.mkdir(exist_ok=True)
        return [
            f"-Xmx{heap}",
            f"-Djava.io.tmpdir={scratch}",
            "-XX:-UsePerfData",
            "-XX:+ExitOnOutOfMemoryError",
            *(QUICK if self.place.quick else ()),
        ]

    def _choose_ports(self, last: Record | None) -> dict[str, int]:
        """Return the ports of this object's last start, else of the folder's, else new ones.

        The client's port must be free.
        """
        known = self._ports or (last.ports if last is not None else {})
        client = self._wanted or known.get("client") or (self.well_known_port if self._wanted is None else free_port())
        check_port(client, self.name)
        chosen = {"client": client}
        for name in self.other_ports:
            port = known.get(name)
            while port is None or port in chosen.values() or fault_of_port(port) is not None:
                port = free_port()
            chosen[name] = port
        return chosen

    def _spawn(self, launch: Launch) -> None:
        record = self.folder / "record.json"
        yielding = ["nice", "-n", str(self.nice)] if self.nice and not self.place.quick else []
        command = parent_death.program_command([*yielding, *launch.command], record, self._ports, tied=self.place.tied)
        with self._log_file.appended() as output:
            process = parent_death.start(command, launch.environment, stdout=output, folder=self.folder)
        _CHILDREN[process.pid] = process
        while not record.exists():  # it is written within milliseconds, unless the process ends first
            if process.poll() is not None:
                raise ServiceDied(f"{self.title} could not be started; the end of {self.log}:\n{self.last_words()}")
            time.sleep(0.01)

    def _wait_ended(self, record: Record, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while record.members():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


def _reap(pid: int) -> None:
    """Wait for a process that has ended, if it is our child.

    A process id that the system gave to another process is not waited for.
    """
    if pid in _CHILDREN and _CHILDREN[pid].poll() is not None:
        del _CHILDREN[pid]
