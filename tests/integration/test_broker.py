"""The embedded broker carries records, and leaves when it should."""

from __future__ import annotations

import subprocess
import sys
import time

import psutil
from confluent_kafka import Consumer, Producer
from large_fleet import LARGE_FLEET

from cli.local.broker import EmbeddedBroker, partitions_for
from engine.messages import Topic


def wait_until_gone(pid: int, timeout_s: float = 5.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not psutil.pid_exists(pid)


def test_every_topic_of_the_contract_is_there_with_its_partitions(embedded_broker: str) -> None:
    producer = Producer({"bootstrap.servers": embedded_broker})
    topics = producer.list_topics(timeout=5).topics
    assert {name: len(topics[name].partitions) for name in Topic} == partitions_for(LARGE_FLEET)


def test_what_is_written_is_read_back_by_a_group_and_by_the_next_member(embedded_broker: str) -> None:
    producer = Producer({"bootstrap.servers": embedded_broker, "compression.type": "lz4", "enable.idempotence": True})
    sent = {f"broker-test-{number}".encode() for number in range(100)}
    for value in sent:
        producer.produce(Topic.DEAD_LETTER, value, key=value)
    assert producer.flush(60) == 0
    for _ in range(2):
        # The second reader joins a group whose last member has left: with the classic protocol it would hang here.
        consumer = Consumer(
            {
                "bootstrap.servers": embedded_broker,
                "group.id": "broker-test",
                "group.protocol": "consumer",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
            }
        )
        consumer.subscribe([Topic.DEAD_LETTER])
        found: set[bytes] = set()
        deadline = time.monotonic() + 10
        while not sent <= found and time.monotonic() < deadline:
            found |= {message.value() or b"" for message in consumer.consume(500, 0.2) if message.error() is None}
        consumer.close()
        assert sent <= found


def test_the_broker_stops_when_told_and_a_second_stop_does_nothing() -> None:
    broker = EmbeddedBroker().start()
    pid = broker.pid
    assert pid is not None
    broker.stop()
    broker.stop()
    assert not psutil.pid_exists(pid)
    assert broker.pid is None


def test_the_broker_ends_when_its_parent_is_killed() -> None:
    code = "import time; from cli.local.broker import EmbeddedBroker; b = EmbeddedBroker().start(); "
    code += "print(b.pid, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)
        parent.kill()
        parent.wait()
    assert wait_until_gone(pid)
