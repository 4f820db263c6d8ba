"""Local services as processes: started ones answer, ended ones are gone, what was stored is kept."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from confluent_kafka.admin import AdminClient, NewTopic
from pymongo import MongoClient
from running_stack import until
from services import services_folder
from typer.testing import CliRunner

from cli.local.services import PortTaken, Services
from cli.local.services.record import Record
from cli.local.services.service import STORES_NICE
from cli.main import app

pytestmark = [pytest.mark.services, pytest.mark.timeout(600)]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose services end with the test, however they were started."""
    with services_folder() as folder:
        yield folder
        Services(folder).stop(["kafka", "elasticsearch", "mongodb"])


def command(folder: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    """Run ``code-delivery services`` and return what it printed."""
    ran = CliRunner().invoke(app, ["services", *arguments, "--data-dir", str(folder), "--json"])
    assert ran.exit_code == code, ran.output
    return dict(json.loads(ran.stdout))


def ids(told: dict[str, Any]) -> dict[str, int | None]:
    return {state["name"]: state["pid"] for state in told["services"]}


def record(folder: Path, name: str) -> Record | None:
    return Record.read(folder / name / "record.json")


def test_up_twice_changes_nothing_data_outlive_down_and_down_leaves_nothing(folder: Path) -> None:
    free = ["--only", "kafka,mongodb", "--kafka-port", "0", "--mongodb-port", "0"]
    first = command(folder, "up", *free)
    assert first["started"] == ["kafka", "mongodb"]
    assert command(folder, "up", *free) == {**first, "started": []}
    assert ids(command(folder, "status", "--only", "kafka,mongodb")) == ids(first)
    own = os.nice(0)
    assert {name: psutil.Process(pid).nice() for name, pid in ids(first).items()} == {
        "kafka": own,
        "mongodb": min(own + STORES_NICE, 19),
    }
    address = {state["name"]: state["address"] for state in first["services"]}
    admin = AdminClient({"bootstrap.servers": address["kafka"]})
    admin.create_topics([NewTopic("kept", 3)])["kept"].result(60)

    assert command(folder, "down") == {"stopped": ["mongodb", "kafka"], "deleted": False}
    records = [record(folder, name) for name in ("kafka", "mongodb")]
    assert [found is not None and found.members() for found in records] == [[], []]
    assert not [
        port for state in first["services"] if (port := int(state["address"].rpartition(":")[2])) and listens(port)
    ]
    command(folder, "status", "--only", "kafka,mongodb", code=1)

    again = command(folder, "up", *free)
    assert {state["name"]: state["address"] for state in again["services"]} == address, (
        "they come back on the ports they had"
    )
    assert len(admin.list_topics("kept", timeout=60).topics["kept"].partitions) == 3
    assert command(folder, "down", "--delete-data") == {"stopped": ["mongodb", "kafka"], "deleted": True}
    assert [path.name for path in folder.iterdir()] == [".lock"]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_what_up_had_started_when_it_was_killed_is_found_by_the_next_one(folder: Path) -> None:
    arguments = ["up", "--only", "kafka", "--kafka-port", "0"]
    killed = subprocess.Popen(
        [sys.executable, "-m", "cli", "services", *arguments, "--data-dir", str(folder), "--json"],
        stderr=subprocess.DEVNULL,
    )
    begun = until(lambda: record(folder, "kafka"), "the start of Kafka", 120)
    killed.kill()
    killed.wait()
    told = command(folder, *arguments)
    assert told["started"] == []
    assert ids(told) == {"kafka": begun.pid}
    assert command(folder, "down")["stopped"] == ["kafka"]
    assert begun.members() == []


def test_tied_services_end_with_their_parent_even_the_java_that_elasticsearch_starts_as_another_user(
    folder: Path,
) -> None:
    parent = (
        "import pathlib, sys, time\n"
        "from cli.local.services import Services\n"
        "services = Services(pathlib.Path(sys.argv[1]), free_ports=True, quick=True)\n"
        "print(services.mongodb.launch(), services.elasticsearch.launch(), flush=True)\n"
        "time.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", parent, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "True True\n"
    mongodb, elasticsearch = record(folder, "mongodb"), record(folder, "elasticsearch")
    assert mongodb is not None
    assert elasticsearch is not None
    until(lambda: len(elasticsearch.members()) == 2, "the start of Elasticsearch's own Java", 120)
    process.kill()
    process.communicate()
    until(lambda: not mongodb.members() and not elasticsearch.members(), "the end of the services", 60)


def test_a_document_that_was_acknowledged_outlives_a_kill(folder: Path) -> None:
    mongodb = Services(folder, free_ports=True, quick=True).mongodb
    mongodb.start()
    with MongoClient[dict[str, Any]](mongodb.address) as client:
        client["kept"]["numbers"].insert_many([{"_id": number} for number in range(1000)])
        mongodb.kill()
        assert mongodb.pid is None
        mongodb.start()
        assert client["kept"]["numbers"].count_documents({}) == 1000


def test_elasticsearch_comes_back_after_a_kill_with_what_it_had_acknowledged(services: Services) -> None:
    elasticsearch, before = services.elasticsearch, services.elasticsearch.address
    index = f"{before}/kept-{os.getpid()}"
    httpx.put(f"{index}/_doc/1", json={"kept": True}, trust_env=False, timeout=60).raise_for_status()
    begun = elasticsearch.record
    assert begun is not None
    elasticsearch.kill()
    assert begun.members() == []
    elasticsearch.start()
    assert elasticsearch.address == before
    assert httpx.get(f"{index}/_doc/1", trust_env=False, timeout=60).json()["_source"] == {"kept": True}
    httpx.delete(index, trust_env=False, timeout=60).raise_for_status()


def test_a_suspended_service_answers_nobody_until_it_is_resumed(services: Services) -> None:
    services.mongodb.suspend()
    try:
        assert not services.mongodb.is_ready()
        assert services.mongodb.pid is not None
    finally:
        services.mongodb.resume()
    services.mongodb.wait_ready()


def test_all_that_the_chain_needs_is_told_as_settings(services: Services) -> None:
    told = services.environment()
    assert {name: told[name] for name in ("KAFKA_BOOTSTRAP", "ELASTICSEARCH_URL", "MONGODB_URL")} == {
        "KAFKA_BOOTSTRAP": services.kafka.address,
        "ELASTICSEARCH_URL": services.elasticsearch.address,
        "MONGODB_URL": services.mongodb.address,
    }


def test_kafka_lets_in_over_tls_who_has_a_password(folder: Path) -> None:
    kafka = Services(folder, free_ports=True, quick=True, users={"courier": "s3cret"}).kafka
    kafka.start()
    known: dict[str, Any] = {
        "bootstrap.servers": kafka.secure_address,
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": str(kafka.ca_file),
        "sasl.username": "courier",
    }
    for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"):
        client = AdminClient({**known, "sasl.mechanism": mechanism, "sasl.password": "s3cret"})
        assert len(client.list_topics(timeout=30).brokers) == 1, mechanism
    refusals: list[str] = []
    wrong: dict[str, Any] = {**known, "sasl.mechanism": "PLAIN", "sasl.password": "wrong", "log_level": 0}
    stranger = AdminClient(wrong | {"error_cb": lambda error: refusals.append(error.name())})
    until(lambda: stranger.poll(0.1) and refusals, "a refusal", 30)
    assert "_AUTHENTICATION" in refusals


def test_a_taken_port_is_told_with_who_has_it(folder: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        name = psutil.Process().name()
        with pytest.raises(
            PortTaken,
            match=rf"mongodb wants port {port} on 127\.0\.0\.1, but it is taken by {name} "
            rf"\(pid {os.getpid()}: .*--mongodb-port",
        ):
            Services(folder, ports={"mongodb": port}).start(["mongodb"])


def test_a_number_that_was_given_to_another_process_is_left_alone(folder: Path) -> None:
    """The record of a service that ended long ago names a pid that another program has by now."""
    other = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        (folder / "mongodb").mkdir()
        stale = {
            "pid": other.pid,
            "created_s": psutil.Process(other.pid).create_time() - 3600.0,
            "ports": {"client": 27017},
        }
        (folder / "mongodb" / "record.json").write_text(json.dumps(stale))
        assert command(folder, "down")["stopped"] == []
        assert other.poll() is None
    finally:
        other.send_signal(signal.SIGKILL)
        other.wait()
