"""The API's consumers on the embedded broker: everything arrives once, whatever is mixed in."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from fastapi import FastAPI
from kafka_headers import headers_of
from large_fleet import LARGE_FLEET
from produced_facts import Simulation

from api.app import create_app
from api.deps import Stores
from api.errors import StoreBackpressure
from api.settings import Settings
from api.stores.base import Written
from api.stores.memory import MemoryHistory, MemoryState
from api.stream.intake import Intake, read_records
from api.stream.records import Records
from api.stream.sinks import HISTORY, HistorySink
from cli.local.broker import BrokerCluster, EmbeddedBroker, partitions_for
from cli.local.port import free_port
from engine.codec import PositionBatch
from engine.latency.histogram import Histogram
from engine.messages import RouteDefined, RunMetrics, Topic
from engine.roads.route import Route

TIMEOUT_S = 90.0


@pytest.fixture
def broker() -> Iterator[str]:
    """A broker of the test's own: consumer groups and what cannot be read belong to this test alone."""
    with EmbeddedBroker(LARGE_FLEET) as broker:
        yield broker.bootstrap


@pytest.fixture
def attentive_broker() -> Iterator[str]:
    """A broker that gives up a silent member of a group after 2 s instead of 45 s."""
    cluster = BrokerCluster(partitions_for(LARGE_FLEET), session_timeout_ms=2000)
    yield cluster.bootstrap
    cluster.close()


@asynccontextmanager
async def application(
    bootstrap: str, folder: Path, stores: Stores | None = None
) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    app = create_app(Settings(kafka_bootstrap=bootstrap, data_dir=folder), stores=stores)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client,
    ):
        yield app, client


async def until(condition: Callable[[], Awaitable[Any]], what: str) -> Any:
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        found = await condition()
        if found:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {TIMEOUT_S:g} s")


async def settled(client: httpx.AsyncClient, run_id: str, stored: int) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    async def is_settled() -> bool:
        answer = await client.get(f"/runs/{run_id}/ledger")
        seen.clear()
        seen.update(answer.json())
        return answer.status_code == 200 and seen["stored"] == stored and seen["acked"] == stored

    try:
        await until(is_settled, f"{stored} stored positions")
    except AssertionError:
        raise AssertionError(f"the ledger never settled: {seen}") from None
    return dict(seen)


def dead_letters(bootstrap: str, wanted: int) -> list[tuple[bytes, dict[str, bytes]]]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "nobody", "enable.auto.commit": False})
    partitions = consumer.list_topics(Topic.DEAD_LETTER, timeout=5).topics[Topic.DEAD_LETTER].partitions
    consumer.assign([TopicPartition(Topic.DEAD_LETTER, number, OFFSET_BEGINNING) for number in partitions])
    found: list[tuple[bytes, dict[str, bytes]]] = []
    deadline = time.monotonic() + 5
    while len(found) < wanted and time.monotonic() < deadline:
        found += [(m.value() or b"", headers_of(m)) for m in consumer.consume(100, 0.1) if m.error() is None]
    found += [(m.value() or b"", headers_of(m)) for m in consumer.consume(100, 0.5) if m.error() is None]
    consumer.close()
    return found


class MetricsReader:
    """Reads run.metrics from its beginning; what it has read of a run by worker and number, each once."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "nobody", "enable.auto.commit": False})
        partitions = self._consumer.list_topics(Topic.RUN_METRICS, timeout=5).topics[Topic.RUN_METRICS].partitions
        self._consumer.assign([TopicPartition(Topic.RUN_METRICS, number, OFFSET_BEGINNING) for number in partitions])
        self.messages: dict[tuple[str, int], RunMetrics] = {}

    def read(self) -> None:
        for record in self._consumer.consume(1000, 0.05):
            if record.error() is None:
                message = RunMetrics.from_json(record.value() or b"")
                self.messages[message.worker, message.seq] = message

    def close(self) -> None:
        self._consumer.close()

    def roles(self) -> set[str]:
        return {worker.split("-")[0] for worker, _ in self.messages}

    def counts(self) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for message in self.messages.values():
            for segment, text in (message.histograms or {}).items():
                counts[segment] += Histogram.decode(text).total
        return dict(counts)


async def is_ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/health/ready")).status_code == 200


async def test_a_whole_run_is_stored_and_accounted_for(broker: str, tmp_path: Path) -> None:
    simulation = Simulation(broker)
    async with application(broker, tmp_path) as (_, client):
        await until(lambda: is_ready(client), "readiness")
        route = Route.from_points("r1", "Hill road", [47.1, 47.2], [9.5, 9.5])
        simulation.send(Topic.ROUTE_DEFINED, b"r1", route.to_message().to_json())
        simulation.whole(40)
        ledger = await settled(client, "run", 2000)
        none = dict.fromkeys(("failed", "missing", "duplicated", "deadLettered", "lostOnPurpose"), 0)
        assert ledger == {"produced": 2000, "acked": 2000, "consumed": 2000, "stored": 2000, "gaps": [], **none}
        delivery = (await client.get("/deliveries/run-7")).json()
        assert (delivery["state"], delivery["seq"], delivery["routeTitle"], delivery["progress"]) == (
            "delivered",
            39,
            "Hill road",
            0.195,
        )
        track = (await client.get("/deliveries/run-7/track")).json()
        assert track["properties"]["seqs"] == list(range(40))
        assert track["geometry"]["coordinates"][1] == [9.5, 47.1001]
        assert (await client.get("/routes/1")).status_code == 200
        metrics = (await client.get("/metrics")).text
        for role in ("state", "history", "live"):
            assert f'delivery_positions_consumed_total{{role="{role}"}} 2000.0' in metrics
        assert "delivery_end_to_end_seconds_count 2000" in metrics
        simulation.send(Topic.ROUTE_DEFINED, b"r1", RouteDefined(route_id="r1", deleted=True).to_json())
        simulation.producer.flush(60)

        async def is_gone() -> bool:
            return (await client.get("/routes/r1")).status_code == 404

        await until(is_gone, "the deletion of the route")


async def test_what_is_measured_of_a_run_is_told_on_its_topic(broker: str, tmp_path: Path) -> None:
    simulation, reader = Simulation(broker), MetricsReader(broker)
    async with application(broker, tmp_path) as (_, client):
        await until(lambda: is_ready(client), "readiness")
        simulation.run("running", 0)

        async def every_part_has_heard_of_the_run() -> bool:
            await asyncio.to_thread(reader.read)
            return reader.roles() == {"state", "history", "live"}

        await until(every_part_has_heard_of_the_run, "a word of every part")
        simulation.positions(range(20), last=True)
        simulation.events("delivered", 0, positions=20)
        simulation.run("finished", 1)
        await settled(client, "run", 1000)

    async def everything_is_told() -> bool:
        await asyncio.to_thread(reader.read)
        return all(reader.counts().get(segment, 0) >= 1000 for segment in ("consumed", "stored", "indexed"))

    await until(everything_is_told, "the last word")
    await asyncio.to_thread(reader.read)
    reader.close()
    counts = reader.counts()
    pushed = counts.pop("pushed")  # of several positions of a delivery between two ticks the newest alone
    assert counts == {"consumed": 1000, "stored": 1000, "indexed": 1000}
    assert 50 <= pushed <= 1000
    sinks = [message.gauges for message in reader.messages.values() if message.part == "sink" and message.gauges]
    assert {name for gauges in sinks for name in gauges} == {"cpuS", "rssBytes", "queue", "paused", "lag", "writeS"}
    assert {message.run_id for message in reader.messages.values()} == {"run"}


BAD = {
    Topic.NEW_POSITION: [
        b"",
        b"\x00\xffnot json",
        b'{"routeId":"r1"}',
        b'{"routeId":"r1","clientId":"c","position":[91,0],"finished":false}',
        b"x" * 1_200_000,
    ],
    Topic.DELIVERY_EVENT: [b"[]", b'{"kind":"teleported"}', b'{"pad":"' + b"x" * 200_000 + b'"}'],
    Topic.RUN_EVENT: [b"nul", b'{"runId":"run","state":"running","clock":[1,2]}'],
    Topic.ROUTE_DEFINED: [
        b"{}",
        b'{"routeId":"bad","title":"t","geometry":"\x7f"}',
        b'{"routeId":"one","title":"t","geometry":"_p~iF~ps|U"}',
    ],
}


async def test_what_cannot_be_read_goes_to_the_dead_letters_with_its_reason_and_the_rest_goes_on(
    broker: str, tmp_path: Path
) -> None:
    simulation = Simulation(broker)
    async with application(broker, tmp_path) as (_, client):
        simulation.run("running", 0)
        for topic, values in BAD.items():
            for value in values:
                simulation.send(topic, b"run-1", value)
            simulation.positions(range(simulation.sent // 50, simulation.sent // 50 + 5))
        simulation.send(
            Topic.NEW_POSITION, b"r9", b'{"routeId":"r9","clientId":"c","position":[-15.8,-47.9],"finished":false}'
        )
        simulation.events("delivered", 0, positions=20)
        simulation.run("finished", 1)
        ledger = await settled(client, "run", 1000)
        count = sum(map(len, BAD.values()))

        async def all_told() -> bool:
            return bool((await client.get("/runs/run/ledger")).json()["deadLettered"] == count)

        await until(all_told, "the last dead letter")
        assert (ledger["missing"], ledger["duplicated"]) == (0, 0)
        found = await asyncio.to_thread(dead_letters, broker, count)
        assert len(found) == count
        for topic, values in BAD.items():
            told = [(value, headers) for value, headers in found if headers["topic"].decode() == topic]
            assert sorted(len(value) for value, _ in told) == sorted(min(len(value), 512 * 1024) for value in values)
            assert all(
                headers["reason"] and headers["partition"].isdigit() and headers["offset"].isdigit()
                for _, headers in told
            )
        [original] = [headers["original-bytes"] for _, headers in found if "original-bytes" in headers]
        assert original == b"1200000"
        # The ancestor's four fields alone are a position too.
        assert (await client.get("/deliveries/r9:c")).json()["position"] == {"lat": -15.8, "lng": -47.9}


async def test_a_service_that_ends_and_begins_again_loses_nothing_and_repeats_nothing(
    broker: str, tmp_path: Path
) -> None:
    simulation = Simulation(broker)
    simulation.run("running", 0)
    simulation.positions(range(10))
    async with application(broker, tmp_path) as (_, client):
        simulation.run("running", 1)
        await settled(client, "run", 500)
    simulation.positions(range(10, 20))
    async with application(broker, tmp_path) as (_, client):
        simulation.positions(range(20, 30))
        simulation.events("delivered", 0, positions=30)
        simulation.run("finished", 2)
        ledger = await settled(client, "run", 1500)
        assert (ledger["missing"], ledger["gaps"], ledger["duplicated"]) == (0, [], 0)


async def test_a_gap_is_named(broker: str, tmp_path: Path) -> None:
    simulation = Simulation(broker, deliveries=2)
    async with application(broker, tmp_path) as (_, client):
        simulation.positions(range(5))
        simulation.positions(range(8, 10))
        simulation.events("delivered", 0, positions=12)
        simulation.run("finished", 0)
        ledger = await settled(client, "run", 14)
        assert ledger["missing"] == 10
        assert ledger["gaps"] == [
            {"deliveryId": f"run-{n}", "from": first, "to": last} for n in (0, 1) for first, last in ((5, 7), (10, 11))
        ]


async def test_a_fault_of_ours_while_reading_passes_over_nothing(
    broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulation, faults = Simulation(broker), 0

    def faulty(records: Records, *, keep_records: bool) -> Intake:
        nonlocal faults
        if keep_records and faults < 2:  # the history's
            faults += 1
            raise RuntimeError("a fault of ours")
        return read_records(records, keep_records=keep_records)

    monkeypatch.setattr("api.stream.polling.read_records", faulty)
    simulation.whole(10)
    async with application(broker, tmp_path) as (_, client):
        ledger = await settled(client, "run", 500)
        assert (faults, ledger["missing"], ledger["duplicated"]) == (2, 0, 0)


class BusyHistory(MemoryHistory):
    """Takes nothing until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.busy, self.refused = True, 0

    async def write_positions(self, batch: PositionBatch) -> Written:
        if self.busy:
            self.refused += 1
            raise StoreBackpressure("full", retry_after=0.05)
        return await super().write_positions(batch)


async def test_a_full_store_stops_the_reading_and_nothing_is_lost(
    broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traits = replace(HISTORY, linger_s=0.05, capacity=500)
    monkeypatch.setattr("api.app.HistorySink", partial(HistorySink, traits=traits))
    simulation, history = Simulation(broker), BusyHistory()
    async with application(broker, tmp_path, Stores(MemoryState(), history)) as (_, client):
        simulation.run("running", 0)

        async def is_paused() -> bool:
            simulation.positions(range(simulation.sent // 50, simulation.sent // 50 + 4))
            return (
                history.refused > 0
                and 'delivery_sink_paused{role="history"} 1.0' in (await client.get("/metrics")).text
            )

        await until(is_paused, "a pause")

        async def is_told() -> bool:
            part = (await client.get("/health")).json()["parts"]["history consumer"]
            return bool(part == {"ok": False, "detail": "not stored: full"})

        await until(is_told, "the refusal in the health of the parts")
        assert (await client.get("/health/ready")).status_code == 200
        simulation.run("running", 1)

        async def others_go_on() -> bool:
            return (await client.get("/deliveries/run-0")).status_code == 200

        await until(others_go_on, "the state of a delivery, from the sink that is not full,")
        history.busy = False
        simulation.run("finished", 2)
        ledger = await settled(client, "run", simulation.sent)
        assert (ledger["missing"], ledger["duplicated"]) == (0, 0)
        assert (await client.get("/health")).json()["status"] == "ok"


def started(broker: str, folder: Path, port: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "KAFKA_BOOTSTRAP": broker, "DATA_DIR": str(folder), "PORT": str(port)}
    return subprocess.Popen(
        [sys.executable, "-m", "api"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


async def test_an_upload_of_a_gigabyte_is_refused_at_the_limit(tmp_path: Path) -> None:
    port, sent = free_port(), 0
    process = started("127.0.0.1:1", tmp_path, port)  # REST needs no Kafka to refuse
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            await until(lambda: lives(client), "life")
            before = psutil.Process(process.pid).memory_info().rss
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                b"POST /routes HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
                b"Content-Type: multipart/form-data; boundary=b\r\n\r\n"
            )
            chunk = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.txt"\r\n\r\n'
            answer = asyncio.create_task(reader.readline())
            while not answer.done() and sent < 1024:
                writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                await writer.drain()
                await asyncio.sleep(0)
                chunk, sent = b"x" * 1_048_576, sent + 1
            assert (await answer).startswith(b"HTTP/1.1 413")
            assert 32 <= sent < 100, "the answer comes at the limit of 32 MiB, give or take what is on its way"
            assert psutil.Process(process.pid).memory_info().rss - before < 100_000_000
            writer.close()
            assert (await client.get("/health/live")).status_code == 200
    finally:
        process.terminate()
        process.communicate()


async def lives(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/health/live")).status_code == 200
    except httpx.TransportError:
        return False


async def answers(client: httpx.AsyncClient) -> bool:
    try:
        return await is_ready(client)
    except httpx.TransportError:
        return False


async def test_a_service_killed_in_mid_batch_loses_nothing_and_a_taken_port_is_named(
    attentive_broker: str, tmp_path: Path
) -> None:
    broker = attentive_broker
    simulation, port = Simulation(broker), free_port()
    first = started(broker, tmp_path, port)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            await until(lambda: answers(client), "readiness")
            second = started(broker, tmp_path / "second", port)
            _, said = await asyncio.to_thread(second.communicate, None, 20)
            assert (second.returncode, f"port {port} on 127.0.0.1 is already taken" in said.decode()) == (1, True)
            simulation.run("running", 0)
            for begin in range(0, 60, 10):
                simulation.positions(range(begin, begin + 10))
            first.send_signal(signal.SIGKILL)
            first.communicate()
            simulation.positions(range(60, 80))
        first = started(broker, tmp_path, port)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            await until(lambda: answers(client), "readiness after the kill")
            simulation.events("delivered", 0, positions=80)
            simulation.run("finished", 1)
            ledger = await settled(client, "run", 4000)
            assert (ledger["missing"], ledger["gaps"]) == (0, [])
            assert (await client.get("/deliveries/run-49/track")).json()["properties"]["seqs"] == list(range(80))
        first.send_signal(signal.SIGTERM)
        assert first.wait(5) == 0
    finally:
        first.kill()
        first.communicate()
