"""Runs on a real local Ray cluster and the embedded broker: nothing is missing, whatever dies."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import ray
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from kafka_headers import headers_of
from processes import is_running

from actors.dispatch.actor_layout import ActorLayout
from actors.dispatch.plan import RunPlan
from actors.dispatch.summary import Summary
from actors.on_ray.cluster import ray_cluster
from actors.on_ray.run import NAMESPACE, run_plan
from actors.settings import Settings
from api.bus import KafkaBus
from api.stories import KafkaStories
from cli.local.services.folders import is_reachable
from engine.accounting.ledger import SeqLedger
from engine.contract.kafka_connection import KafkaConnection
from engine.errors import InvalidRoute, MessageError, RouteFileError
from engine.messages import ControlRun, DeliveryStory, StartDelivery, Topic
from engine.scenario.scenario import Scenario

pytestmark = [pytest.mark.ray, pytest.mark.timeout(180)]

START_MS = 1_700_000_000_000

SCENARIO = """
name = "test"
seed = 5
time_scale = {scale}
[routes]
files = {files}
[fleet]
size = {size}
[deliveries]
mode = "{mode}"
start_spread_s = 5.0
"""


def write_roads(folder: Path) -> list[str]:
    """Two short roads in Brasília, in the ancestor's format."""
    paths = [folder / "short-a.txt", folder / "short-b.txt"]
    for number, path in enumerate(paths):
        path.write_text(
            "".join(f"{-15.80 - 0.001 * step:.6f},{-47.90 - 0.001 * number:.6f}\n" for step in range(9 + number))
        )
    return [str(path) for path in paths]


class Topics:
    """Everything on the topics from now on."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False})
        topics = self._consumer.list_topics(timeout=5).topics
        parts = [TopicPartition(topic, number) for topic in Topic for number in topics[topic].partitions]
        for part in parts:
            part.offset = max(self._consumer.get_watermark_offsets(part, timeout=5)[1], 0) or OFFSET_BEGINNING
        self._consumer.assign(parts)
        self.records: dict[str, list[tuple[bytes, bytes, dict[str, bytes]]]] = {topic: [] for topic in Topic}

    def read(self, until: Callable[[Topics], bool], timeout_s: float = 60.0) -> bool:
        """Read until something is true, and return whether it became so."""
        deadline = time.monotonic() + timeout_s
        while not until(self) and time.monotonic() < deadline:
            for message in self._consumer.consume(5_000, 0.05):
                if message.error() is None:
                    self.records[str(message.topic())].append(
                        (message.key() or b"", message.value() or b"", headers_of(message))
                    )
        return until(self)

    def close(self) -> None:
        self._consumer.close()

    def positions(self, run_id: str = "") -> dict[tuple[str, int], set[bytes]]:
        """The different bytes seen of each position."""
        found: dict[tuple[str, int], set[bytes]] = {}
        for _, value, _ in self.records[Topic.NEW_POSITION]:
            position = json.loads(value)
            if position["runId"].startswith(run_id):
                found.setdefault((position["deliveryId"], position["seq"]), set()).add(value)
        return found

    def events(self, kind: str) -> dict[str, dict[str, object]]:
        events = [json.loads(value) for _, value, _ in self.records[Topic.DELIVERY_EVENT]]
        return {event["deliveryId"]: event for event in events if event["kind"] == kind}

    def last_run_event(self) -> dict[str, object]:
        return json.loads(self.records[Topic.RUN_EVENT][-1][1]) if self.records[Topic.RUN_EVENT] else {}

    def ledger(self) -> SeqLedger:
        ledger = SeqLedger()
        for _, value, _ in self.records[Topic.NEW_POSITION]:
            position = json.loads(value)
            ledger.record(np.array([position["deliveryId"].encode()]), np.array([position["seq"]]))
        for _, value, _ in self.records[Topic.DELIVERY_EVENT]:
            event = json.loads(value)
            if event.get("positions") is not None:
                ledger.expect(event["deliveryId"], event["positions"])
        return ledger


@pytest.fixture
def topics(embedded_broker: str) -> Iterator[Topics]:
    topics = Topics(embedded_broker)
    yield topics
    topics.close()


@pytest.fixture(scope="module")
def settings(embedded_broker: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(
        kafka_bootstrap=embedded_broker,
        data_dir=tmp_path_factory.mktemp("data"),
        ray_object_store_mb=100,
        journal="file",
    )


@pytest.fixture(scope="module")
def cluster(settings: Settings) -> Iterator[None]:
    # The tests' actors wait most of their time; more CPUs than there are let all of them in.
    with ray_cluster(settings, NAMESPACE, cpus=8):
        yield


class Running:
    """A run in a thread of this process, on the module's cluster."""

    def __init__(
        self,
        settings: Settings,
        run_id: str,
        *,
        drivers: int = 4,
        actors: int = 2,
        scale: float = 10.0,
        once: bool = True,
    ) -> None:
        text = SCENARIO.format(
            scale=scale, size=drivers, mode="once" if once else "continuous", files=write_roads(settings.data_dir)
        )
        self.scenario = Scenario.from_toml(text, "test.toml")
        layout = ActorLayout(actors, max(1, -(-drivers // actors)), 0.1)
        self.plan = RunPlan(run_id, "test", 5, 1000, scale, drivers, layout, None, START_MS)
        self.stop = threading.Event()
        self.summary: Summary | None = None
        self._thread = threading.Thread(target=self._run, args=(settings, once))
        self._thread.start()

    def _run(self, settings: Settings, once: bool) -> None:
        self.summary = run_plan(settings, self.scenario, self.plan, cpus=8.0, once=once, stop=self.stop)

    def actor(self, name: str) -> ray.actor.ActorHandle[Any]:
        return ray.get_actor(name, namespace=f"{NAMESPACE}-{self.plan.run_id}")

    def end(self, timeout_s: float = 60.0, *, stop: bool = False) -> Summary:
        if stop:
            self.stop.set()
        self._thread.join(timeout_s)
        self.stop.set()
        self._thread.join(30)
        assert self.summary is not None, "the run has ended by itself or when told to"
        return self.summary


@pytest.fixture
def start_run(cluster: None, settings: Settings) -> Iterator[Callable[..., Running]]:
    """Starts runs, and ends those that a failed test leaves behind before the cluster goes."""
    started: list[Running] = []

    def start(run_id: str, **how: Any) -> Running:
        started.append(Running(settings, run_id, **how))
        return started[-1]

    yield start
    for running in started:
        running.end(0, stop=True)


def send(bootstrap: str, *messages: tuple[str, bytes, bytes | None]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for topic, key, value in messages:
        producer.produce(topic, value, key)
    assert producer.flush(60) == 0


def tell_story(bootstrap: str, run_id: str, delivery_id: str) -> DeliveryStory:
    """Ask the run's dispatcher as the API does."""

    async def ask() -> DeliveryStory:
        kafka = KafkaConnection(bootstrap)
        bus = KafkaBus(kafka)
        try:
            return await KafkaStories(kafka, bus, answer_s=60.0).ask(run_id, delivery_id)
        finally:
            await bus.close()

    return asyncio.run(ask())


def kinds(told: DeliveryStory) -> list[str]:
    return [entry["kind"] for entry in told.entries or []]


def answer_of(method: Any) -> Any:
    """Call a method of an actor and return its answer, whose type Ray's stubs lose."""
    return ray.get(method.remote())


def finals(topics: Topics) -> int:
    return len(topics.events("delivered"))


def test_others_cannot_reach_the_files_and_sockets_of_a_local_cluster(cluster: None) -> None:
    node = ray._private.worker.global_worker.node
    assert node is not None
    session = Path(node.get_session_dir_path())
    assert (session / "sockets" / "raylet").is_socket()
    assert not is_reachable(session)


def test_the_bytes_are_the_same_on_one_two_and_four_actors_packed_or_not_and_after_a_kill(
    start_run: Callable[..., Running], settings: Settings, embedded_broker: str
) -> None:
    seen: dict[str, dict[tuple[str, int], set[bytes]]] = {}
    events: dict[str, list[bytes]] = {}
    for name, actors, kill in (("one", 1, False), ("two", 2, True), ("four", 4, False)):
        topics = Topics(embedded_broker)
        (settings.data_dir / "runs" / "same.journal").unlink(missing_ok=True)
        running = start_run("same", actors=actors)
        if kill:
            assert topics.read(lambda topics: len(topics.positions()) > 120)
            status = answer_of(running.actor("driver-0").status)
            os.kill(status.pid, signal.SIGKILL)
        summary = running.end()
        assert topics.read(lambda topics: finals(topics) == 4, 5)
        ledger = topics.ledger()
        seen[name], events[name] = (
            topics.positions(),
            sorted({value for _, value, _ in topics.records[Topic.DELIVERY_EVENT]}),
        )
        topics.close()
        assert ledger.missing() == []
        assert all(len(values) == 1 for values in seen[name].values()), "what was sent twice must be the same bytes"
        assert summary.deliveries == 4
        if kill:
            assert status.active > 0, "the actor was killed in mid-run"
        else:
            assert summary.produced == summary.acked == len(seen[name])
            assert ledger.summary().duplicated == 0
    assert seen["one"] == seen["two"] == seen["four"]
    assert events["one"] == events["two"] == events["four"]


def test_a_killed_dispatcher_reads_its_journal_and_the_run_goes_on(
    start_run: Callable[..., Running], topics: Topics, embedded_broker: str
) -> None:
    running = start_run("phoenix")
    assert topics.read(lambda topics: len(topics.positions()) > 100)
    send(embedded_broker, (Topic.NEW_DIRECTION, b"1", StartDelivery("short-a", "c", "phoenix-asked").to_json()))
    assert topics.read(lambda topics: "phoenix-asked" in topics.events("started"))
    pid = answer_of(running.actor("dispatcher").progress).pid
    os.kill(pid, signal.SIGKILL)
    # The drivers go on without it, and the request is served once.
    send(embedded_broker, (Topic.NEW_DIRECTION, b"1", StartDelivery("short-a", "c", "phoenix-asked").to_json()))
    send(embedded_broker, (Topic.NEW_DIRECTION, b"2", StartDelivery("short-b", "c", "phoenix-after").to_json()))
    assert topics.read(lambda topics: finals(topics) == 6)
    summary = running.end()
    assert summary.deliveries == 6
    assert topics.ledger().missing() == []
    assert all(len(values) == 1 for values in topics.positions().values())


def test_bad_requests_are_dead_lettered_and_the_rest_goes_on(
    start_run: Callable[..., Running], topics: Topics, embedded_broker: str
) -> None:
    running = start_run("requests", drivers=0, scale=1.0, once=False)
    try:
        assert topics.read(lambda topics: topics.last_run_event().get("runId") == "requests")
        bad = [
            (Topic.NEW_DIRECTION, b"1", b"{not json"),
            (Topic.NEW_DIRECTION, b"1", b'{"routeId":1,"clientId":"c"}'),
            (Topic.NEW_DIRECTION, b"1", b'{"routeId":"1","clientId":"' + b"c" * 70_000 + b'"}'),
            (Topic.NEW_DIRECTION, b"1", b'{"routeId":"1","clientId":"c","vehicle":"rocket"}'),
            (Topic.RUN_CONTROL, b"requests", b"\x00\x01\x02"),
            (Topic.RUN_CONTROL, b"requests", b'{"runId":"requests","action":"explode"}'),
            (Topic.ROUTE_DEFINED, b"r", b'{"routeId":"r","title":"R","geometry":"???"}'),
            (Topic.ROUTE_DEFINED, b"r", b'{"routeId":"r","title":"R","geometry":"' + b"_" * 930_000 + b'"}'),
        ]
        send(embedded_broker, *bad)
        asked_s = time.monotonic()
        send(
            embedded_broker,
            *[(Topic.NEW_DIRECTION, b"1", StartDelivery("1", "c", "requests-d").to_json())] * 3,
            (Topic.NEW_DIRECTION, b"1", b'{"routeId":"3","clientId":"ancestor"}'),
            (Topic.NEW_DIRECTION, b"x", StartDelivery("nowhere", "c", "requests-x").to_json()),
        )
        assert topics.read(lambda topics: len(topics.positions("requests")) > 0)
        moving_s = time.monotonic() - asked_s
        assert topics.read(lambda topics: len(topics.records[Topic.DEAD_LETTER]) >= len(bad))
        assert topics.read(
            lambda topics: "requests-x" in topics.events("rejected") and len(topics.events("started")) == 2
        )
        send(
            embedded_broker, (Topic.RUN_CONTROL, b"requests", ControlRun("requests", "cancel", "requests-d").to_json())
        )
        assert topics.read(lambda topics: "requests-d" in topics.events("cancelled"))
        rejected = tell_story(embedded_broker, "requests", "requests-x")
        assert (rejected.status, kinds(rejected)) == ("rejected", ["requested", "waiting", "rejected"])
        steered = tell_story(embedded_broker, "requests", "requests-d")
        assert {"requested", "placed", "ignored", "steered", "confirmed"} <= set(kinds(steered))
        assert tell_story(embedded_broker, "requests", "nothing-of-the-kind").status == "unknown"
    finally:
        summary = running.end(0, stop=True)
    assert summary.deliveries == 2
    assert moving_s < 10  # a bound for a broken program, not for a slow machine
    dead = topics.records[Topic.DEAD_LETTER]
    assert sorted(value for _, value, _ in dead) == sorted(value for _, _, value in bad)
    assert all(
        headers["reason"] and headers["topic"] and headers["partition"] and headers["offset"] for _, _, headers in dead
    )
    assert topics.read(lambda topics: len(topics.events("suspended")) == 1, 5)
    assert topics.ledger().missing() == []


def test_drivers_on_a_shared_cluster_outlive_their_main_and_the_next_one_takes_them_over(
    cluster: None, topics: Topics, embedded_broker: str, tmp_path: Path
) -> None:
    scenario = tmp_path / "s.toml"
    scenario.write_text(SCENARIO.format(scale=1.5, size=4, mode="once", files=write_roads(tmp_path)))
    address = {
        "RAY_ADDRESS": ray.get_runtime_context().gcs_address,
        "KAFKA_BOOTSTRAP": embedded_broker,
        "JOURNAL": "file",
        "DATA_DIR": str(tmp_path),
    }
    command = [sys.executable, "-m", "actors", "--scenario", str(scenario), "--run-id", "shared", "--once"]

    def pid_of_driver() -> int:
        return int(answer_of(ray.get_actor("driver-0", namespace=f"{NAMESPACE}-shared").status).pid)

    with subprocess.Popen(
        command, env={**os.environ, **address}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as killed:
        assert topics.read(lambda topics: len(topics.positions("shared")) > 40, 90)
        killed.kill()
    pid, count = pid_of_driver(), len(topics.positions("shared"))
    assert topics.read(lambda topics: len(topics.positions("shared")) > count + 20), "drivers need nobody to go on"
    with subprocess.Popen(
        command, env={**os.environ, **address}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            told = len(topics.records[Topic.RUN_EVENT])
            assert topics.read(lambda topics: len(topics.records[Topic.RUN_EVENT]) > told, 90)
            assert pid_of_driver() == pid
            output, errors = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 0, errors.decode()
    assert topics.read(lambda topics: topics.last_run_event().get("state") == "finished", 5)
    summary = json.loads(output.splitlines()[-1])
    assert len(topics.positions("shared")) == summary["produced"] == summary["acked"]
    assert topics.ledger().missing() == []
    assert topics.ledger().summary().duplicated == 0


@pytest.mark.parametrize(
    "error",
    [MessageError("found 3"), RouteFileError("a.txt", "line 3", "expected"), InvalidRoute("one point")],
    ids=lambda e: type(e).__name__,
)
def test_errors_cross_ray_whole(cluster: None, error: Exception) -> None:
    @ray.remote(num_cpus=0.1)
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        ray.get(fail.remote())
    assert str(error) in str(caught.value)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_simulation_that_is_told_to_stop_flushes_and_leaves_no_process(
    topics: Topics, embedded_broker: str, tmp_path: Path
) -> None:
    scenario = tmp_path / "s.toml"
    scenario.write_text(SCENARIO.format(scale=1.0, size=6, mode="continuous", files=write_roads(tmp_path)))
    environment = {**os.environ, "KAFKA_BOOTSTRAP": embedded_broker, "JOURNAL": "file", "DATA_DIR": str(tmp_path)}
    before = {process.pid for process in psutil.process_iter()}
    command = [sys.executable, "-m", "actors", "--scenario", str(scenario), "--run-id", "drained"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            assert topics.read(lambda topics: len(topics.positions("drained")) > 10, 90)
            family = psutil.Process(process.pid).children(recursive=True)
            listening = {
                c.laddr.ip for member in family for c in member.net_connections("tcp") if c.status == psutil.CONN_LISTEN
            }
            process.send_signal(signal.SIGTERM)
            output, errors = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 0, errors.decode()
    assert listening <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
    summary = json.loads(output.splitlines()[-1])
    psutil.wait_procs(family, timeout=2)
    assert [process for process in family if is_running(process)] == []
    left = [
        p
        for p in psutil.process_iter(["cmdline"])
        if p.pid not in before and "drained" in " ".join(p.info["cmdline"] or [])
    ]
    assert left == []
    assert topics.read(lambda topics: topics.last_run_event().get("state") == "finished", 5)
    assert len(topics.positions("drained")) == summary["produced"] == summary["acked"]
    assert topics.ledger().missing() == []
    assert not list(Path("/tmp").glob(f"cd-*/session_*_{process.pid}"))
