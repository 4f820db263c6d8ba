"""What the benchmarks of whole runs share: a simulation on a real broker, watched.

The simulation is the shipped one, ``python -m actors``, with its settings' defaults. Memory is what the system says is
resident.
"""

from __future__ import annotations

import json
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import psutil

from cli.kafka.topic_reader import TopicReader
from cli.kafka.topics import create_topics
from cli.local.child import Child
from cli.local.services import Services
from engine.accounting.ledger import SeqLedger
from engine.codec import decode_positions
from engine.contract.kafka_connection import KafkaConnection
from engine.messages import FINAL_KINDS, Topic

DRIVER, DISPATCHER = "TickingDriver", "Dispatching"
"""What stands in the title of a process that is a driver actor, or the dispatcher."""

_NAMES = (
    (r"ray::TickingDriver", "driver_actor"),
    (r"ray::Dispatching", "dispatcher"),
    (r"ray::(IDLE|.*)", "ray_worker"),
    (r"gcs_server", "ray_gcs"),
    (r"raylet", "raylet"),
    (r"ray/_private|ray/dashboard", "ray_agent"),
    (r"kafka\.Kafka", "kafka"),
    (r"elasticsearch", "elasticsearch"),
    (r"/java ", "mongodb"),
    (r"cli\.local\.broker", "broker"),
    (r"cli\.local\.parent_death \d+ actors|-m actors", "simulation_main"),
    (r"cli\.local\.parent_death \d+ api|-m api", "api"),
)
"""What a process is called in the rows, by what stands in its title."""

_STOP_S = 30.0
_SAMPLE_S = 1.0


_LENT: list[Services] = []


@contextmanager
def lent(services: Services) -> Iterator[None]:
    """Let benchmarks use services that run already, for as long as the context lasts: for toys alone."""
    _LENT.append(services)
    try:
        yield
    finally:
        _LENT.remove(services)


@contextmanager
def services(*names: str, mongodb_in_memory: bool = False) -> Iterator[Services]:
    """Give some services, Kafka with the contract's topics; or those that are lent.

    They have a folder and ports of their own.
    """
    if _LENT:
        _LENT[-1].start(names)
        yield _LENT[-1]
        return
    with tempfile.TemporaryDirectory(prefix="code-delivery-bench-") as folder:
        Path(folder).chmod(0o755)
        found = Services(Path(folder), free_ports=True, mongodb_in_memory=mongodb_in_memory)
        try:
            found.start(names)
            if "kafka" in names:
                create_topics(found.kafka.address, {})
            yield found
        finally:
            found.stop()


def fleet_scenario(
    drivers: int,
    *,
    ramp_s: float,
    hold_s: float,
    routes: int = 400,
    per_actor: int | None = None,
    min_length_m: float = 5_000.0,
) -> str:
    """Return a scenario with a fleet at 1 Hz that grows for `ramp_s` and stays for `hold_s`.

    Its routes are long, so that few drivers arrive.
    """
    actors = f"[actors]\ndrivers_per_actor = {per_actor}\n" if per_actor else ""
    ramp = f'[[stages]]\nname = "up"\nshape = "ramp"\nduration_s = {ramp_s}\ndrivers = {drivers}\n' if ramp_s else ""
    return f"""\
name = "fleet"
seed = 5
sample_hz = 1.0

[network]
extract = "liechtenstein"
routes = {routes}
min_length_m = {min_length_m}
max_length_m = 30000.0

[fleet.mix]
car = 0.6
van = 0.3
truck = 0.1

{actors}
{ramp}
[[stages]]
name = "hold"
shape = "hold"
duration_s = {hold_s}
drivers = {drivers}
"""


@dataclass(frozen=True, slots=True)
class Used:
    """What one process uses.

    Attributes
    ----------
    private_bytes : resident, without what is mapped from files or shared.
    cpu_s : processor time since its start.
    """

    title: str
    resident_bytes: int
    private_bytes: int
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Sample:
    """What processes used at one instant, by process id."""

    at_s: float
    processes: dict[int, Used]


class Simulation:
    """One run's simulation.

    Parameters
    ----------
    environment : of its process; where the broker is.
    scenario : TOML.
    folder : for scenario and log.
    """

    def __init__(self, environment: dict[str, str], scenario: str, folder: Path, run_id: str) -> None:
        file = folder / f"{run_id}.toml"
        file.write_text(scenario)
        self.run_id, self.samples = run_id, list[Sample]()
        arguments = ["--scenario", str(file), "--run-id", run_id]
        self.child = Child(
            f"the simulation {run_id}",
            "actors",
            arguments,
            {**environment, "DATA_DIR": str(folder)},
            folder / f"{run_id}.log",
        )

    def start(self) -> None:
        """Start it without waiting."""
        self.child.start()

    def watch(self, seconds: float, done: Callable[[], bool] = lambda: False) -> None:
        """Take a sample a second until it has ended by itself or `done` says so.

        Fails after `seconds`.
        """
        deadline = time.monotonic() + seconds
        while self.child.exit_code is None and not done():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.child.name} was not done within {seconds:g} s:\n{self.child.last_words()}")
            if roots := self.pids():
                self.samples.append(sample_of(roots))
            time.sleep(_SAMPLE_S)
        if self.child.exit_code:
            self.child.check()

    def pids(self) -> list[int]:
        """Return its first process, from which all others descend; none once it has ended."""
        return [self.child.pid] if self.child.pid is not None else []

    def summary(self) -> dict[str, Any]:
        """Return what it printed at its end."""
        told = [line for line in self.child.last_words().splitlines() if line.startswith("{")]
        if not told:
            raise RuntimeError(f"{self.child.name} told nothing at its end:\n{self.child.last_words()}")
        return dict(json.loads(told[-1]))

    def resident(self, title: str, last: float = 0.5) -> float:
        """Return the resident bytes of all processes of a title together.

        The median over the last part of the samples.
        """
        chosen = self.samples[-max(1, round(last * len(self.samples))) :]
        sums = [sum(used.resident_bytes for used in one.processes.values() if title in used.title) for one in chosen]
        return statistics.median([size for size in sums if size] or [0])

    def cpu_s(self, title: str) -> float:
        """Return the processor time of all processes of a title, start included."""
        newest: dict[int, float] = {}
        for one in self.samples:
            newest |= {pid: used.cpu_s for pid, used in one.processes.items() if title in used.title}
        return sum(newest.values())

    def stop(self) -> dict[str, Any]:
        """End it in order and return what it printed."""
        self.child.stop(_STOP_S)
        return self.summary()

    def __enter__(self) -> Simulation:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.child.stop(_STOP_S)


def sample_of(roots: Sequence[int]) -> Sample:
    """Return what some processes and all their descendants use now."""
    found: dict[int, Used] = {}
    for process in [one for root in roots for one in _family(root)]:
        try:
            with process.oneshot():
                times, memory = process.cpu_times(), process.memory_info()
                found[process.pid] = Used(
                    " ".join(process.cmdline()), memory.rss, memory.rss - memory.shared, times.user + times.system
                )
        except psutil.Error:  # it has just ended
            continue
    return Sample(time.monotonic(), found)


def name_of(title: str) -> str:
    """Return what a process is called in rows."""
    return next(
        (name for pattern, name in _NAMES if re.search(pattern, title)), Path(title.split(" ")[0]).name or "process"
    )


def cores(before: Sample, after: Sample) -> dict[str, float]:
    """Return the processor cores used between two samples, by process; the busiest first."""
    found: dict[str, float] = {}
    for pid, used in after.processes.items():
        name, earlier = name_of(used.title), before.processes.get(pid)
        found[name] = found.get(name, 0.0) + used.cpu_s - (earlier.cpu_s if earlier else 0.0)
    elapsed_s = after.at_s - before.at_s
    return dict(sorted(((name, cpu_s / elapsed_s) for name, cpu_s in found.items()), key=lambda one: -one[1]))


def _family(root: int) -> list[psutil.Process]:
    try:
        first = psutil.Process(root)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


@dataclass(frozen=True, slots=True)
class Account:
    """What a run's topics hold.

    Attributes
    ----------
    records, different : on the topic of positions; and without repetitions.
    missing : positions that a delivery's last event says there are, or that lie below one that is there, and that are
        not there.
    """

    records: int
    different: int
    missing: int


def account_of(bootstrap: str, run_id: str) -> Account:
    """Read a run's positions and events from the beginning to the present end, and count."""
    ledger, records, prefix = SeqLedger(), 0, run_id.encode() + b"-"
    reader = TopicReader(
        KafkaConnection(bootstrap), [Topic.NEW_POSITION.value, Topic.DELIVERY_EVENT.value], "benchmark"
    )
    try:
        reader.mark()
        for messages in reader.polls():
            positions = [
                message.value() or b""
                for message in messages
                if message.topic() == Topic.NEW_POSITION and (message.key() or b"").startswith(prefix)
            ]
            if positions:
                batch = decode_positions(positions).batch
                ledger.record(batch.delivery_id, batch.seq)
                records += len(positions)
            for message in messages:
                if message.topic() == Topic.DELIVERY_EVENT:
                    event = orjson.loads(message.value() or b"")
                    if event["runId"] == run_id and event["kind"] in FINAL_KINDS:
                        ledger.expect(event["deliveryId"], event["positions"])
    finally:
        reader.close()
    found = ledger.summary()
    return Account(records, found.seen, found.missing)


def environment_of(found: Services) -> dict[str, str]:
    """Return the settings by which a simulation finds its broker."""
    return {"KAFKA_BOOTSTRAP": found.kafka.address, "JOURNAL": "topic"}
