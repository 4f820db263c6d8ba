"""Kafka Connect with its three sinks.

Documents have the contract's ids; a redelivery, the API's own sinks and a killed worker change none of them.

The MongoDB side runs against a third-party MongoDB-wire server, not MongoDB 8.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import pytest
from confluent_kafka import Consumer, Message, TopicPartition
from elastic_prefixes import prefix_for_a_test
from kafka_headers import headers_of
from mongo_databases import database_for_a_test
from produced_facts import Simulation
from pymongo import MongoClient
from typer.testing import CliRunner

from api.stores.elastic import ElasticHistory, ElasticOptions
from api.stores.elastic.names import END_MS, FIRST_MS
from api.stores.mongo import MongoState
from cli.local.services import Services
from cli.main import app
from engine.codec import decode_positions
from engine.errors import MessageError
from engine.messages import DeliveryEvent, StartDelivery, Topic

pytestmark = [pytest.mark.services, pytest.mark.timeout(900)]

WAIT_S = 400.0
CONNECTORS = ("elasticsearch-sink", "mongodb-positions", "mongodb-events", "mongodb-requests")


def eventually(claim: Callable[[], bool], what: Callable[[], object]) -> None:
    """Wait until something is so; fails with what is so instead."""
    deadline = time.monotonic() + WAIT_S
    while not claim():
        assert time.monotonic() < deadline, what()
        time.sleep(0.25)


@dataclass
class Sinks:
    """The connectors at work, and what they have stored."""

    services: Services
    prefix: str
    database: str
    mongodb: MongoClient[dict[str, Any]]
    environment: dict[str, str]

    def ask(self, method: str, path: str) -> Any:
        """Ask the worker, again and again while it rebalances (409) or cannot answer (5xx)."""
        deadline = time.monotonic() + WAIT_S
        while True:
            answer = httpx.request(method, f"{self.services.connect.address}{path}", timeout=60, trust_env=False)
            if answer.is_success:
                return answer.json() if answer.content else None
            is_passing = answer.status_code == httpx.codes.CONFLICT or answer.is_server_error
            if not is_passing or time.monotonic() > deadline:
                pytest.fail(f"{method} {path} answered {answer.status_code}: {answer.text}")
            time.sleep(0.25)

    def command(self, *arguments: str) -> dict[str, Any]:
        done = CliRunner().invoke(
            app, ["connect", *arguments, "--url", self.services.connect.address, "--json"], env=self.environment
        )
        assert done.exit_code == 0, done.output
        return dict(json.loads(done.stdout))

    def elasticsearch(self, kind: str, run_id: str) -> dict[str, dict[str, Any]]:
        """Return a run's documents by index and id; none while a server that has just started is silent."""
        url = f"{self.services.elasticsearch.address}/{self.prefix}-{kind}"
        query = {"size": 10_000, "query": {"prefix": {"runId" if kind != "requests" else "clientId": run_id}}}
        try:
            httpx.post(f"{url}/_refresh", params={"ignore_unavailable": "true"}, timeout=60, trust_env=False)
            answer = httpx.post(
                f"{url}/_search", params={"ignore_unavailable": "true"}, json=query, timeout=60, trust_env=False
            )
        except httpx.TransportError:
            return {}
        if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:  # an index that is just being made
            return {}
        answer.raise_for_status()
        return {f"{hit['_index']}/{hit['_id']}": hit["_source"] for hit in answer.json()["hits"]["hits"]}

    def mongo(self, collection: str, run_id: str) -> list[dict[str, Any]]:
        field = "runId" if collection != "requests" else "clientId"
        return list(self.mongodb[self.database][collection].find({field: run_id}))

    def counts(self, run_id: str) -> dict[str, int]:
        kinds = ("positions", "events", "requests")
        return {f"elasticsearch {kind}": len(self.elasticsearch(kind, run_id)) for kind in kinds} | {
            f"mongodb {kind}": len(self.mongo(kind, run_id)) for kind in kinds
        }

    def wait_for(self, run_id: str, positions: int, events: int, requests: int) -> None:
        """Wait until both stores hold these numbers of documents of a run."""
        kinds = {"positions": positions, "events": events, "requests": requests}
        wanted = {f"{store} {kind}": count for store in ("elasticsearch", "mongodb") for kind, count in kinds.items()}
        eventually(lambda: self.counts(run_id) == wanted, lambda: (wanted, self.counts(run_id), self.command("status")))

    def lag(self) -> int:
        """Return how many records the connectors have not committed."""
        consumer = Consumer({"bootstrap.servers": self.services.kafka.address, "group.id": "lag"})
        try:
            ends = {
                (topic, number): consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)[1]
                for topic in ("route.new-position", "delivery.event", "route.new-direction")
                for number in consumer.list_topics(topic, timeout=10).topics[topic].partitions
            }
        finally:
            consumer.close()
        lag = 0
        for name in CONNECTORS:
            topics = self.ask("GET", f"/connectors/{name}")["config"]["topics"].split(",")
            offsets = self.ask("GET", f"/connectors/{name}/offsets")["offsets"]
            found = {
                (one["partition"]["kafka_topic"], one["partition"]["kafka_partition"]): one["offset"]["kafka_offset"]
                for one in offsets
            }
            lag += sum(end - found.get(place, 0) for place, end in ends.items() if place[0] in topics)
        return lag

    def deliver_all_again(self) -> None:
        """Make the connectors forget how far they have read, and wait until they have read everything again."""
        for name in CONNECTORS:
            self.ask("PUT", f"/connectors/{name}/stop")
        for name in CONNECTORS:
            eventually(partial(self.is_stopped, name), lambda: self.command("status"))
            eventually(partial(self.is_forgotten, name), lambda: self.command("status"))
        assert self.lag() > 0
        for name in CONNECTORS:
            self.ask("PUT", f"/connectors/{name}/resume")
        eventually(lambda: self.lag() == 0, self.lag)

    def is_stopped(self, name: str) -> bool:
        """Return whether a connector has stopped."""
        return bool(self.ask("GET", f"/connectors/{name}/status")["connector"]["state"] == "STOPPED")

    def is_forgotten(self, name: str) -> bool:
        """Delete the offsets of a connector; return whether its consumers were gone, so that it was done."""
        answer = httpx.delete(f"{self.services.connect.address}/connectors/{name}/offsets", timeout=60, trust_env=False)
        return answer.status_code == httpx.codes.OK


@pytest.fixture(scope="module")
def services(clean_services: Services) -> Iterator[Services]:
    """Services with Kafka Connect, and empty topics: connectors read them from the beginning."""
    clean_services.start(["connect"])
    yield clean_services
    clean_services.stop(["connect"])


@pytest.fixture(scope="module")
def sinks(services: Services) -> Iterator[Sinks]:
    """The connectors that we ship, put into the worker by the command."""
    url = services.mongodb.address
    with (
        prefix_for_a_test(services.elasticsearch.address) as prefix,
        database_for_a_test(url) as database,
        MongoClient[dict[str, Any]](url) as mongodb,
    ):
        settings = {
            "ELASTICSEARCH_URL": services.elasticsearch.address,
            "ELASTICSEARCH_PREFIX": prefix,
            "MONGODB_URL": f"{url}/?serverSelectionTimeoutMS=5000",
            "MONGODB_DATABASE": database,
        }
        sinks = Sinks(services, prefix, database, mongodb, settings)
        try:
            applied = sinks.command("apply")["connectors"]
            assert [(one["name"], one["running"]) for one in applied] == [(name, True) for name in sorted(CONNECTORS)]
            yield sinks
        finally:
            sinks.command("delete")


@pytest.fixture
def run_id() -> str:
    return f"connect-{uuid4().hex[:8]}"


def simulated(sinks: Sinks, run_id: str, *, deliveries: int = 20, seqs: int = 50) -> Simulation:
    """Produce a whole run, and a request for each delivery."""
    simulation = Simulation(sinks.services.kafka.address, run_id, deliveries)
    simulation.whole(seqs)
    for name in simulation.names:
        request = StartDelivery("r1", run_id, name, depart_at=simulation.now_ms)
        simulation.send(Topic.NEW_DIRECTION, request.key, request.to_json())
    assert simulation.producer.flush(60) == 0
    return simulation


def messages(bootstrap: str, topic: Topic, mark: bytes) -> list[Message]:
    """Return what is on a topic now and holds some bytes."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False})
    try:
        parts = [
            TopicPartition(topic, number, 0)
            for number in consumer.list_topics(topic, timeout=10).topics[topic].partitions
        ]
        missing = sum(consumer.get_watermark_offsets(part, timeout=10)[1] for part in parts)
        consumer.assign(parts)
        found: list[Message] = []
        while missing > 0:
            some = [message for message in consumer.consume(10_000, 0.5) if message.error() is None]
            missing -= len(some)
            found += [message for message in some if mark in (message.value() or b"")]
    finally:
        consumer.close()
    return found


def values(bootstrap: str, topic: Topic, mark: bytes) -> list[bytes]:
    return [message.value() or b"" for message in messages(bootstrap, topic, mark)]


def test_a_worker_knows_both_sinks(services: Services) -> None:
    found = {
        plugin["class"]
        for plugin in httpx.get(f"{services.connect.address}/connector-plugins", trust_env=False, timeout=60).json()
    }
    assert "com.mongodb.kafka.connect.MongoSinkConnector" in found
    assert [name for name in found if "elasticsearch" in name.lower()]


def test_each_message_becomes_one_document_under_its_id_however_often_it_is_delivered(
    sinks: Sinks, run_id: str
) -> None:
    simulation = simulated(sinks, run_id)
    sinks.wait_for(run_id, positions=1_000, events=40, requests=20)
    day = time.strftime("%Y.%m.%d", time.gmtime(simulation.now_ms / 1000))
    identities = {f"{name}:{seq}" for name in simulation.names for seq in range(50)}
    found = sinks.elasticsearch("positions", run_id)
    assert set(found) == {f"{sinks.prefix}-positions-{day}/{identity}" for identity in identities}
    assert set(sinks.elasticsearch("events", run_id)) == {
        f"{sinks.prefix}-events-{day}/{name}:{seq}" for name in simulation.names for seq in (0, 1)
    }
    assert [
        name.split("/")[1].startswith("route.new-direction-") for name in sinks.elasticsearch("requests", run_id)
    ] == [True] * 20
    assert {tuple(one["_id"].items()) for one in sinks.mongo("positions", run_id)} == {
        (("deliveryId", name), ("seq", seq)) for name in simulation.names for seq in range(50)
    }
    assert {tuple(one["_id"].items()) for one in sinks.mongo("events", run_id)} == {
        (("deliveryId", name), ("seq", seq)) for name in simulation.names for seq in (0, 1)
    }

    stored = {
        kind: (sinks.elasticsearch(kind, run_id), sorted(map(str, sinks.mongo(kind, run_id))))
        for kind in ("positions", "events", "requests")
    }
    sinks.deliver_all_again()
    assert stored == {
        kind: (sinks.elasticsearch(kind, run_id), sorted(map(str, sinks.mongo(kind, run_id))))
        for kind in ("positions", "events", "requests")
    }
    simulation.positions(range(50))  # the producer sends them a second time
    eventually(lambda: sinks.lag() == 0, sinks.lag)
    assert sinks.counts(run_id) == {
        f"{store} {kind}": n
        for store in ("elasticsearch", "mongodb")
        for kind, n in (("positions", 1000), ("events", 40), ("requests", 20))
    }


async def test_the_apis_own_sinks_write_the_same_documents(sinks: Sinks, run_id: str) -> None:
    simulated(sinks, run_id, deliveries=5, seqs=10)
    sinks.wait_for(run_id, positions=50, events=10, requests=5)
    bootstrap, elasticsearch = sinks.services.kafka.address, sinks.services.elasticsearch.address
    batch = decode_positions(values(bootstrap, Topic.NEW_POSITION, run_id.encode())).batch
    events = [DeliveryEvent.from_json(value) for value in values(bootstrap, Topic.DELIVERY_EVENT, run_id.encode())]
    by_connect = {kind: sinks.elasticsearch(kind, run_id) for kind in ("positions", "events")}
    in_mongodb = sorted(sinks.mongo("positions", run_id), key=str)

    history = ElasticHistory(elasticsearch, ElasticOptions(sinks.prefix))
    await history.open()
    written = await history.write_positions(batch), await history.write_events(events)
    await history.close()
    assert [(one.new, one.known, one.refused) for one in written] == [(0, 50, ()), (0, 10, ())]
    assert {kind: sinks.elasticsearch(kind, run_id) for kind in ("positions", "events")} == by_connect

    with prefix_for_a_test(elasticsearch) as other:
        alone = ElasticHistory(elasticsearch, ElasticOptions(other))
        await alone.open()
        await alone.write_positions(batch)
        await alone.write_events(events)
        await alone.close()
        by_api = Sinks(sinks.services, other, "", sinks.mongodb, {})
        for kind, documents in by_connect.items():
            assert {
                name.replace(other, sinks.prefix): document
                for name, document in by_api.elasticsearch(kind, run_id).items()
            } == documents

    url = sinks.services.mongodb.address
    state = MongoState(url, sinks.database, keep_positions=True)
    await state.open()
    await state.apply_positions(batch)
    await state.close()
    assert sorted(sinks.mongo("positions", run_id), key=str) == in_mongodb
    with database_for_a_test(url) as other:
        state = MongoState(url, other, keep_positions=True)
        await state.open()
        await state.apply_positions(batch)
        await state.close()
        assert {str(one["_id"]): one for one in sinks.mongodb[other]["positions"].find()} == {
            str(one["_id"]): one for one in in_mongodb
        }


def dead_letters(bootstrap: str, mark: bytes) -> list[tuple[str, str]]:
    """Return connector and reason of the dead letters whose value holds some bytes."""
    headers = [
        {name: value.decode() for name, value in headers_of(message).items()}
        for message in messages(bootstrap, Topic.DEAD_LETTER, mark)
    ]
    return sorted(
        (one.get("__connect.errors.connector.name", ""), one.get("__connect.errors.exception.message", ""))
        for one in headers
    )


def test_malformed_records_become_dead_letters_with_a_reason_and_the_others_are_stored(
    sinks: Sinks, run_id: str
) -> None:
    simulation = Simulation(sinks.services.kafka.address, run_id, 5)
    good = simulation.example()
    for value in (
        b"%s is no JSON" % run_id.encode(),
        good.replace(b'"seq":       0', b'"seq":"x"'),
        good.replace(b"[  1.0000000", b"[ 91.0000000"),
    ):
        assert value != good
        simulation.send(Topic.NEW_POSITION, b"k", value)
    simulation.send(Topic.DELIVERY_EVENT, b"k", b'{"deliveryId":"%s","kind":"flown"}' % run_id.encode())
    simulation.send(Topic.NEW_DIRECTION, b"k", b'{"routeId":"a b","clientId":"%s"}' % run_id.encode())
    simulation.positions(range(10))
    eventually(
        lambda: len(dead_letters(sinks.services.kafka.address, run_id.encode())) == 10,
        lambda: dead_letters(sinks.services.kafka.address, run_id.encode()),
    )
    by_connector: dict[str, list[str]] = {}
    for connector, reason in dead_letters(sinks.services.kafka.address, run_id.encode()):
        by_connector.setdefault(connector, []).append(reason)
    reasons = {
        "mongodb-positions": [
            "not JSON: expected '{' at byte 0",
            "position must be [lat, lng], lat a number from -90",
            'seq must be a whole number from 0 to 99999999, found "x"',
        ],
        "mongodb-events": ["runId must be 1 to 96 characters"],
        "mongodb-requests": ["routeId must be 1 to 96 characters"],
    }
    reasons["elasticsearch-sink"] = sorted(reason for some in reasons.values() for reason in some)
    assert set(by_connector) == set(reasons)
    for connector, expected in reasons.items():
        assert [found.startswith(reason) for found, reason in zip(by_connector[connector], expected, strict=True)] == [
            True
        ] * len(expected), by_connector
    sinks.wait_for(run_id, positions=50, events=0, requests=0)


ODD: list[Any] = [
    None,
    "",
    "a b",
    "x" * 97,
    "\u00e9",
    "\ud83d",
    -1,
    0,
    7.0,
    7.5,
    1e300,
    91,
    10**8,
    10**13,
    10**17,
    True,
    [],
    [1],
    [1, 2],
    [1, 2, 3],
    [91, 0],
    ["1", 2],
    {},
    "started",
]
RAW = [
    b"",
    b"null",
    b"[]",
    b"{",
    b"{}",
    b'{"routeId":NaN}',
    b"\xff",
    b'{"a":"\xff"}',
    b'{"a":"\\x"}',
    b'{"a":01}',
    b'{"a":1,}',
    b"{'a':1}",
    b'{"a":"\t"}',
    b"{} {}",
]


def is_refused(topic: Topic, value: bytes) -> bool:
    """Return whether the API's reader refuses a record, or its store does for the time in it."""
    try:
        if topic == Topic.NEW_POSITION:
            decoded = decode_positions([value])
            return (
                bool(decoded.rejected)
                or not FIRST_MS
                <= max(decoded.batch.event_time_ms[0], FIRST_MS if decoded.batch.seq[0] < 0 else 0)
                < END_MS
            )
        if topic == Topic.DELIVERY_EVENT:
            return not FIRST_MS <= DeliveryEvent.from_json(value).event_time < END_MS
        StartDelivery.from_json(value)
    except MessageError:
        return True
    return False


def test_connect_refuses_what_the_api_refuses_and_nothing_else(sinks: Sinks, run_id: str) -> None:
    simulation = Simulation(sinks.services.kafka.address, run_id, 1)
    ids = {"routeId": "r", "clientId": "c", "deliveryId": run_id, "driverId": "d"}
    event = ids | {
        "runId": "r",
        "vehicle": "van",
        "kind": "delivered",
        "seq": 0,
        "eventTime": simulation.now_ms,
        "distance": 1.5,
        "positions": 1,
        "reason": "why",
    }
    examples = {
        Topic.NEW_POSITION: json.loads(simulation.example()),
        Topic.DELIVERY_EVENT: event | {"routeLength": 9.0, "plannedArrival": simulation.now_ms, "stop": 1},
        Topic.NEW_DIRECTION: ids | {"vehicle": "van", "departAt": simulation.now_ms},
    }
    expected: dict[bytes, tuple[bool, bytes]] = {}
    for topic, good in examples.items():
        changed = [good | {name: value} for name in good for value in ODD] + [
            {name: value for name, value in good.items() if name != gone} for gone in good
        ]
        four = {name: value for name, value in good.items() if name in ("routeId", "clientId", "position", "finished")}
        for value in [json.dumps(one).encode() for one in [good, four, four | {"seq": 1}, *changed]] + RAW:
            key = f"{run_id}/{len(expected)}".encode()
            expected[key] = (is_refused(topic, value), value)
            simulation.send(topic, key, value)
    assert simulation.producer.flush(60) == 0
    eventually(lambda: sinks.lag() == 0, sinks.lag)
    found = {"mongodb": set[bytes](), "elasticsearch": set[bytes]()}
    for message in messages(sinks.services.kafka.address, Topic.DEAD_LETTER, b""):
        if (message.key() or b"").startswith(run_id.encode()):
            found[headers_of(message)["__connect.errors.connector.name"].decode().partition("-")[0]].add(
                message.key() or b""
            )
    for store, refused in found.items():
        assert [(store, value) for key, (is_wrong, value) in expected.items() if is_wrong != (key in refused)] == []
    assert 100 < len(found["mongodb"]) < len(expected) - 100


def test_a_worker_that_is_killed_loses_nothing(sinks: Sinks, run_id: str) -> None:
    simulation = Simulation(sinks.services.kafka.address, run_id, 100)
    simulation.positions(range(20))
    sinks.services.connect.stop(kill=True)
    simulation.positions(range(20, 40))
    sinks.services.connect.start()
    simulation.positions(range(40, 50), last=True)
    sinks.wait_for(run_id, positions=5_000, events=0, requests=0)
    eventually(lambda: sinks.lag() == 0, sinks.lag)
    assert all(one["running"] for one in sinks.command("status")["connectors"])
    # What the dead worker sent last may still have been at work in the stand-in for MongoDB. Other than MongoDB it does
    # not try an upsert again that lost to another one of the same id, and the connector takes that for a document that
    # is refused: a dead letter of what is stored.
    letters = dead_letters(sinks.services.kafka.address, run_id.encode())
    assert all(connector == "mongodb-positions" and "E11000" in reason for connector, reason in letters), letters


def test_stores_that_go_away_and_come_back_lose_nothing(sinks: Sinks, run_id: str) -> None:
    simulation = Simulation(sinks.services.kafka.address, run_id, 100)
    simulation.positions(range(10))
    for service in (sinks.services.elasticsearch, sinks.services.mongodb):
        service.stop(kill=True)
    simulation.positions(range(10, 50), last=True)
    assert sinks.lag() > 0
    for service in (sinks.services.elasticsearch, sinks.services.mongodb):
        service.start()
    eventually(
        lambda: len(sinks.elasticsearch("positions", run_id)) == 5_000, lambda: sinks.command("status")
    )  # by itself
    sinks.command("apply")  # starts again what MongoDB's connector has given up
    sinks.wait_for(run_id, positions=5_000, events=0, requests=0)
