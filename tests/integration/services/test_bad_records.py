"""One record in a hundred is unreadable: all others are stored, it becomes a dead letter."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from chain import MIN_RATE, Chain
from confluent_kafka import Consumer, TopicPartition
from kafka_headers import headers_of
from produced_facts import Simulation
from services import mongodb_in_memory

from cli.local.services import Services
from engine.messages import Topic

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]

DELIVERIES = 1_000
SEQS = 30
OVERSIZED = b'{"routeId":"r1","clientId":"c","position":[47,9],"finished":false,"pad":"' + b"x" * 700_000 + b'"}'


@pytest.fixture
def chain(clean_services: Services, tmp_path: Path) -> Iterator[Chain]:
    """A chain whose MongoDB-wire server keeps positions, under ids that are objects, in memory."""
    with mongodb_in_memory() as mongodb:
        run_id = f"bad-records-{int(time.time())}"
        chain = Chain(clean_services, tmp_path, run_id, mongodb_positions="all", MONGODB_URL=mongodb.address)
        yield chain
        chain.end()


def bad_value(number: int, good: bytes, chance: random.Random) -> bytes:
    """Return a record that breaks the contract in one of seven ways; its number makes it known again."""
    mark = b"bad-%d" % number
    match number % 7:
        case 0:
            return mark + chance.randbytes(40)
        case 1:
            return good[: len(good) // 2]
        case 2:
            return b'{"routeId":"%s"}' % mark
        case 3:
            return b'{"routeId":"%s","clientId":"c","position":[91,9],"finished":false}' % mark
        case 4:
            return b'{"routeId":"%s","clientId":"c","position":"47,9","finished":false}' % mark
        case 5:
            return b'["%s"]' % mark
        case _:
            return (
                OVERSIZED.replace(b'"c"', b'"%s"' % mark)
                if number < 140
                else b'{"routeId":"no good","clientId":"%s"}' % mark
            )


def dead_letters(bootstrap: str, run_started_ms: int) -> list[tuple[bytes, dict[str, bytes]]]:
    """Return value and headers of the dead letters that came since a run began."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False})
    numbers = consumer.list_topics(Topic.DEAD_LETTER.value, timeout=10).topics[Topic.DEAD_LETTER.value].partitions
    parts = [TopicPartition(Topic.DEAD_LETTER.value, number, 0) for number in numbers]
    ends = sum(consumer.get_watermark_offsets(part, timeout=10)[1] for part in parts)
    consumer.assign(parts)
    found, read = [], 0
    deadline = time.monotonic() + 30
    while read < ends and time.monotonic() < deadline:
        for message in consumer.consume(1_000, 0.2):
            if message.error() is None:
                read += 1
                if message.timestamp()[1] >= run_started_ms:
                    found.append((message.value() or b"", headers_of(message)))
    consumer.close()
    return found


def test_bad_and_oversized_records_are_dead_lettered_and_all_good_ones_stored(chain: Chain) -> None:
    chance = random.Random(5)
    chain.start_api()
    bootstrap = chain.environment["KAFKA_BOOTSTRAP"]
    simulation = Simulation(bootstrap, chain.run_id, DELIVERIES)
    began_ms = int(time.time() * 1000)
    simulation.run("running", 0)
    simulation.events("started", 0, route_length=1000.0, planned_arrival=simulation.now_ms + 60_000)
    bad: list[bytes] = []
    good = simulation.example()
    began = time.monotonic()
    for seq in range(SEQS):
        for _ in range(DELIVERIES // 100):
            bad.append(bad_value(len(bad), good, chance))
            simulation.send(Topic.NEW_POSITION, simulation.names[chance.randrange(DELIVERIES)].encode(), bad[-1])
        simulation.positions(range(seq, seq + 1), last=seq == SEQS - 1)
        time.sleep(max(0.0, began + seq * DELIVERIES / (1.5 * MIN_RATE) - time.monotonic()))
    assert simulation.sent / (time.monotonic() - began) >= MIN_RATE
    simulation.events("delivered", 1, positions=SEQS)
    simulation.run("finished", 1)

    told = chain.verify(wait_s=150)
    assert {place["distinct"] for place in told["places"].values()} == {DELIVERIES * SEQS}
    letters = dead_letters(bootstrap, began_ms)
    assert sorted(value for value, _ in letters) == sorted(value[: 512 * 1024] for value in bad)
    assert all(
        headers["reason"] and headers["topic"] == b"route.new-position" and headers["partition"].isdigit()
        for _, headers in letters
    )
    assert {headers["original-bytes"] for value, headers in letters if len(value) == 512 * 1024} == {
        b"%d" % len(v) for v in bad if len(v) > 512 * 1024
    }
