"""A delivery's spec follows from seed and ids alone."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from engine.delivery.spec import DeliverySpec, make_spec
from engine.errors import InvalidInput
from engine.motion.building import VehicleClass

WORDS: dict[str, Any] = {"delivery_id": "d", "driver_id": "v", "client_id": "c", "run_id": "r", "route_id": "1"}


def made(driver_id: str = "v", depart_ms: int = 1_000_000, **more: Any) -> DeliverySpec:
    return make_spec(**{**WORDS, "driver_id": driver_id, "depart_ms": depart_ms, "period_ms": 1000, "seed": 1, **more})


def test_a_driver_keeps_its_phase_and_departs_within_one_period() -> None:
    phases = set()
    for depart_ms in range(1_000_000, 1_003_000, 137):
        spec = made(depart_ms=depart_ms)
        assert depart_ms <= spec.depart_ms < depart_ms + 1000
        phases.add(spec.depart_ms % 1000)
    assert len(phases) == 1
    assert len({made(f"v{i}").depart_ms % 1000 for i in range(200)}) > 150


def test_paces_are_spread_below_one() -> None:
    paces = [made(f"v{i}", pace_spread=0.3).pace for i in range(500)]
    assert 0.7 < min(paces) < 0.72
    assert 0.98 < max(paces) <= 1
    assert made(pace_spread=0.0).pace == 1.0


def test_a_spec_pickles_and_takes_a_vehicle_by_its_name() -> None:
    spec = made(vehicle="truck")
    assert spec.vehicle is VehicleClass.TRUCK
    assert pickle.loads(pickle.dumps(spec)) == spec


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("delivery_id", "a b", "delivery_id must be 1 to 96 characters"),
        ("route_id", "", "route_id must be 1 to 96 characters"),
        ("vehicle", "boat", "vehicle must be one of bicycle, motorcycle, car, van, truck, found 'boat'"),
        ("depart_ms", -1, "depart_ms must be an integer from 0 to 9000000000000, found -1"),
        ("depart_ms", 1.5, "depart_ms must be an integer from 0 to 9000000000000, found 1.5"),
        ("depart_ms", 8_640_000_000_000_000, "found 8640000000000000"),
        ("period_ms", 0, "period_ms must be an integer from 1 to 9000000000000, found 0"),
        ("pace", 0.0, r"pace must be in \(0, 1\], found 0.0"),
        ("pace", 1.1, r"pace must be in \(0, 1\], found 1.1"),
        ("pace", float("nan"), r"pace must be in \(0, 1\], found nan"),
    ],
)
def test_a_spec_that_cannot_be_is_refused(field: str, value: object, message: str) -> None:
    good: dict[str, Any] = {**WORDS, "vehicle": VehicleClass.CAR, "depart_ms": 0, "period_ms": 1000, "pace": 1.0}
    with pytest.raises(InvalidInput, match=message):
        DeliverySpec(**{**good, field: value})
