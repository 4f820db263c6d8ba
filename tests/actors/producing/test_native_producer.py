"""What the native publisher relies on, without a broker: the layout, and a fall-back with a reason."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest
from confluent_kafka import KafkaError

from actors.on_ray.driver_actor import TickingDriver
from actors.producing import librdkafka
from actors.producing.librdkafka import open_client
from actors.producing.native_producer import NativeProducer, Refused, Reports, check_layout, messages_of
from actors.producing.native_publisher import NativePublisher
from actors.producing.open_publisher import open_publisher
from actors.producing.producer_figures import ProducerFigures
from actors.producing.publisher import MemoryPublisher, ProducerFailed, Refusals
from actors.producing.python_publisher import PythonPublisher
from actors.settings import Settings
from engine.librdkafka import interface
from engine.librdkafka.interface import MESSAGE, gather
from engine.librdkafka.wheel import LibraryUnusable
from engine.motion.clock import RunClock


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """What is found out once a process is found out anew."""
    yield
    librdkafka.load.cache_clear()
    check_layout.cache_clear()


def test_this_installations_library_has_the_layout_that_is_known() -> None:
    check_layout()


def test_words_are_gathered_from_wherever_messages_stand() -> None:
    messages = np.zeros(5, MESSAGE)
    messages["tag"] = [7, 8, 9, 10, 2**63]
    messages["err"] = [0, -152, 0, 10, 0]
    addresses = messages.ctypes.data + MESSAGE.itemsize * np.array([4, 0, 3], np.uint64)
    assert gather(addresses, "tag").tolist() == [2**63, 7, 10]
    assert gather(addresses, "err").astype(np.uint32).view(np.int32).tolist() == [0, 0, 10]


def test_a_message_comes_back_as_it_was_given() -> None:
    facts = [(b"k", b"v"), (b"", b"empty key"), (b"empty value", b"")]
    messages, _buffer = messages_of(facts)
    messages["tag"] = [3, 2, 1]
    producer = NativeProducer({"log_level": 0})
    assert len(producer.produce("anywhere", messages)) == 0
    producer.purge()
    found = [
        refused
        for _ in range(50)
        for event in producer.poll(0.01)
        if isinstance(event, Reports)
        for refused in event.refused
    ]
    purged = KafkaError._PURGE_QUEUE
    assert found == [
        Refused(purged, 3, b"k", b"v"),
        Refused(purged, 2, b"", b"empty key"),
        Refused(purged, 1, b"empty value", b""),
    ]


@pytest.mark.parametrize("kind", ["native", "python"])
def test_the_setting_chooses_the_publisher(kind: str) -> None:
    publisher = open_publisher(Settings(kafka_producer=kind))
    assert type(publisher) is {"native": NativePublisher, "python": PythonPublisher}[kind]


@pytest.mark.parametrize(
    ("module", "name", "value", "reason"),
    [
        (interface, "MAJOR_VERSION", 3, "librdkafka must have major version 3, found 2."),
        (librdkafka, "SIGNATURES", {"rd_kafka_of_tomorrow": (None, [])}, "librdkafka cannot be loaded: "),
        (interface, "library_path", lambda: "/nowhere/librdkafka.so", "librdkafka cannot be loaded: "),
    ],
)
def test_where_the_native_publisher_cannot_be_the_other_one_is_and_the_log_says_why(
    module: ModuleType,
    name: str,
    value: object,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    librdkafka.load.cache_clear()
    check_layout.cache_clear()
    monkeypatch.setattr(module, name, value)
    assert isinstance(open_publisher(Settings(kafka_producer="native")), PythonPublisher)
    assert reason in caplog.text


def test_another_layout_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    check_layout.cache_clear()
    wrong = {**interface.FIELD_OFFSETS, "tag": interface.FIELD_OFFSETS["offset"]}
    monkeypatch.setattr(interface, "FIELD_OFFSETS", wrong)
    with pytest.raises(LibraryUnusable, match="layout"):
        check_layout()


def test_an_option_that_is_refused_is_named_without_its_value() -> None:
    with pytest.raises(LibraryUnusable) as refused:
        open_client({"compression.type": "horse"}, 0)
    assert str(refused.value) == "librdkafka refuses its option compression.type"


def test_refusals_are_named_at_first_and_counted_then(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals()
    for seq in range(40):
        refusals.note(b'{"deliveryId": "d-1", "seq": %d}' % seq, "too large")
    refusals.note(b"no json", "too large")
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert told[:5] == [f"delivery d-1 seq {seq} was refused by Kafka for good: too large" for seq in range(5)]
    assert [line.split()[0] for line in told[5:]] == ["8", "16", "32"]


def test_figures_are_few_and_what_is_not_told_is_zero() -> None:
    statistics = b"""{
        "msg_cnt": 5, "msg_size": 900,
        "topics": {"route.new-position": {"batchcnt": {"avg": 80}, "batchsize": {"avg": 9000}}},
        "brokers": {
            "a": {"rtt": {"p99": 1500}, "txerrs": 1, "txretries": 2},
            "b": {"rtt": {"p99": 900}, "txerrs": 3, "txretries": 0}
        }
    }"""
    assert ProducerFigures.of(statistics) == ProducerFigures(5, 900, 1.5, 4, 2, 80, 9000)
    assert ProducerFigures.of("{}") == ProducerFigures(0, 0, 0.0, 0, 0, 0, 0)


class Fatal(MemoryPublisher):
    """A publisher whose producer has met a fatal error."""

    def poll(self) -> None:
        raise ProducerFailed("out of order sequence number")


def test_a_producer_that_has_failed_ends_its_process_which_is_restarted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    codes: list[int] = []
    monkeypatch.setattr("actors.on_ray.driver_actor.os._exit", codes.append)
    monkeypatch.setattr("actors.on_ray.driver_actor.open_publisher", lambda _settings: Fatal())
    driver = TickingDriver("driver-0", "run", Settings(tick_ms=5), 0.0)
    driver.set_clock(RunClock(0, 0, 1.0))
    driver.join(20)
    assert codes == [1]
    assert "out of order sequence number" in caplog.text
