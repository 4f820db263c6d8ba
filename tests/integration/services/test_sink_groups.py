"""Consumers of one group on a real broker: as they join, leave or die, each position is stored once."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, ConsumerGroupTopicPartitions, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient
from elastic_prefixes import prefix_for_a_test
from kafka_headers import headers_of
from produced_facts import Simulation

from api.bus import KafkaBus
from api.errors import StoreUnavailable
from api.kafka_clients import GROUP
from api.measuring.metrics import Metrics
from api.stores.base import HistoryStore, Holding, Written
from api.stores.elastic import ElasticHistory, ElasticOptions
from api.stores.memory import MemoryHistory
from api.stream.dead_letters import MAX_DEAD_LETTER_BYTES, DeadLetters
from api.stream.sink_loop import SinkLoop
from api.stream.sinks import HISTORY, HistorySink
from api.tally import Tally
from cli.local.port import free_port
from cli.local.services import Services
from engine.codec import PositionBatch
from engine.contract.kafka_connection import KafkaConnection
from engine.messages import Topic

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def services(clean_services: Services) -> Services:
    """Services with empty topics: these groups read them from the beginning."""
    return clean_services


TIMEOUT_S = 90.0
DELIVERIES = 50


GROUP_TRAITS = replace(HISTORY, topics=(Topic.NEW_POSITION,), linger_s=0.05)
"""Of a history sink that reads positions alone, often."""


class FickleHistory(MemoryHistory):
    """Takes nothing while it is `away`, and is slow."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False

    async def write_positions(self, batch: PositionBatch) -> Written:
        await asyncio.sleep(0.05)
        if self.away:
            raise StoreUnavailable("away")
        return await super().write_positions(batch)


class Group:
    """Sink loops of one group over one store."""

    def __init__(self, bootstrap: str, store: HistoryStore) -> None:
        self.kafka, self.store = KafkaConnection(bootstrap), store
        self.bus, self.loops = KafkaBus(self.kafka), list[SinkLoop]()
        self.traits = replace(GROUP_TRAITS, role=f"history-{uuid4().hex[:8]}")  # the role names the consumer group

    def join(self) -> SinkLoop:
        tally, metrics = Tally(), Metrics()
        letters = DeadLetters(self.bus, tally, metrics)
        sink = HistorySink(self.store, tally, metrics, traits=self.traits)
        loop = SinkLoop(self.kafka, sink, letters, metrics, asyncio.get_running_loop())
        loop.start()
        self.loops.append(loop)
        return loop

    async def leave(self, loop: SinkLoop) -> None:
        self.loops.remove(loop)
        await asyncio.to_thread(loop.stop, 5.0)

    async def end(self) -> None:
        for loop in [*self.loops]:
            await self.leave(loop)
        await self.bus.close()


@asynccontextmanager
async def group(bootstrap: str, store: HistoryStore) -> AsyncIterator[Group]:
    found = Group(bootstrap, store)
    try:
        yield found
    finally:
        await found.end()


async def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < deadline, f"{what} did not happen within {TIMEOUT_S:g} s"
        await asyncio.sleep(0.1)


def committed(bootstrap: str, role: str) -> dict[int, int]:
    """Return the committed offset of each partition of the positions that has one."""
    name = f"{GROUP}-{role}"
    admin = AdminClient({"bootstrap.servers": bootstrap})  # has to outlive its answer
    found = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name)])[name].result(timeout=10)
    return {
        one.partition: one.offset
        for one in found.topic_partitions
        if one.topic == Topic.NEW_POSITION and one.offset >= 0
    }


def ends(bootstrap: str) -> dict[int, int]:
    """Return the end of each partition of the positions that has records."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "nobody"})
    numbers = consumer.list_topics(Topic.NEW_POSITION.value, timeout=10).topics[Topic.NEW_POSITION.value].partitions
    found = {
        number: consumer.get_watermark_offsets(TopicPartition(Topic.NEW_POSITION.value, number), timeout=10)[1]
        for number in numbers
    }
    consumer.close()
    return {number: end for number, end in found.items() if end}


def whole(simulation: Simulation, seqs: int) -> dict[str, Holding]:
    return {name: Holding(seqs, seqs - 1) for name in simulation.names}


async def test_two_in_a_group_share_the_work_and_what_one_leaves_the_other_takes_over(services: Services) -> None:
    bootstrap, store = services.kafka.address, FickleHistory()
    simulation = Simulation(bootstrap, f"group-{uuid4().hex[:8]}", DELIVERIES)
    async with group(bootstrap, store) as members:
        first, second = members.join(), members.join()
        await until(lambda: all(0 < loop.partitions < 12 for loop in (first, second)), "the sharing of the partitions")
        for seq in range(0, 60, 4):
            await asyncio.to_thread(simulation.positions, range(seq, seq + 4))
            if seq == 20:
                leaving = asyncio.create_task(members.leave(first))  # while more comes and some is being written
        await leaving
        third = members.join()
        await until(lambda: third.is_assigned, "the assignment of the third")
        await asyncio.to_thread(simulation.positions, range(60, 80))
        await until(lambda: committed(bootstrap, members.traits.role) == ends(bootstrap), "the commit of everything")
        assert await store.holdings(simulation.run_id) == whole(simulation, 80)


async def test_what_is_lost_in_mid_write_is_stored_by_its_next_owner_and_offsets_never_pass_what_is_stored(
    services: Services,
) -> None:
    bootstrap, store = services.kafka.address, FickleHistory()
    simulation = Simulation(bootstrap, f"group-{uuid4().hex[:8]}", DELIVERIES)
    async with group(bootstrap, store) as members:
        first = members.join()
        await until(lambda: first.partitions == 12, "the assignment")
        await until(
            lambda: committed(bootstrap, members.traits.role) == ends(bootstrap), "the commit of what others produced"
        )
        before = committed(bootstrap, members.traits.role)
        store.away = True
        await asyncio.to_thread(simulation.positions, range(20))
        await until(lambda: first.refusals > 0, "a refused write")
        second = members.join()  # takes half of the partitions while their positions wait
        await until(lambda: second.partitions > 0, "the rebalance")
        assert committed(bootstrap, members.traits.role) == before
        store.away = False
        await until(lambda: committed(bootstrap, members.traits.role) == ends(bootstrap), "the commit of everything")
        assert await store.holdings(simulation.run_id) == whole(simulation, 20)
        store.away = True
        await asyncio.to_thread(simulation.positions, range(20, 30))
        await members.leave(second)  # gives up its partitions with facts that no store has taken
        store.away = False
        await until(lambda: committed(bootstrap, members.traits.role) == ends(bootstrap), "the commit of the rest")
        assert await store.holdings(simulation.run_id) == whole(simulation, 30)


def dead_letters(bootstrap: str, mark: bytes) -> list[tuple[bytes, dict[str, bytes]]]:
    """Return the dead letters under a key, and their headers."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "nobody", "enable.partition.eof": True})
    numbers = consumer.list_topics(Topic.DEAD_LETTER.value, timeout=10).topics[Topic.DEAD_LETTER.value].partitions
    consumer.assign([TopicPartition(Topic.DEAD_LETTER.value, number, OFFSET_BEGINNING) for number in numbers])
    found, ended = [], 0
    while ended < len(numbers):
        for message in consumer.consume(1000, 0.2):
            if (error := message.error()) is not None:
                ended += error.code() == KafkaError._PARTITION_EOF
            elif message.key() == mark:
                found.append((message.value() or b"", headers_of(message)))
    consumer.close()
    return found


async def test_poison_of_every_sort_passes_by_with_its_reason_and_holds_up_nothing(services: Services) -> None:
    bootstrap, url, mark = services.kafka.address, services.elasticsearch.address, uuid4().hex.encode()
    simulation = Simulation(bootstrap, f"poison-{uuid4().hex[:8]}", DELIVERIES)
    timeless = simulation.example().replace(b"%d" % simulation.now_ms, b"%13d" % 5)
    oversized = b'{"routeId":"r1","clientId":"c","position":[47,9],"finished":false,"pad":"' + b"x" * 900_000 + b'"}'
    noise = bytes(range(256)) * 2
    with prefix_for_a_test(url) as prefix:
        store = ElasticHistory(url, ElasticOptions(prefix))
        await store.open()
        async with group(bootstrap, store) as members:
            members.join()
            for seq, value in enumerate((timeless, oversized, noise)):
                await asyncio.to_thread(simulation.positions, range(seq, seq + 1))
                simulation.send(Topic.NEW_POSITION, mark, value)
            await asyncio.to_thread(simulation.positions, range(3, 4))
            await until(
                lambda: committed(bootstrap, members.traits.role) == ends(bootstrap), "the commit of everything"
            )
            assert await store.holdings(simulation.run_id) == whole(simulation, 4)
            letters = dict(await asyncio.to_thread(dead_letters, bootstrap, mark))
        await store.close()
    assert letters.keys() == {timeless, oversized[:MAX_DEAD_LETTER_BYTES], noise}
    assert (
        letters[timeless]["reason"] == b"the store refuses it: eventTime 5 must be from 946684800000 to 4102444799999"
    )
    assert letters[oversized[:MAX_DEAD_LETTER_BYTES]]["original-bytes"] == b"%d" % len(oversized)
    assert b"is larger than 16384" in letters[oversized[:MAX_DEAD_LETTER_BYTES]]["reason"]
    assert letters[noise]["reason"].startswith(b"not JSON")


def api_process(bootstrap: str, url: str, prefix: str, folder: str) -> subprocess.Popen[bytes]:
    addresses = {
        "KAFKA_BOOTSTRAP": bootstrap,
        "ELASTICSEARCH_URL": url,
        "ELASTICSEARCH_PREFIX": prefix,
        "DATA_DIR": folder,
        "API_ROLES": "history",
    }
    environment = (
        {name: value for name, value in os.environ.items() if not name.startswith("MONGODB_")}
        | addresses
        | {"PORT": str(free_port())}
    )
    return subprocess.Popen(
        [sys.executable, "-m", "api"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


async def test_two_processes_in_a_group_of_which_one_is_killed_store_every_position_once(
    services: Services, tmp_path: Path
) -> None:
    bootstrap, url = services.kafka.address, services.elasticsearch.address
    simulation = Simulation(bootstrap, f"group-{uuid4().hex[:8]}", 200)
    with prefix_for_a_test(url) as prefix:
        store = ElasticHistory(url, ElasticOptions(prefix))
        await store.open()
        processes = [api_process(bootstrap, url, prefix, str(tmp_path / name)) for name in ("one", "two")]
        try:
            await asyncio.to_thread(simulation.positions, range(10))
            await until(lambda: sum(committed(bootstrap, "history").values()) > 0, "the first commit")
            for seq in range(10, 60, 5):
                await asyncio.to_thread(simulation.positions, range(seq, seq + 5))
                if seq == 30:
                    processes[0].kill()
            await until(lambda: committed(bootstrap, "history") == ends(bootstrap), "the commit of everything")
            assert await store.holdings(simulation.run_id) == whole(simulation, 60)
        finally:
            for process in processes:
                process.terminate()
                await asyncio.to_thread(process.wait)
            await store.close()
