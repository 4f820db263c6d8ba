"""A run outlives its driver actors, its dispatcher and its Ray cluster; one cluster at a time has it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from processes import is_running, title_of
from running_stack import until

from actors.kafka.journal import KafkaJournal
from actors.producing.options import consumer_options, producer_options
from actors.settings import Settings
from api.accounting import account_of
from api.stores.memory import MemoryHistory, MemoryState
from api.stream.intake import read_messages
from api.tally import Tally
from cli.local.ledger_table import LedgerSummary
from cli.local.services import Services
from engine.contract.topics import TOPICS
from engine.messages import FINAL_KINDS, DeliveryEvent, EventKind, RunEvent, StartDelivery, Topic

pytestmark = [pytest.mark.services, pytest.mark.ray, pytest.mark.timeout(400)]

SCENARIO = """
name = "restart"
seed = 5
time_scale = {scale}
sample_hz = 2.0
[routes]
files = {files}
[fleet]
size = {size}
[deliveries]
mode = "{mode}"
start_spread_s = 60.0
"""


def write_roads(folder: Path, points: int) -> list[str]:
    """Two straight roads in Brasília, 110 m a point, in the ancestor's format."""
    paths = [folder / "road-a.txt", folder / "road-b.txt"]
    for number, path in enumerate(paths):
        path.write_text(
            "".join(f"{-15.80 - 0.001 * step:.6f},{-47.90 - 0.001 * number:.6f}\n" for step in range(points + number))
        )
    return [str(path) for path in paths]


class Main:
    """``python -m actors`` with a Ray cluster of its own, which can be killed whole."""

    def __init__(
        self, bootstrap: str, folder: Path, run_id: str, *, scale: float, size: int, points: int, once: bool
    ) -> None:
        self.scenario = folder / "scenario.toml"
        self.scenario.write_text(
            SCENARIO.format(
                scale=scale, size=size, files=write_roads(folder, points), mode="once" if once else "continuous"
            )
        )
        self._command = [
            sys.executable,
            "-m",
            "actors",
            "--scenario",
            str(self.scenario),
            "--run-id",
            run_id,
            *(["--once"] if once else []),
        ]
        self._environment = {
            **os.environ,
            "KAFKA_BOOTSTRAP": bootstrap,
            "DATA_DIR": str(folder),
            "JOURNAL": "topic",
            "RAY_OBJECT_STORE_MB": "100",
        }
        self._log = folder / "main.log"
        self._family: dict[int, psutil.Process] = {}
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        """Start it, or start it again with the same arguments."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
            )
        return self.process

    def workers(self, title: str) -> list[psutil.Process]:
        """Return the Ray workers whose title has a text, ``TickingDriver`` or ``Dispatching``."""
        return [process for process in self.family() if title in title_of(process)]

    def family(self) -> list[psutil.Process]:
        """Return the cluster's living processes, with those that have lost their parents meanwhile."""
        if self.process.poll() is None:
            self._family |= {child.pid: child for child in psutil.Process(self.process.pid).children(recursive=True)}
        return [process for process in self._family.values() if is_running(process)]

    def kill_one(self, title: str) -> None:
        """Kill a worker with -9, and wait until there is another in its place."""
        victim = until(lambda: self.workers(title), title)[0]
        victim.kill()
        until(lambda: [worker for worker in self.workers(title) if worker.pid != victim.pid], f"another {title}", 60)

    def kill(self) -> None:
        """Kill the whole cluster with -9: all of it is stopped first, so that none acts on another's death."""
        family = self.family()
        self.process.kill()
        for process in family:
            process.suspend()
        for process in family:
            process.kill()
        self.process.communicate(timeout=10)
        psutil.wait_procs(family, timeout=10)

    def result(self, timeout_s: float = 180.0) -> dict[str, Any]:
        """Wait until it ends by itself, and return what it printed."""
        output, _ = self.process.communicate(timeout=timeout_s)
        assert self.process.returncode == 0, self.log()
        return dict(json.loads(output.splitlines()[-1]))

    def refusal(self, timeout_s: float = 120.0) -> str:
        """Wait until it ends because it cannot run, and return the last line of its log."""
        self.process.communicate(timeout=timeout_s)
        assert self.process.returncode == 2, self.log()
        return self.log().splitlines()[-1]

    def log(self) -> str:
        """Return the end of its log."""
        return self._log.read_text(errors="replace")[-8_000:]

    def end(self) -> None:
        """End what is left."""
        if self.process.poll() is None or self.family():
            self.kill()


class Topics:
    """Everything of one run that comes on the topics from now on, as any reader may have it."""

    TOPICS = (Topic.NEW_POSITION, Topic.DELIVERY_EVENT, Topic.RUN_EVENT)

    def __init__(self, bootstrap: str, run_id: str) -> None:
        self._run_id = run_id.encode()
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": f"reader-{run_id}", "enable.auto.commit": False}
        )
        parts = [TopicPartition(topic, number) for topic in self.TOPICS for number in range(TOPICS[topic].partitions)]
        for part in parts:
            part.offset = max(self._consumer.get_watermark_offsets(part, timeout=10)[1], 0)
        self._consumer.assign(parts)
        self.messages: list[Message] = []
        self.positions: dict[tuple[str, int], set[bytes]] = {}
        self.events: list[DeliveryEvent] = []
        self.runs: list[RunEvent] = []
        self.sent = 0

    def read(self) -> None:
        """Take what has come."""
        for message in self._consumer.consume(10_000, 0.2):
            if message.error() is None and (message.key() or b"").startswith(self._run_id):
                self.messages.append(message)
                self._take(str(message.topic()), message.value() or b"")

    def _take(self, topic: str, value: bytes) -> None:
        if topic == Topic.NEW_POSITION:
            record = json.loads(value)
            self.sent += 1
            self.positions.setdefault((record["deliveryId"], record["seq"]), set()).add(value)
        elif topic == Topic.DELIVERY_EVENT:
            self.events.append(DeliveryEvent.from_json(value))
        else:
            self.runs.append(RunEvent.from_json(value))

    def until(self, condition: Callable[[], Any], what: str, within_s: float = 180.0) -> None:
        """Read until a condition holds."""

        def holds() -> Any:
            self.read()
            return condition()

        until(holds, what, within_s)

    def until_more(self, positions: int) -> None:
        """Read until this number of further positions has come."""
        enough = len(self.positions) + positions
        self.until(lambda: len(self.positions) >= enough, f"{positions} more positions")

    def has_started(self, delivery_id: str) -> bool:
        return any(event.delivery_id == delivery_id for event in self.events)

    def close(self) -> None:
        self._consumer.close()


@pytest.fixture
def run_id() -> str:
    return f"restart-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def topics(services: Services, run_id: str) -> Iterator[Topics]:
    topics = Topics(services.kafka.address, run_id)
    yield topics
    topics.close()


@pytest.fixture
def start(services: Services, tmp_path: Path, run_id: str) -> Iterator[Callable[..., Main]]:
    """Starts mains of one run, each with a cluster of its own, and ends what a failed test leaves behind."""
    started: list[Main] = []

    def make(**how: Any) -> Main:
        folder = tmp_path / f"main-{len(started)}"
        folder.mkdir()
        started.append(Main(services.kafka.address, folder, run_id, **how))
        return started[-1]

    yield make
    for number, main in enumerate(started):
        main.end()
        sys.stderr.write(f"main {number}:\n{main.log()}\n")  # shown if the test fails


def ask(bootstrap: str, delivery_id: str) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    producer.produce(Topic.NEW_DIRECTION, StartDelivery("road-a", "c", delivery_id).to_json(), b"road-a")
    assert producer.flush(60) == 0


async def ledger_of(run_id: str, topics: Topics) -> LedgerSummary:
    """What the API tells of a run that it has read to its end."""
    state, history, tally = MemoryState(), MemoryHistory(), Tally()
    intake = read_messages(topics.messages)
    assert not intake.rejected
    tally.read(intake.positions.run_id)
    written = await history.write_positions(intake.positions)
    tally.stored(run_id, written.new, written.known)
    await state.apply_events(intake.events)
    await state.put_runs(intake.runs)
    account = await account_of(run_id, state, history, tally)
    assert account is not None
    return LedgerSummary.from_json(account.to_json())


def test_a_driver_the_dispatcher_and_the_whole_cluster_are_killed_and_the_run_goes_on_where_it_was(
    start: Callable[..., Main], topics: Topics, services: Services, run_id: str
) -> None:
    bootstrap = services.kafka.address
    main = start(scale=6.0, size=150, points=20, once=True)
    topics.until_more(2_000)
    main.kill_one("TickingDriver")
    topics.until_more(2_000)
    main.kill_one("Dispatching")
    ask(bootstrap, f"{run_id}-without-dispatcher")
    topics.until(
        lambda: topics.has_started(f"{run_id}-without-dispatcher"),
        "the request that came while the dispatcher was dead",
    )
    main.kill()
    killed_s = time.monotonic()
    ask(bootstrap, f"{run_id}-without-anybody")
    time.sleep(3.0)
    topics.read()
    main.start()
    topics.until(
        lambda: topics.has_started(f"{run_id}-without-anybody"), "the request that came while everybody was dead"
    )
    away_s = time.monotonic() - killed_s
    summary = main.result()
    topics.until(lambda: topics.runs and topics.runs[-1].state == "finished", "the end of the run")
    ledger = asyncio.run(ledger_of(run_id, topics))
    # What other tests have asked for on the same topic is rejected by this run, for it knows none of their routes.
    finals = [event for event in topics.events if event.kind in FINAL_KINDS - {EventKind.REJECTED}]

    assert ledger.is_clean, (ledger, summary)
    assert (
        ledger.produced
        == ledger.acked
        == ledger.stored
        == len(topics.positions)
        == summary["produced"]
        == summary["acked"]
    )
    assert ledger.duplicated == topics.sent - len(topics.positions) > 0
    assert all(len(values) == 1 for values in topics.positions.values()), "what was sent twice is the same bytes"
    assert (
        len({event.to_json() for event in finals})
        == len({event.delivery_id for event in finals})
        == 152
        == summary["deliveries"]
    )
    assert {event.kind for event in finals} == {"delivered"}
    assert summary["latenessMaxMs"] > 0.5 * 1000 * away_s, "what was due while nobody was there came late, and says so"

    with KafkaJournalOf(bootstrap, run_id) as journal:
        assert journal.read() == {"ended": {"state": "ended", "deliveries": 152}}
    main.start()
    assert main.refusal().endswith(f"run {run_id} has ended and cannot be started again; give another run id")


def test_a_run_that_is_started_elsewhere_ends_where_it_was(
    start: Callable[..., Main], topics: Topics, run_id: str
) -> None:
    how = {"scale": 4.0, "size": 40, "points": 20, "once": False}
    old = start(**how)
    topics.until_more(300)
    new = start(**how)
    assert old.refusal().endswith(f"another dispatcher has taken over run {run_id}")
    topics.until(
        lambda: 0 in (heard := [event.actors for event in topics.runs]) and heard[-1] == 1,
        "the new cluster's driver actor",
    )
    topics.until_more(300)
    new.process.terminate()
    summary = new.result()
    topics.until(lambda: topics.runs and topics.runs[-1].state == "finished", "the end of the run")
    ledger = asyncio.run(ledger_of(run_id, topics))
    assert ledger.is_clean, (ledger, summary)
    assert ledger.stored == len(topics.positions) == summary["produced"]
    assert all(len(values) == 1 for values in topics.positions.values())
    finals = [event for event in topics.events if event.kind in FINAL_KINDS - {EventKind.REJECTED}]
    assert (
        len({event.to_json() for event in finals})
        == len({event.delivery_id for event in finals})
        == summary["deliveries"]
    )


class KafkaJournalOf:
    """A run's journal, as a next dispatcher would open it."""

    def __init__(self, bootstrap: str, run_id: str) -> None:
        settings = Settings(kafka_bootstrap=bootstrap)
        self._journal = KafkaJournal(run_id, producer_options(settings), consumer_options(settings, "test"))

    def __enter__(self) -> KafkaJournal:
        return self._journal

    def __exit__(self, *_: object) -> None:
        self._journal.close()
