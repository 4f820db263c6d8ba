"""Processor time per position of every part of the chain, at a load that two cores hold.

First a run of the shipped simulation on a real Kafka, Elasticsearch and the stand-in for MongoDB, with the API's roles
in a process each: what the driver actor, the broker, the roles and the stores take. Then the same records, sent again
at their pace under other runs' ids, to the API alone: its roles in a process each, and all in one process. Counted is
while the whole fleet is on the road: a delivery's start and end cost much more than a position. No viewer watches.

With ``BASE=revision`` in the environment that revision of the repository does the same work in turns with this tree, on
the same broker and servers, and is the rival; a ratio of two such figures hardly depends on what else the machine does.
Figures are the processes' own user and system time, never wall time.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka import Consumer, TopicPartition

from benchmarks.recording import Recording
from benchmarks.simulation import Simulation, environment_of, fleet_scenario, name_of, sample_of, services
from benchmarks.size import sized
from cli.local.api_client import ApiClient
from cli.local.port import free_port
from cli.local.services import Services
from engine.messages import Topic

DRIVERS = sized(5_000, toy=50)
RAMP_S, HOLD_S, MEASURED_S = sized((5, 35, 25), toy=(1, 8, 3))
"""How long the fleet grows and stays, and how much of its stay is measured."""

ROUNDS = sized(2, toy=1)
SETTLE_IN_S = sized(5, toy=1)
"""What is left out of a replay after the fleet has grown, so that its starts are stored."""

LIMIT_S = 120.0
RUN = "chain-cpu-00"
ROLES = ("live", "state", "history")
TOGETHER = ",".join(ROLES)
HERE = Path(__file__).resolve().parents[1]

_PARTS = {"kafka": "broker", "mongodb": "state_store"}


@dataclass(frozen=True, slots=True)
class _Tree:
    """A checkout of the repository, and what it is called in rows."""

    name: str
    folder: Path


class _Process:
    """The API of a checkout with some roles, in one process, on given services; `with` starts and ends it.

    Each checkout has stores of its own on the servers, so that neither reads what the other has written.
    """

    def __init__(self, tree: _Tree, roles: str, found: Services, folder: Path) -> None:
        self.roles, self._tree, self._folder = roles, tree, folder
        port = free_port()
        self._environment = {
            **os.environ,
            **found.environment(),
            "PYTHONPATH": str(tree.folder),
            "API_ROLES": roles,
            "API_HOST": "127.0.0.1",
            "PORT": str(port),
            "DATA_DIR": str(folder),
            "ELASTICSEARCH_PREFIX": f"bench-{tree.name}",
            "MONGODB_DATABASE": f"bench_{tree.name}",
        }
        self.client = ApiClient(f"http://127.0.0.1:{port}", timeout_s=60.0)
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> _Process:
        log = self._folder / f"{self._tree.name}-{self.roles}.log"
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "api"],
                env=self._environment,
                cwd=self._tree.folder,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + LIMIT_S
        while not self.client.is_ready():
            if self._child.poll() is not None or time.monotonic() > deadline:
                self._end()
                raise RuntimeError(f"the API ({self.roles}) of {self._tree.name} is not ready:\n{log.read_text()}")
            time.sleep(0.2)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._end()

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._child is not None
        return self._child.pid

    def cpu_s(self) -> float:
        """Return the processor time since its start."""
        times = psutil.Process(self.pid).cpu_times()
        return times.user + times.system

    def _end(self) -> None:
        if self._child is not None:
            self._child.terminate()
            try:
                self._child.wait(60)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()


def run() -> list[dict[str, Any]]:
    """Return µs/position of the API's roles, beside those of the revision BASE, and of every other part."""
    with (
        tempfile.TemporaryDirectory(prefix="code-delivery-bench-") as folder,
        _trees(os.environ.get("BASE"), Path(folder)) as trees,
        services("kafka", "elasticsearch", "mongodb", mongodb_in_memory=True) as found,
    ):
        parts = _chain(trees[0], found, Path(folder))
        recording = Recording.read(found.kafka.address, RUN)
        spent: dict[tuple[str, str], list[float]] = {}
        for number in range(ROUNDS):
            for apart in (True, False):
                for tree in trees if number % 2 == 0 else trees[::-1]:
                    for role, cost_us in _replayed(tree, apart, recording, found, Path(folder)).items():
                        spent.setdefault((tree.name, role), []).append(cost_us)
    costs = {place: statistics.median(found) for place, found in spent.items()}
    for tree in trees:
        costs[tree.name, "roles"] = sum(costs[tree.name, role] for role in ROLES)
    rows = [_row("chain_cpu", "roles", costs, trees), _row("chain_cpu.together", TOGETHER, costs, trees)]
    rows += [_row(f"chain_cpu.{role}", role, costs, trees) for role in ROLES]
    return rows + [
        {"name": f"chain_cpu.chain.{part}", "value": cost_us, "unit": "µs/position in the whole chain"}
        for part, cost_us in parts.items()
    ]


@contextmanager
def _trees(base: str | None, folder: Path) -> Iterator[list[_Tree]]:
    """Give this tree and, where a revision is named, that one in a folder of its own."""
    trees = [_Tree("here", HERE)]
    if base:
        named = subprocess.run(
            ["git", "rev-parse", "--verify", "--quiet", f"{base}^{{commit}}"], cwd=HERE, stdout=subprocess.PIPE
        )
        if named.returncode:
            raise ValueError(f"BASE must name a revision of this repository, found {base!r}")
        other = folder / "base"
        subprocess.run(["git", "worktree", "add", "--detach", str(other), base], cwd=HERE, check=True)
        trees.append(_Tree("base", other))
    try:
        yield trees
    finally:
        for tree in trees[1:]:
            subprocess.run(["git", "worktree", "remove", "--force", str(tree.folder)], cwd=HERE, check=True)


def _row(name: str, role: str, costs: dict[tuple[str, str], float], trees: Sequence[_Tree]) -> dict[str, Any]:
    ours = costs["here", role]
    row: dict[str, Any] = {"name": name, "value": ours, "unit": "µs/position"}
    if len(trees) > 1:
        rival = costs["base", role]
        row |= {"rival": f"the same at {os.environ['BASE']}", "rival_value": rival, "ratio": rival / ours}
    return row


def _chain(tree: _Tree, found: Services, folder: Path) -> dict[str, float]:
    """Return µs/position of every part of the chain while the simulation drives it."""
    there = _positions(found)
    scenario = fleet_scenario(DRIVERS, ramp_s=RAMP_S, hold_s=HOLD_S, per_actor=DRIVERS)
    with ExitStack() as stack:
        apis = [stack.enter_context(_Process(tree, role, found, folder)) for role in ROLES]
        simulation = stack.enter_context(Simulation(environment_of(found), scenario, folder, RUN))
        names = {api.pid: f"api_{api.roles}" for api in apis}
        behind = [one.pid for one in (found.kafka, found.elasticsearch, found.mongodb) if one.pid is not None]

        def spent() -> tuple[dict[str, float], int]:
            sums: dict[str, float] = {}
            for pid, used in sample_of([*simulation.pids(), *names, *behind]).processes.items():
                name = names.get(pid) or name_of(used.title)
                name = _PARTS.get(name, name)
                sums[name] = sums.get(name, 0.0) + used.cpu_s
            return sums, _positions(found)

        simulation.watch(LIMIT_S, done=lambda: _positions(found) - there >= DRIVERS * RAMP_S)
        before, first = spent()
        ends = time.monotonic() + MEASURED_S
        simulation.watch(LIMIT_S, done=lambda: time.monotonic() >= ends)
        after, last = spent()
        simulation.watch(LIMIT_S)
        _wait_until_stored(apis)
    costs = {name: (after[name] - before.get(name, 0.0)) / (last - first) * 1e6 for name in after}
    return {name: cost_us for name, cost_us in sorted(costs.items(), key=lambda one: -one[1]) if cost_us >= 0.1}


def _replayed(tree: _Tree, apart: bool, recording: Recording, found: Services, folder: Path) -> dict[str, float]:
    """Return µs/position of a checkout's API with its roles in a process each, or together, by roles."""
    run_id = f"{RUN[:-7]}{time.monotonic_ns() // 1000 % 10**7:07d}"
    with ExitStack() as stack:
        apis = [
            stack.enter_context(_Process(tree, roles, found, folder)) for roles in (ROLES if apart else (TOGETHER,))
        ]
        begin_s = RAMP_S + SETTLE_IN_S
        marks: dict[float, list[float]] = {}

        def mark(due_s: float) -> None:
            for at_s in (begin_s, begin_s + MEASURED_S):
                if due_s >= at_s and at_s not in marks:
                    marks[at_s] = [api.cpu_s() for api in apis]

        recording.replay(found.kafka.address, run_id, mark)
        _wait_until_stored(apis)
    positions = recording.positions_between(begin_s, begin_s + MEASURED_S)
    costs = {
        api.roles: (last - first) / positions * 1e6 for api, first, last in zip(apis, *marks.values(), strict=True)
    }
    print(f"  {tree.name}: " + ", ".join(f"{roles} {cost:.1f}" for roles, cost in costs.items()), file=sys.stderr)
    return costs


def _wait_until_stored(apis: Sequence[_Process]) -> None:
    """Wait until nothing waits for a sink, so that the next turn finds an empty topic before it."""
    deadline = time.monotonic() + LIMIT_S
    while any(sum(api.client.waiting().values()) for api in apis):
        if time.monotonic() > deadline:
            raise RuntimeError(f"positions still wait after {LIMIT_S:g} s: {[api.client.waiting() for api in apis]}")
        time.sleep(0.5)


def _positions(found: Services) -> int:
    """Return how many records the topic of positions holds."""
    consumer = Consumer({"bootstrap.servers": found.kafka.address, "group.id": "benchmark-count"})
    try:
        topic = Topic.NEW_POSITION.value
        numbers = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        marks = [consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10) for number in numbers]
        return sum(high for _, high in marks)
    finally:
        consumer.close()
