"""Parts die or stop while at least 2,000 positions a second flow; in the end each is stored once.

``code-delivery verify`` is the judge: the topic, Elasticsearch and the MongoDB-wire server must hold the same
positions, without a gap, and none twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chain import MIN_RATE, Api, Chain, Watcher
from running_stack import until
from services import empty_the_topics, mongodb_in_memory
from typer.testing import CliRunner

from cli.local.services import Services
from cli.main import app

pytestmark = [pytest.mark.services, pytest.mark.ray, pytest.mark.timeout(600)]

AWAY_S = 20.0


@pytest.fixture(scope="module")
def services(clean_services: Services) -> Services:
    """Services whose topics hold nothing of other tests: a live run serves every request on them."""
    return clean_services


@pytest.fixture
def chain(services: Services, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Chain]:
    name = request.node.name.removeprefix("test_").replace("_", "-")[:48]
    chain = Chain(services, tmp_path, f"{name}-{int(time.time())}")
    yield chain
    chain.end()


def is_whole(told: dict[str, Any], at_least: int) -> bool:
    """Whether every place holds the same positions, none twice, and as many as such a run must have made."""
    places = told["places"].values()
    return (
        all(place["distinct"] >= at_least and not place["missing"] and not place["conflicting"] for place in places)
        and told["equal"]
    )


def test_a_driver_actor_the_dispatcher_the_whole_ray_cluster_and_then_an_api_are_killed(chain: Chain) -> None:
    first = chain.start_api()
    chain.start_simulation()
    chain.until_it_flows()
    for title in ("TickingDriver", "Dispatching"):
        chain.kill_worker(title)
        chain.until_it_flows()
    chain.kill_simulation()
    time.sleep(3)
    chain.start_simulation()
    chain.until_it_flows()
    kill_and_replace(chain, first)
    chain.until_it_flows()
    chain.end_simulation()
    assert is_whole(chain.verify(), 20 * MIN_RATE)


def kill_and_replace(chain: Chain, first: Api) -> None:
    """Kill an API in mid-batch, start a second and a third, and let the second leave."""
    first.kill()
    second = chain.start_api()
    chain.until_it_flows()
    before = chain.committed("history")
    until(lambda: chain.committed("history") > before + MIN_RATE, "the second API stores what the first had read", 180)
    third = chain.start_api()
    until(lambda: _partitions_read(third.log, "history") > 0, "a share of the partitions for the third API", 120)
    second.end()
    whole = _partitions_read(first.log, "history")
    until(lambda: _partitions_read(third.log, "history") == whole, "all partitions for the API that is left", 120)


def test_the_broker_is_away_for_twenty_seconds(chain: Chain, services: Services) -> None:
    chain.environment["KAFKA_QUEUE_MESSAGES"] = (
        "5000"  # four seconds of an actor's positions; beyond them its ticks wait
    )
    chain.start_api()
    chain.start_simulation()
    chain.until_it_flows()
    services.kafka.stop()
    time.sleep(AWAY_S)
    services.kafka.start()
    chain.until_it_flows()
    summary = chain.end_simulation()
    assert summary["latenessMaxMs"] > 0.5 * AWAY_S * 1000, "the lateness is told"
    assert summary["failed"] == 0
    assert is_whole(chain.verify(), 20 * MIN_RATE)


def test_the_stores_are_away_for_twenty_seconds_and_are_then_killed(chain: Chain, services: Services) -> None:
    api = chain.start_api()
    chain.start_simulation()
    chain.until_it_flows()
    watcher = Watcher(api)
    stores = (services.elasticsearch, services.mongodb)
    for store in stores:
        store.stop()
    time.sleep(4)  # what was under way ends, and what was stored before is committed
    before, shown_ms = {role: chain.committed(role) for role in ("history", "state")}, watcher.newest_ms
    time.sleep(AWAY_S - 4)
    assert {role: chain.committed(role) for role in ("history", "state")} == before, "offsets wait for the stores"
    assert watcher.newest_ms - shown_ms > 0.8 * (AWAY_S - 4) * 1000, "the map goes on"
    for store in stores:
        store.start()
    until(
        lambda: all(chain.committed(role) > before[role] + MIN_RATE for role in before),
        "commits after the stores came back",
        180,
    )
    for store in stores:
        store.kill()
    time.sleep(2)
    for store in stores:
        store.start()
    chain.until_it_flows()
    watcher.end()
    chain.end_simulation()
    assert is_whole(chain.verify(wait_s=300), 30 * MIN_RATE)


def _partitions_read(log: Path, role: str) -> int:
    """Return how many partitions an API says that a role of it reads."""
    told = [line for line in log.read_text().splitlines() if f"the {role} consumer reads" in line]
    return int(told[-1].split("reads ")[1].split()[0]) if told else 0


@pytest.fixture
def connected(services: Services, tmp_path: Path) -> Iterator[Chain]:
    """A chain with Kafka Connect, on empty topics: a connector reads them from the beginning."""
    empty_the_topics(services.kafka.address)
    services.start(["connect"])
    with mongodb_in_memory() as mongodb:
        chain = Chain(services, tmp_path, f"connected-{int(time.time())}", MONGODB_URL=mongodb.address)
        yield chain
        chain.end()
        services.stop(["connect"])


def test_a_connect_worker_is_killed_while_the_apis_sinks_are_on_too(connected: Chain) -> None:
    chain, worker = connected, connected.services.connect
    chain.start_api()
    applied = CliRunner().invoke(
        app,
        ["connect", "apply", "--only", "elasticsearch-sink", "--url", worker.address, "--json"],
        env=chain.environment,
    )
    assert applied.exit_code == 0, applied.output
    chain.start_simulation()
    chain.until_it_flows()
    worker.kill()
    time.sleep(3)
    worker.start()
    chain.until_it_flows()
    chain.end_simulation()
    until(lambda: chain.lag("connect-elasticsearch-sink") == 0, "the connector's last record", 240)
    told = chain.verify(wait_s=120)
    assert is_whole(told, 10 * MIN_RATE)
    assert {place["positions"] for place in told["places"].values()} == {told["places"]["topic"]["distinct"]}, (
        "each is there once, written by Connect or by the API"
    )
