"""Settings of a Kafka connection: what fits together, what is refused, and no text shows the password."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from engine.contract.kafka_connection import KafkaConnection
from engine.contract.kafka_trouble import ConnectionTrouble, TroubleLog
from engine.errors import InvalidInput

SASL = {"security_protocol": "sasl_ssl", "sasl_username": "fleet", "sasl_password": "correct horse"}


def test_a_plain_connection_needs_an_address_only() -> None:
    assert KafkaConnection("a:1,b:2").options() == {
        "bootstrap.servers": "a:1,b:2",
        "client.id": "code-delivery",
        "security.protocol": "plaintext",
    }


def test_every_setting_reaches_the_client(tmp_path: Path) -> None:
    for name in ("ca", "certificate", "key"):
        (tmp_path / name).touch()
    files = {f"ssl_{name}": tmp_path / name for name in ("ca", "certificate", "key")}
    connection = KafkaConnection("a:1", "me", "sasl_ssl", "SCRAM-SHA-512", "fleet", "correct horse", **files)
    assert connection.options() == {
        "bootstrap.servers": "a:1",
        "client.id": "me",
        "security.protocol": "sasl_ssl",
        "sasl.mechanisms": "SCRAM-SHA-512",
        "sasl.username": "fleet",
        "sasl.password": "correct horse",
        "ssl.ca.location": str(tmp_path / "ca"),
        "ssl.certificate.location": str(tmp_path / "certificate"),
        "ssl.key.location": str(tmp_path / "key"),
    }


@pytest.mark.parametrize(
    "bootstrap", ["broker", "broker:9092", "SASL_SSL://broker.example:9093", "[::1]:9092", "a:1, b:2"]
)
def test_an_address_may_be_written_in_several_ways(bootstrap: str) -> None:
    assert KafkaConnection(bootstrap).bootstrap == bootstrap


@pytest.mark.parametrize("bootstrap", ["", "a:1,", "broker:0", "broker:70000", "broker:port", "two words:1"])
def test_an_address_that_is_none_is_refused(bootstrap: str) -> None:
    with pytest.raises(InvalidInput, match="KAFKA_BOOTSTRAP must be"):
        KafkaConnection(bootstrap)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"security_protocol": "sasl_ssl", "sasl_password": "x"},
            "KAFKA_SECURITY_PROTOCOL is sasl_ssl, which needs KAFKA_SASL_USERNAME",
        ),
        (
            {"security_protocol": "sasl_plaintext", "sasl_username": "x"},
            "KAFKA_SECURITY_PROTOCOL is sasl_plaintext, which needs KAFKA_SASL_PASSWORD",
        ),
        ({"sasl_username": "fleet"}, "KAFKA_SASL_USERNAME is set and KAFKA_SECURITY_PROTOCOL is plaintext"),
        (
            {"ssl_ca": Path("ca.pem")},
            "KAFKA_SSL_CA is set and KAFKA_SECURITY_PROTOCOL is plaintext, which encrypts nothing",
        ),
        (
            {**SASL, "security_protocol": "sasl_plaintext", "ssl_ca": Path("ca.pem")},
            "KAFKA_SSL_CA is set and KAFKA_SECURITY_PROTOCOL is sasl_plaintext",
        ),
        (
            {"security_protocol": "ssl", "ssl_ca": Path("/nowhere/ca.pem")},
            "KAFKA_SSL_CA is /nowhere/ca.pem: no such file or directory",
        ),
        ({"security_protocol": "ssl", "ssl_ca": Path("/")}, "KAFKA_SSL_CA is /: is a directory"),
        (
            {"security_protocol": "ssl", "ssl_key": Path("/nowhere")},
            "KAFKA_SSL_KEY is set and KAFKA_SSL_CERTIFICATE is not: set both or neither",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_refused_by_name(settings: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        KafkaConnection("a:1", **settings)  # type: ignore[arg-type]
    assert words in str(refused.value)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(InvalidInput) as refused:
        KafkaConnection("a:b", security_protocol="sasl_ssl")
    assert str(refused.value).count("; ") == 2


def test_the_password_is_in_no_text() -> None:
    connection = KafkaConnection("a:1", **SASL)  # type: ignore[arg-type]
    assert "horse" not in f"{connection!r} {connection}"
    with pytest.raises(InvalidInput) as refused:
        replace(connection, security_protocol="plaintext")
    assert "horse" not in str(refused.value)


def test_a_trouble_is_told_once_and_whenever_its_count_has_doubled() -> None:
    trouble = ConnectionTrouble()
    told = [trouble.report("_TRANSPORT", "refused") for _ in range(9)]
    assert [sentence for sentence in told if sentence] == [
        "refused [_TRANSPORT]",
        "refused [_TRANSPORT], 2 times so far",
        "refused [_TRANSPORT], 4 times so far",
        "refused [_TRANSPORT], 8 times so far",
    ]
    assert trouble.report("_SSL", "unknown authority") is not None
    assert (
        trouble.last
        == "unknown authority [_SSL]; check KAFKA_SSL_CA, and KAFKA_SSL_CERTIFICATE if the broker asks for one"
    )
    trouble.is_well()
    assert trouble.last == ""


class Refused:
    """An error as librdkafka reports it."""

    def name(self) -> str:
        return "_RESOLVE"

    def str(self) -> str:
        return "no such host"


def test_a_clients_trouble_is_logged_with_the_part_and_the_address(caplog: pytest.LogCaptureFixture) -> None:
    trouble = TroubleLog(logging.getLogger("some.module"), "10.0.0.7:9092 (plaintext)", "history")
    TroubleLog(logging.getLogger("other.module"), "10.0.0.7:9092 (plaintext)")(Refused())
    for _ in range(3):
        trouble(Refused())
    sentence = "Kafka at 10.0.0.7:9092 (plaintext): no such host [_RESOLVE]; check KAFKA_BOOTSTRAP"
    assert caplog.record_tuples == [
        ("other.module", logging.WARNING, sentence),
        ("some.module", logging.WARNING, f"history: {sentence}"),
        ("some.module", logging.WARNING, f"history: {sentence}, 2 times so far"),
    ]
    assert trouble.last == "no such host [_RESOLVE]; check KAFKA_BOOTSTRAP"
    trouble.is_well()
    assert trouble.last == ""
