"""The embedded broker has partitions for a minute of positions, and few enough for large batches."""

from __future__ import annotations

import pytest

from actors.dispatch.actor_layout import lay_out
from actors.settings import Settings
from cli.local.broker import MAX_PARTITIONS, partitions_for
from engine.messages import Topic
from engine.scenario.scenario import FleetMix, NetworkSource, Scenario

PARTITION_BYTES = 5 * 2**20
"""What the broker keeps of a partition."""

RECORD_BYTES = 60
"""A position in a large batch, under lz4; in a small one it takes more."""

READERS = 3
"""State, history and live map."""


def batches_walked_per_s(drivers: int, cpus: int) -> float:
    """Return how many record batches the broker walks each second once every partition is full.

    For each batch and reader it walks those that the partition holds.
    """
    partitions = partitions_for(float(drivers))[Topic.NEW_POSITION]
    actors = lay_out(drivers, cpus, float(drivers)).actors
    batches_per_s = min(drivers, actors * partitions * 1000 / Settings().tick_ms)
    held = PARTITION_BYTES / (drivers * RECORD_BYTES / batches_per_s)
    return READERS * batches_per_s * held


def test_every_topic_of_the_contract_has_partitions() -> None:
    assert set(partitions_for(0.0)) == set(Topic)
    assert min(partitions_for(0.0).values()) == 1


def test_partitions_follow_the_fleet() -> None:
    found = {
        rate: partitions_for(rate)[Topic.NEW_POSITION] for rate in (0.0, 300.0, 1250.0, 1251.0, 5000.0, 10_000.0, 1e9)
    }
    assert found == {0.0: 1, 300.0: 1, 1250.0: 1, 1251.0: 2, 5000.0: 4, 10_000.0: 8, 1e9: MAX_PARTITIONS}


@pytest.mark.parametrize("drivers", [300, 1_250, 5_000, 10_000, 50_000])
def test_the_partitions_hold_a_minute_of_the_fleets_positions(drivers: int) -> None:
    held_s = partitions_for(float(drivers))[Topic.NEW_POSITION] * PARTITION_BYTES / (drivers * RECORD_BYTES)
    assert held_s > 60


@pytest.mark.parametrize("drivers", [300, 1_000, 5_000, 10_000])
def test_the_broker_walks_few_batches_however_long_it_runs(drivers: int) -> None:
    # A batch costs some 10 to 40 ns to walk past; with 64 partitions and an actor a core 300 drivers came to 31 million
    # a second.
    assert batches_walked_per_s(drivers, 2) < 4e6


def test_a_scenarios_rate_counts_samples_scale_and_all_who_drive() -> None:
    network = NetworkSource(extract="liechtenstein")
    assert Scenario(network=network, fleet=FleetMix(size=300)).positions_per_s == 300
    assert Scenario(network=network, fleet=FleetMix(size=300), sample_hz=2.0, time_scale=10.0).positions_per_s == 6000
    coming = Scenario.from_toml(
        '[network]\nextract = "liechtenstein"\n[arrivals]\nprocess = "poisson"\nper_second = 2.0\n', "coming.toml"
    )
    assert coming.positions_per_s == 1200
