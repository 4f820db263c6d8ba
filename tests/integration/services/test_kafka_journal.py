"""The dispatcher's journal on a real compacted topic."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from running_stack import until

from actors.dispatch.journal import Change, JournalClosed, NoPlace, Superseded
from actors.kafka.journal import KafkaJournal, partition_of
from actors.producing.options import consumer_options, producer_options
from actors.settings import Settings
from cli.local.services import Services
from engine.contract.topics import TOPICS
from engine.messages import Topic

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def settings(services: Services) -> Settings:
    return Settings(kafka_bootstrap=services.kafka.address)


@pytest.fixture
def run_id() -> str:
    return f"journal-{uuid.uuid4().hex[:8]}"


Open = Callable[..., KafkaJournal]


@pytest.fixture
def journal_of(settings: Settings) -> Open:
    def make(run_id: str, topic: str = Topic.RUN_JOURNAL.value) -> KafkaJournal:
        return KafkaJournal(run_id, producer_options(settings), consumer_options(settings, "test"), topic)

    return make


@pytest.fixture
def quick_topic(settings: Settings) -> Iterator[str]:
    """A topic that the broker compacts as soon as it can."""
    client, name = AdminClient({"bootstrap.servers": settings.kafka_bootstrap}), f"journal-{uuid.uuid4().hex[:8]}"
    config = {
        **TOPICS[Topic.RUN_JOURNAL].config,
        "segment.ms": "200",
        "min.cleanable.dirty.ratio": "0.01",
        "delete.retention.ms": "100",
    }
    client.create_topics([NewTopic(name, TOPICS[Topic.RUN_JOURNAL].partitions, 1, config=config)])[name].result(20)
    yield name
    client.delete_topics([name])[name].result(20)


def test_a_successor_reads_the_newest_of_its_own_run_and_nothing_else(journal_of: Open, run_id: str) -> None:
    first, other = journal_of(run_id), journal_of(run_id + "x")
    assert first.read() == {}
    other.read()
    first.append([("clock", {"n": 1}), ("delivery/a", {"n": 1}), ("clock", {"n": 2})])
    first.append([("delivery/a", None), ("delivery/ü", {"text": "é"})])
    first.append([])
    other.append([("clock", {"n": 9})])
    assert journal_of(run_id).read() == {"clock": {"n": 2}, "delivery/ü": {"text": "é"}}


def test_ten_thousand_entries_are_kept_at_once_and_a_concluded_journal_holds_one(journal_of: Open, run_id: str) -> None:
    journal = journal_of(run_id)
    journal.read()
    changes: list[Change] = [
        (f"delivery/{n}", {"state": "placed", "number": n, "spec": "x" * 200}) for n in range(10_000)
    ]
    journal.append(changes)
    successor = journal_of(run_id)
    assert successor.read() == dict(changes)
    successor.conclude("ended", {"state": "ended"})
    assert journal_of(run_id).read() == {"ended": {"state": "ended"}}


def test_a_dispatcher_that_was_followed_can_write_nothing_more(journal_of: Open, run_id: str) -> None:
    old = journal_of(run_id)
    old.read()
    old.append([("clock", {"n": 1})])
    new = journal_of(run_id)
    assert new.read() == {"clock": {"n": 1}}
    with pytest.raises(Superseded, match=f"another dispatcher has taken over run {run_id}"):
        old.append([("clock", {"n": 2})])
    new.append([("clock", {"n": 3})])
    assert journal_of(run_id).read() == {"clock": {"n": 3}}


def test_what_a_killed_dispatcher_had_half_written_never_was(settings: Settings, journal_of: Open, run_id: str) -> None:
    journal_of(run_id).read()
    killed = Producer(
        {
            **producer_options(settings),
            "transactional.id": f"code-delivery-journal-{run_id}",
            "message.timeout.ms": 10_000,
        }
    )
    killed.init_transactions(10)
    killed.begin_transaction()
    killed.produce(Topic.RUN_JOURNAL.value, b'{"n": 1}', f"{run_id}/clock".encode(), partition_of(run_id))
    killed.flush(10)
    assert journal_of(run_id).read() == {}


def test_a_closed_journal_keeps_nothing(journal_of: Open, run_id: str) -> None:
    journal = journal_of(run_id)
    journal.read()
    journal.close()
    with pytest.raises(JournalClosed):
        journal.append([("clock", {})])


def test_a_missing_topic_is_told_with_what_mends_it(journal_of: Open, run_id: str) -> None:
    with pytest.raises(NoPlace, match=r"topic no-such-topic must have 3 partitions.*mend: code-delivery topics apply"):
        journal_of(run_id, "no-such-topic").read()


def test_a_compacted_topic_gives_the_same_table_from_a_fraction_of_the_records(
    settings: Settings, journal_of: Open, run_id: str, quick_topic: str
) -> None:
    journal = journal_of(run_id, quick_topic)
    journal.read()
    for n in range(60):
        journal.append(
            [
                *((f"delivery/{d}", {"n": n, "padding": "x" * 500}) for d in range(50)),
                (f"gone/{n}", {}),
                (f"gone/{n - 1}", None),
            ]
        )
    table = {**{f"delivery/{d}": {"n": 59, "padding": "x" * 500} for d in range(50)}, "gone/59": {}}

    def is_small() -> bool:
        time.sleep(1.0)
        journal.append([("clock", {"ms": time.time()})])  # only what lies before the newest segment is compacted
        return _records(settings, quick_topic, run_id) < 1_000

    assert (
        _offsets(settings, quick_topic, run_id) > 3_000
    )  # as many as were written, whatever has been compacted meanwhile
    until(is_small, "a compaction", 120.0)
    found = journal_of(run_id, quick_topic).read()
    assert {key: entry for key, entry in found.items() if key != "clock"} == table


def _offsets(settings: Settings, topic: str, run_id: str) -> int:
    consumer = Consumer(consumer_options(settings, "count"))
    try:
        return int(consumer.get_watermark_offsets(TopicPartition(topic, partition_of(run_id)), timeout=10)[1])
    finally:
        consumer.close()


def _records(settings: Settings, topic: str, run_id: str) -> int:
    consumer = Consumer({**consumer_options(settings, "count"), "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, partition_of(run_id), 0)])
    count = 0
    while True:
        for message in consumer.consume(10_000, 1.0):
            if message.error() is not None:
                consumer.close()
                return count
            count += 1
