from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from actors.dispatch.plan import RunRefused
from actors.dispatch.summary import Summary
from actors.driving.assignment import Batch, Checkpoint, DriverStatus, Steering
from actors.on_ray.environment import prepare
from actors.producing.options import connection_options, consumer_options, producer_options
from actors.producing.publisher import Counts
from actors.settings import Settings, faults_of
from engine.errors import MessageError, RouteFileError, ScenarioError
from engine.latency.histogram import Histogram
from engine.latency.latencies import Latencies
from engine.messages import ControlAction


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "broker:1234")
    monkeypatch.setenv("TICK_MS", "20")
    monkeypatch.setenv("DATA_DIR", "/somewhere")
    settings = Settings()
    assert (settings.kafka_bootstrap, settings.tick_ms, settings.data_dir) == ("broker:1234", 20, Path("/somewhere"))


@pytest.mark.parametrize(
    ("name", "value"), [("TICK_MS", "0"), ("KAFKA_ACKS", "0"), ("ACTOR_CPUS", "0"), ("KAFKA_COMPRESSION", "zip")]
)
def test_a_setting_out_of_its_bounds_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_a_producer_is_rather_late_than_lossy() -> None:
    options = producer_options(Settings())
    assert (
        options["acks"],
        options["enable.idempotence"],
        options["message.timeout.ms"],
        options["compression.type"],
    ) == ("all", True, 0, "lz4")
    assert producer_options(Settings(kafka_acks="1", kafka_idempotence=False))["acks"] == "1"


def test_settings_of_the_producer_reach_it() -> None:
    settings = Settings(
        kafka_batch_bytes=262_144,
        kafka_linger_ms=5,
        kafka_partitioner="consistent",
        kafka_statistics_s=30,
        kafka_queue_messages=5_000,
    )
    options = producer_options(settings)
    assert (options["batch.size"], options["linger.ms"], options["partitioner"], options["statistics.interval.ms"]) == (
        262_144,
        5,
        "consistent",
        30_000,
    )
    assert options["queue.buffering.max.messages"] == 5_000


def test_idempotence_needs_every_acknowledgement() -> None:
    with pytest.raises(ValidationError, match="KAFKA_IDEMPOTENCE is true, which needs KAFKA_ACKS=all, found 1"):
        Settings(kafka_acks="1")


def test_every_client_is_let_in_by_the_same_settings() -> None:
    settings = Settings(
        kafka_security_protocol="sasl_plaintext", kafka_sasl_username="fleet", kafka_sasl_password="correct horse"
    )
    for options in (connection_options(settings), producer_options(settings), consumer_options(settings, "group")):
        assert {name: options[name] for name in settings.kafka.options()} == settings.kafka.options()
    assert "horse" not in f"{settings!r} {settings}"
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_a_fault_is_told_with_its_variable_what_fits_and_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_ACKS", "most")
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "correct horse")
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert faults_of(refused.value) == ["KAFKA_ACKS: Input should be 'all' or '1', found 'most'"]
    monkeypatch.delenv("KAFKA_ACKS")
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert "horse" not in f"{refused.value} {faults_of(refused.value)}"
    assert faults_of(refused.value)[0].startswith("KAFKA_SASL_PASSWORD is set and KAFKA_SECURITY_PROTOCOL is plaintext")


def test_a_consumer_commits_by_hand() -> None:
    options = consumer_options(Settings(), "group")
    assert (options["group.id"], options["enable.auto.commit"], options["auto.offset.reset"]) == (
        "group",
        False,
        "earliest",
    )


@pytest.mark.parametrize(
    "value",
    [
        Settings(),
        Steering("d", ControlAction.PAUSE, 5, 0),
        Batch(3, (), (), {"d": 4}, (Steering("d", ControlAction.CANCEL, 5, 1),)),
        Checkpoint(5, 3),
        Summary("run", produced=3),
        MessageError("found 3"),
        RunRefused("run r has ended"),
        ScenarioError("key = 1"),
        RouteFileError("a.txt", "line 3", "expected"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_crosses_processes_comes_back_equal(value: object) -> None:
    back = pickle.loads(pickle.dumps(value))
    assert type(back) is type(value)
    assert str(back) == str(value)
    assert isinstance(value, Exception) or back == value


def test_a_status_crosses_processes() -> None:
    counted = Histogram()
    counted.add(np.array([5_000, 70_000]))
    lateness = Latencies.of(counted)
    status = DriverStatus("driver-0", "i", 1, 5, Checkpoint(5, 3), 2, 9, Counts(4, 3, 1), lateness, 0, (("d", 4),))
    assert pickle.loads(pickle.dumps(status)) == status


def test_a_cluster_of_our_own_asks_for_a_token_of_its_own_and_stays_on_loopback() -> None:
    first: dict[str, str] = {}
    second = {"RAY_USAGE_STATS_ENABLED": "1"}
    prepare(first)
    prepare(second)
    assert first["RAY_AUTH_TOKEN"] != second["RAY_AUTH_TOKEN"]
    assert first["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "0"
    assert first["RAY_worker_niceness"] == "0", "Ray's 15 would let everything else on the machine in before a tick"
    assert second["RAY_USAGE_STATS_ENABLED"] == "1", "what somebody has set stays"


def test_the_entry_point_does_not_import_ray_before_its_environment_is_set() -> None:
    code = "import sys, actors.__main__; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
