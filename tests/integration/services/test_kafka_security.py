"""Kafka behind passwords and certificates: the same settings admit all clients; refused ones say why."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from confluent_kafka import KafkaException
from services import services_folder

from actors.kafka.facts import KafkaFacts
from actors.kafka.request_reader import RequestReader
from actors.producing.native_publisher import NativePublisher
from actors.producing.options import connection_options, consumer_options, producer_options
from actors.producing.publisher import Publisher
from actors.producing.python_publisher import PythonPublisher
from actors.settings import Settings
from api.bus import KafkaBus, Record
from api.errors import BusUnavailable
from api.kafka_clients import group_consumer
from cli.kafka.topics import create_topics
from cli.local.services import Kafka, Services
from cli.local.services.tools import java
from engine.codec import EncodedRecords, PositionEncoder, Positions
from engine.contract.kafka_connection import KafkaConnection, SaslMechanism
from engine.messages import RouteDefined, StartDelivery, Topic

pytestmark = [pytest.mark.services, pytest.mark.timeout(240)]

PASSWORD = "correct horse battery"
MECHANISMS: tuple[SaslMechanism, ...] = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
PUBLISHERS: dict[str, Callable[[dict[str, Any]], Publisher]] = {"python": PythonPublisher, "native": NativePublisher}


@pytest.fixture(scope="module")
def kafka() -> Iterator[Kafka]:
    """A broker with a listener that wants a name and a password, and shows a certificate it has made."""
    with services_folder() as folder:
        services = Services(folder, free_ports=True, quick=True, users={"fleet": PASSWORD})
        services.start(["kafka"])
        yield services.kafka
        services.stop()


def settings_for(kafka: Kafka, **changed: object) -> Settings:
    return Settings(
        **{
            "kafka_bootstrap": kafka.secure_address,
            "kafka_security_protocol": "sasl_ssl",
            "kafka_sasl_mechanism": "SCRAM-SHA-512",
            "kafka_sasl_username": "fleet",
            "kafka_sasl_password": PASSWORD,
            "kafka_ssl_ca": kafka.ca_file,
            "kafka_linger_ms": 0,
        }
        | changed  # type: ignore[arg-type]
    )


def ignore(*_: object) -> None:
    """Take note of nothing."""


def positions(run_id: str, count: int) -> EncodedRecords:
    encoder, zeros = PositionEncoder(), np.zeros(count)
    rows = encoder.add_rows(["1"], ["c"], [f"{run_id}-0"], ["car"], run_id)[np.zeros(count, int)]
    return EncodedRecords(
        encoder.encode_matrix(
            rows,
            Positions(zeros, zeros, np.zeros(count, np.bool_), np.arange(count), np.arange(count), zeros, zeros, zeros),
        )
    )


def until(condition: Callable[[], object], timeout_s: float = 40.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert condition()


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_every_client_is_let_in_by_the_same_settings(kafka: Kafka, mechanism: SaslMechanism) -> None:
    settings, run_id = settings_for(kafka, kafka_sasl_mechanism=mechanism), f"secure-{mechanism.lower()}"
    create_topics(settings.kafka_bootstrap, connection_options(settings))
    for kind in PUBLISHERS.values():
        publisher = kind(producer_options(settings))
        publisher.publish(positions(run_id, 10), [])
        assert publisher.flush(60) == 0
        assert publisher.counts.acked == 10
    facts = KafkaFacts(producer_options(settings))
    facts.publish(RouteDefined(run_id, deleted=True))
    assert facts.flush(60) == 0
    reader = RequestReader(consumer_options(settings, run_id))
    reader.open({})
    asyncio.run(publish(settings.kafka, run_id))
    found: list[object] = []

    def some_found() -> bool:
        found.extend(reader.poll(0.5))
        return bool(found)

    until(some_found)
    reader.close()
    consumer = group_consumer(settings.kafka, run_id, ignore)
    consumer.subscribe([Topic.NEW_POSITION.value])
    values: list[bytes] = []

    def all_read() -> bool:
        values.extend(message.value() or b"" for message in consumer.consume(100, 0.5))
        return sum(run_id.encode() in value for value in values) == 20

    until(all_read)
    assert {json.loads(value)["seq"] for value in values if run_id.encode() in value} == set(range(10))
    consumer.close()


async def publish(kafka: KafkaConnection, run_id: str) -> None:
    bus = KafkaBus(kafka)
    await bus.ping()
    await bus.publish([Record.of(StartDelivery("1", run_id))])
    await bus.close()


def other_authority(kafka: Kafka, folder: Path) -> Path:
    """A certificate that has signed nothing."""
    store, certificate = folder / "other.p12", folder / "other.pem"
    keytool = [
        str(java().home / "bin" / "keytool"),
        "-alias",
        "other",
        "-keystore",
        str(store),
        "-storepass",
        "password",
    ]
    subprocess.run(
        [*keytool, "-genkeypair", "-keyalg", "RSA", "-dname", "CN=other", "-validity", "1"],
        check=True,
        capture_output=True,
    )
    subprocess.run([*keytool, "-exportcert", "-rfc", "-file", str(certificate)], check=True, capture_output=True)
    return certificate


@pytest.fixture(
    params=[
        "a wrong password",
        "an unknown user",
        "another mechanism's password",
        "an untrusted authority",
        "no encryption",
    ]
)
def shut_out(request: pytest.FixtureRequest, kafka: Kafka, tmp_path: Path) -> tuple[Settings, str]:
    """Settings that the broker refuses, and a word of the reason."""
    match request.param:
        case "a wrong password":
            return settings_for(kafka, kafka_sasl_password="wrong horse"), "_AUTHENTICATION"
        case "an unknown user":
            return settings_for(kafka, kafka_sasl_username="nobody"), "_AUTHENTICATION"
        case "another mechanism's password":
            return settings_for(
                kafka, kafka_sasl_mechanism="PLAIN", kafka_sasl_password="wrong horse"
            ), "_AUTHENTICATION"
        case "an untrusted authority":
            return settings_for(kafka, kafka_ssl_ca=other_authority(kafka, tmp_path)), "_SSL"
        case _:
            return settings_for(kafka, kafka_security_protocol="sasl_plaintext", kafka_ssl_ca=None), "_ALL_BROKERS_DOWN"


@pytest.mark.parametrize("kind", PUBLISHERS)
def test_a_producer_that_is_not_let_in_says_why_and_loses_nothing(
    shut_out: tuple[Settings, str], kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings, reason = shut_out
    publisher = PUBLISHERS[kind](producer_options(settings))
    publisher.publish(positions("shut-out", 3), [])

    def has_said_why() -> bool:
        publisher.poll()
        return reason in caplog.text

    until(has_said_why)
    assert (publisher.settled, publisher.counts.failed, publisher.flush(0.1)) == (0, 0, 3)
    assert_told(caplog, settings)


def test_the_apis_clients_that_are_not_let_in_say_why(
    shut_out: tuple[Settings, str], caplog: pytest.LogCaptureFixture
) -> None:
    settings, reason = shut_out

    async def ping() -> str:
        bus = KafkaBus(settings.kafka)
        try:
            for _ in range(10):
                with pytest.raises(BusUnavailable) as refused:
                    await bus.ping()
                if "last word" in str(refused.value):
                    break
        finally:
            await bus.close()
        return str(refused.value)

    assert reason in asyncio.run(ping())
    caplog.clear()
    consumer = group_consumer(settings.kafka, "shut-out", ignore)
    consumer.subscribe([Topic.NEW_POSITION.value])
    until(lambda: consumer.consume(10, 0.1) or reason in caplog.text)
    consumer.close()
    assert_told(caplog, settings)


def test_a_dispatcher_that_is_not_let_in_says_why(
    shut_out: tuple[Settings, str], caplog: pytest.LogCaptureFixture
) -> None:
    settings, reason = shut_out
    reader = RequestReader(consumer_options(settings, "shut-out"), answer_s=5.0)
    with pytest.raises(KafkaException):
        reader.open({})
    reader.close()
    assert reason in caplog.text
    assert_told(caplog, settings)


def assert_told(caplog: pytest.LogCaptureFixture, settings: Settings) -> None:
    """In few words, with the address, and without the password."""
    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert 0 < len(told) < 30
    assert settings.kafka_bootstrap in caplog.text
    assert "horse" not in caplog.text
