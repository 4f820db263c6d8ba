"""``code-delivery verify`` on real services: equal stores pass, and one altered document is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from chain import Api
from elastic_prefixes import prefix_for_a_test
from mongo_databases import database_for_a_test
from produced_facts import Simulation
from pymongo import MongoClient
from services import mongodb_in_memory

from cli.local.services import Services

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]

DELIVERIES, SEQS = 200, 100


@pytest.fixture(scope="module")
def services(clean_services: Services) -> Services:
    """Services whose topics hold nothing of other tests: the API reads them from the beginning."""
    return clean_services


@pytest.fixture
def mongodb() -> Iterator[str]:
    """Address of a MongoDB-wire server that keeps positions under ids that are objects."""
    with mongodb_in_memory() as mongodb:
        yield mongodb.address


@pytest.fixture
def environment(services: Services, mongodb: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Settings of stores that are this test's alone."""
    found = services.environment() | {"MONGODB_URL": mongodb}
    with prefix_for_a_test(found["ELASTICSEARCH_URL"]) as prefix, database_for_a_test(found["MONGODB_URL"]) as database:
        yield found | {
            "ELASTICSEARCH_PREFIX": prefix,
            "MONGODB_DATABASE": database,
            "MONGODB_POSITIONS": "all",
            "API_ROLES": "rest,state,history",
            "DATA_DIR": str(tmp_path),
            "DRAIN_SECONDS": "0",
        }


def verified(environment: dict[str, str], run_id: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run the command and return its exit code and what it says."""
    command = [sys.executable, "-m", "cli", "verify", run_id, "--json", *arguments]
    found = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=150, check=False
    )
    assert found.stdout, found.stderr
    return found.returncode, json.loads(found.stdout)


def faults(told: dict[str, Any]) -> set[tuple[str, str, str, str]]:
    """Return place, kind, delivery and seqs of every difference."""
    return {(one["place"], one["kind"], one["deliveryId"], str(one["seqs"])) for one in told["differences"]}


def test_an_altered_document_in_either_store_is_found_and_named(environment: dict[str, str], tmp_path: Path) -> None:
    run_id = f"verified-{uuid4().hex[:8]}"
    api = Api("api", environment, tmp_path)
    api.start()
    simulation = Simulation(environment["KAFKA_BOOTSTRAP"], run_id, DELIVERIES)
    simulation.run("running", 0)
    simulation.events("started", 0, route_length=1000.0)
    simulation.positions(range(50))
    code, told = verified(environment, run_id, "--wait", "90")
    assert (code, told["goesOn"], told["expected"]) == (0, True, 50 * DELIVERIES), told["differences"][:5]

    simulation.positions(range(40, SEQS), last=True)  # some of them again
    simulation.events("delivered", 1, positions=SEQS)
    simulation.run("finished", 1)
    code, told = verified(environment, run_id, "--wait", "90")
    api.end()
    assert (code, told["goesOn"], told["expected"]) == (0, False, SEQS * DELIVERIES), told["differences"][:5]
    assert {name: (place["distinct"], place["duplicates"]) for name, place in told["places"].items()} == {
        "topic": (20_000, 10 * DELIVERIES),
        "history": (20_000, 0),
        "mongodb": (20_000, 0),
    }
    assert len({place["checksum"] for place in told["places"].values()}) == 1
    assert told["newest"]["state"]["deliveries"] == DELIVERIES

    alter_elasticsearch(environment, run_id)
    alter_mongodb(environment, run_id)
    code, told = verified(environment, run_id)
    assert code == 1
    assert faults(told) == {
        ("history", "missing", f"{run_id}-3", "[[17, 17]]"),
        ("history", "coordinates", f"{run_id}-4", "[[18, 18]]"),
        ("history", "duplicate", f"{run_id}-5", "[[19, 19]]"),
        ("mongodb", "missing", f"{run_id}-6", "[[99, 99]]"),
        ("mongodb", "coordinates", f"{run_id}-7", "[[0, 0]]"),
        ("state", "coordinates", f"{run_id}-8", "[[99, 99]]"),
        ("state", "missing", f"{run_id}-9", "[[0, 99]]"),
        ("state", "state", f"{run_id}-9", "[[99, 99]]"),
    }


def alter_elasticsearch(environment: dict[str, str], run_id: str) -> None:
    """Take one position out, move another, and put one in a second time, in an index of another day."""
    prefix = environment["ELASTICSEARCH_PREFIX"]
    with httpx.Client(base_url=environment["ELASTICSEARCH_URL"], trust_env=False, timeout=30) as client:

        def found(delivery: int, seq: int) -> dict[str, Any]:
            query = {"query": {"ids": {"values": [f"{run_id}-{delivery}:{seq}"]}}}
            [hit] = client.post(f"/{prefix}-positions/_search", json=query).raise_for_status().json()["hits"]["hits"]
            return dict(hit)

        gone, moved, again = found(3, 17), found(4, 18), found(5, 19)
        client.delete(f"/{gone['_index']}/_doc/{gone['_id']}").raise_for_status()
        moved["_source"]["location"]["lat"] += 1e-6
        client.put(f"/{moved['_index']}/_doc/{moved['_id']}", json=moved["_source"]).raise_for_status()
        client.put(f"/{prefix}-positions-2020.01.01/_doc/{again['_id']}", json=again["_source"]).raise_for_status()
        client.post(f"/{prefix}-positions/_refresh").raise_for_status()


def alter_mongodb(environment: dict[str, str], run_id: str) -> None:
    """Take one position and one delivery out, and move one of each."""
    with MongoClient[dict[str, Any]](environment["MONGODB_URL"]) as client:
        database = client[environment["MONGODB_DATABASE"]]
        assert database.positions.delete_one({"deliveryId": f"{run_id}-6", "seq": 99}).deleted_count == 1
        assert (
            database.positions.update_one(
                {"deliveryId": f"{run_id}-7", "seq": 0}, {"$set": {"location.coordinates": [1.0, 2.0]}}
            ).modified_count
            == 1
        )
        assert (
            database.deliveries.update_one(
                {"_id": f"{run_id}-8"}, {"$set": {"position.location.coordinates": [9.5, 47.2]}}
            ).modified_count
            == 1
        )
        assert database.deliveries.delete_one({"_id": f"{run_id}-9"}).deleted_count == 1
