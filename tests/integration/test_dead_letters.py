"""Dead letters on a broker: they are listed and shown, and what is put back is what was taken out.

The same tests run on the embedded broker and, with the marker ``services``, on a real one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from large_fleet import LARGE_FLEET
from typer.testing import CliRunner, Result

from cli.kafka.topic_reader import TopicReader
from cli.local.broker import EmbeddedBroker
from cli.main import app
from engine.contract.kafka_connection import KafkaConnection
from engine.messages import DeadLetter


class Desk:
    """A broker with topics of the test's own: one for letters, and one where their records were found."""

    def __init__(self, bootstrap: str, letters: str, origin: str) -> None:
        self.bootstrap, self.letters, self.origin = bootstrap, letters, origin
        self.producer = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 2_000_000})

    def put(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None = None,
        partition: int = 0,
        headers: dict[str, bytes] | None = None,
    ) -> None:
        self.producer.produce(topic, value, key, partition, headers=dict(headers or {}))
        assert self.producer.flush(60) == 0

    def letter(self, value: bytes, reason: str, partition: int = 0, **headers: bytes) -> None:
        told = DeadLetter(value, b"d-1", reason, self.origin, partition, 7)
        self.put(
            self.letters,
            value,
            b"d-1",
            0,
            {**told.headers, **{name.replace("_", "-"): text for name, text in headers.items()}},
        )

    def records(self) -> list[Message]:
        """Return what is in the topic of origin."""
        reader = TopicReader(KafkaConnection(self.bootstrap), [self.origin], "test")
        reader.mark()
        found = [record for poll in reader.polls() for record in poll]
        reader.close()
        return found

    def command(self, name: str, *arguments: str, answer: str | None = None) -> Result:
        return CliRunner().invoke(
            app, ["dead-letters", name, *arguments, "--from", self.letters, "--bootstrap", self.bootstrap], input=answer
        )

    def told(self, name: str, *arguments: str) -> dict[str, Any]:
        return dict(json.loads(self.command(name, *arguments, "--json").stdout))


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.services)])
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A desk on either broker."""
    if request.param == "embedded":
        with EmbeddedBroker(LARGE_FLEET) as broker:
            yield Desk(broker.bootstrap, "route.dead-letter", "route.new-position")
        return
    bootstrap = request.getfixturevalue("services").kafka.address
    names = [f"test.{word}.{uuid4().hex[:8]}" for word in ("letters", "origin")]
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for made in admin.create_topics([NewTopic(name, num_partitions=3) for name in names]).values():
        made.result(20)
    yield Desk(bootstrap, *names)
    for gone in admin.delete_topics(names).values():
        gone.result(20)


def test_letters_are_listed_the_newest_first_and_filtered(desk: Desk) -> None:
    assert desk.told("list") == {"matched": 0, "letters": []}
    for number in range(5):
        desk.letter(b"broken-%d" % number, "not JSON" if number % 2 else "seq is missing")
    told = desk.told("list", "--limit", "3")
    assert told["matched"] == 5
    assert [letter["value"] for letter in told["letters"]] == ["broken-4", "broken-3", "broken-2"]
    assert {
        (letter["topic"], letter["topicPartition"], letter["topicOffset"], letter["key"]) for letter in told["letters"]
    } == {(desk.origin, 0, 7, "d-1")}
    assert desk.told("list", "--reason", "SEQ")["matched"] == 3
    assert desk.told("list", "--topic", "delivery.event")["matched"] == 0
    assert desk.told("list", "--since", "1h")["matched"] == 5
    assert "5 dead letters" in desk.command("list").stdout


def test_a_letter_is_shown_byte_for_byte(desk: Desk, tmp_path: Path) -> None:
    value = bytes(range(256)) * 100
    desk.letter(value, "not \x1b[2J JSON")
    shown = desk.command("show", "0", "0")
    assert shown.stdout_bytes == value
    assert "not \\x1b[2J JSON" in shown.stderr
    assert desk.command("show", "0", "0", "--out", str(tmp_path / "value")).exit_code == 0
    assert (tmp_path / "value").read_bytes() == value
    refused = desk.command("show", "0", "1")
    assert (refused.exit_code, "has no record 1, only 0 to 0" in refused.stderr) == (2, True)
    assert desk.command("show", "99", "0").exit_code == 2


def test_what_is_put_back_is_what_was_taken_out(desk: Desk) -> None:
    desk.letter(b"\x00first\xff", "store refused it", partition=2)
    desk.letter(b"second", "store refused it", partition=1)
    desk.letter(b"third", "another reason")
    desk.letter(b"fourt", "store refused it", original_bytes=b"900000")
    connects = {
        "__connect.errors.topic": desk.origin.encode(),
        "__connect.errors.partition": b"1",
        "__connect.errors.offset": b"3",
        "traceparent": b"00-1",
    }
    desk.put(desk.letters, b"fifth", None, 1, {**connects, "__connect.errors.exception.message": b"store refused it"})
    tried = desk.told("replay", "--reason", "refused", "--dry-run")
    assert (tried["matched"], tried["replayed"], tried["topics"], len(tried["refused"])) == (4, 0, {desk.origin: 3}, 1)
    assert desk.records() == []

    found = desk.command("replay", "--reason", "refused", answer="n\n")
    assert "Put 3 records back?" in found.stdout
    assert desk.records() == []

    found = desk.command("replay", "--reason", "refused", answer="y\n")
    assert found.exit_code == 1, "one of them was cut"
    assert "only 5 of its 900000 bytes were kept" in found.stdout
    place = desk.letters
    assert sorted(
        (record.value(), record.key(), record.partition(), dict(record.headers() or [])) for record in desk.records()
    ) == [
        (b"\x00first\xff", b"d-1", 2, {"replayed-from": f"{place}/0/0".encode()}),
        (b"fifth", None, 1, {"traceparent": b"00-1", "replayed-from": f"{place}/1/0".encode()}),
        (b"second", b"d-1", 1, {"replayed-from": f"{place}/0/1".encode()}),
    ]


def test_one_letter_may_be_mended_and_may_go_elsewhere(desk: Desk, tmp_path: Path) -> None:
    desk.letter(b"cut", "too long", original_bytes=b"900000")
    desk.put(desk.letters, b"from nowhere", b"k")
    whole = tmp_path / "whole"
    whole.write_bytes(b"the whole of it")
    assert desk.told("replay", "0", "0", "--yes")["replayed"] == 0
    assert desk.told("replay", "0", "0", "--edit", str(whole), "--yes")["replayed"] == 1
    refused = desk.told("replay", "0", "1", "--yes")
    assert refused["refused"] == [
        {"partition": 0, "offset": 1, "reason": "it does not say which topic it is from: give --to TOPIC"}
    ]
    assert desk.told("replay", "0", "1", "--to", desk.origin, "--yes")["replayed"] == 1
    assert sorted(record.value() or b"" for record in desk.records()) == [b"from nowhere", b"the whole of it"]
    nowhere = desk.told("replay", "0", "1", "--to", "no.such.topic", "--yes")
    assert (nowhere["replayed"], nowhere["refused"][0]["reason"]) == (
        0,
        "Kafka did not take it: there is no topic no.such.topic",
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["0"], "one letter is named by PARTITION and OFFSET"),
        (["--edit", __file__], "--edit is for one letter"),
        (["--json"], "--json cannot ask"),
        (["--since", "soon"], "--since must be"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_before_kafka_is_asked(arguments: list[str], said: str) -> None:
    found = CliRunner().invoke(app, ["dead-letters", "replay", *arguments])
    assert said in str(found.exception)
