"""What ``verify`` reads from Kafka: the run's own records among others, up to an end noted before."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from produced_facts import Simulation
from typer.testing import CliRunner

from cli.kafka import topic_reader
from cli.kafka.topic_reader import TopicReader, TopicUnreadable
from cli.kafka.verify.compare import compare
from cli.kafka.verify.places import TopicPlace
from cli.local.broker import EmbeddedBroker
from cli.main import app
from engine.contract.kafka_connection import KafkaConnection
from engine.messages import Topic


@pytest.fixture
def broker() -> Iterator[str]:
    """A broker of the test's own."""
    with EmbeddedBroker() as broker:
        yield broker.bootstrap


def read(topic: TopicPlace) -> list[int]:
    """Read to the end as it is now; return how many records each poll brought."""
    polls: list[int] = []
    topic.mark()
    topic.read(polls.append)
    return polls


def test_only_the_runs_own_records_count_and_the_rest_is_told(broker: str) -> None:
    mine, other = Simulation(broker, "mine", deliveries=20), Simulation(broker, "other", deliveries=5)
    mine.run("running", 0)
    mine.events("started", 0, route_length=1000.0)
    mine.positions(range(10))
    other.whole(4)
    mine.send(Topic.NEW_POSITION, b"x", b'{"routeId":"r1","clientId":"c","position":[47,9],"finished":false}')
    mine.send(Topic.NEW_POSITION, b"x", b"mine \xff" * 30_000)
    mine.send(Topic.NEW_POSITION, b"x", mine.example()[:-9])
    mine.send(Topic.DELIVERY_EVENT, b"x", b'{"runId":"mine"}')
    mine.send(Topic.DELIVERY_EVENT, b"x", b"")
    mine.positions(range(10, 12), last=True)
    mine.events("delivered", 1, positions=12)
    topic = TopicPlace(KafkaConnection(broker), "mine")
    read(topic)
    place, expectation = topic.place(), topic.expectation()
    assert (len(place.digest), int(place.digest.count.sum()), int(place.digest.duplicates.sum())) == (20, 240, 0)
    # Another run's 20 positions, 10 events and 2 pieces of news, the ancestor's record and an empty one; two positions
    # and an event that break the contract.
    assert (place.foreign, place.unreadable) == (34, 3)
    assert expectation.goes_on
    assert dict(expectation.ended) == dict.fromkeys(mine.names, 12)
    assert compare([place], None, expectation).is_equal

    mine.positions(range(5, 7))
    mine.run("finished", 1)
    read(topic)
    assert int(topic.place().digest.duplicates.sum()) == 40, "reading goes on where it ended"
    assert not topic.expectation().goes_on
    assert read(topic) == []
    topic.close()


def test_a_reader_ends_where_the_topics_ended_when_it_began(broker: str) -> None:
    simulation = Simulation(broker, deliveries=30)
    simulation.positions(range(100))
    reader = TopicReader(KafkaConnection(broker), [Topic.NEW_POSITION], "test")
    assert reader.mark() == 3000
    simulation.positions(range(100, 110))
    assert sum(len(records) for records in reader.polls()) == 3000
    assert reader.mark() == 300
    assert sum(len(records) for records in reader.polls()) == 300
    assert reader.trimmed == {}
    reader.close()


def test_a_broker_that_is_gone_is_told_with_the_way_out(
    broker: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setattr(topic_reader, "ANSWER_S", 0.5)
    with pytest.raises(TopicUnreadable, match=r"delivery\.event at 127\.0\.0\.1:1 \(plaintext\)"):
        TopicPlace(KafkaConnection("127.0.0.1:1"), "run")
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    found = CliRunner().invoke(app, ["verify", "run", "--bootstrap", "127.0.0.1:1", "--json"])
    assert found.exit_code == 2
    assert json.loads(found.stdout)["unreadable"]["place"] == "state", (
        "what is missing nearby is told before a far place is asked"
    )
