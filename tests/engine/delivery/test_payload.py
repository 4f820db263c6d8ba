"""Records can be made larger, and stay what they are for any reader."""

from __future__ import annotations

import json
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest

import engine.codec.decoder
from engine.codec import MAX_RECORD_BYTES, decode_positions
from engine.delivery.simulation import FleetSimulation
from engine.delivery.spec import MAX_PAYLOAD_BYTES, DeliverySpec
from engine.errors import InvalidInput
from engine.motion.vehicle import VehicleClass
from engine.roads.route import Route
from engine.scenario.scenario import Scenario

ROUTE = Route.from_points("a", "", [47.0, 47.004], [9.5, 9.5])


def values(*sizes: int) -> list[bytes]:
    made = FleetSimulation("run")
    made.define_routes([ROUTE])
    made.add(
        [
            DeliverySpec(f"d-{i}", "v", "c", "run", "a", VehicleClass.CAR, 1000, 100, payload_bytes=size)
            for i, size in enumerate(sizes)
        ]
    )
    return made.advance(5_000).values


@pytest.mark.parametrize("size", [0, 1, 257, 512, 1001, MAX_PAYLOAD_BYTES])
def test_a_record_is_filled_up_to_its_size_and_reads_the_same(size: int) -> None:
    plain, large = values(0), values(size)
    assert {len(value) for value in large} == {max(len(plain[0]), -(-size // 8) * 8)}
    assert [json.loads(value) for value in large] == [json.loads(value) for value in plain]


@pytest.mark.parametrize("size", [0, 512, MAX_PAYLOAD_BYTES])
def test_large_records_are_read_as_a_matrix(size: int) -> None:
    with patch.object(engine.codec.decoder, "_decode_singles", side_effect=AssertionError("read one by one")):
        found = decode_positions(values(size))
    wanted = decode_positions(values(0))
    assert found.rejected == []
    assert found.batch.seq.tolist() == wanted.batch.seq.tolist()
    assert np.array_equal(found.batch.lat_deg, wanted.batch.lat_deg)


def test_sizes_may_be_mixed_and_the_greatest_is_what_a_reader_takes() -> None:
    mixed = values(0, 700, 400)
    assert len({len(value) for value in mixed}) == 3
    assert decode_positions(mixed).rejected == []
    assert MAX_PAYLOAD_BYTES == MAX_RECORD_BYTES
    one = DeliverySpec("d", "v", "c", "run", "a", VehicleClass.CAR, 0, 100)
    with pytest.raises(InvalidInput, match="payload_bytes must be an integer from 0 to 16384, found 16385"):
        replace(one, payload_bytes=16385)
    assert (
        Scenario.from_toml("payload_bytes = 800\n[routes]\nancestor = true\n[fleet]\nsize = 1", "x").payload_bytes
        == 800
    )
