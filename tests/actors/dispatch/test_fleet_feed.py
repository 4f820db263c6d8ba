from __future__ import annotations

import tracemalloc

from actors.dispatch.actor_layout import ActorLayout
from actors.dispatch.fleet_feed import FleetFeed, HandedOut
from actors.dispatch.journal import Table, reduced
from actors.dispatch.plan import RunPlan
from engine.delivery.spec import DeliverySpec
from engine.motion.vehicle import VehicleClass

PLAN = RunPlan("run", "test", 1, 1000, 1.0, 3, ActorLayout(3, 1, 0.1))


def made(start_ms: int) -> list[DeliverySpec]:
    return [
        DeliverySpec(f"run-{n}", f"courier-{n % 3}", "c", "run", "road", VehicleClass.CAR, start_ms + 1000 * n, 1000)
        for n in range(12)
    ]


def feed() -> FleetFeed:
    return FleetFeed(PLAN, lambda start_ms: iter(made(start_ms)), block=4)


def test_deliveries_are_taken_as_they_depart_each_on_its_drivers_actor() -> None:
    fleet = feed()
    fleet.begin(0)
    assert [placed.spec.delivery_id for placed in fleet.take(3_500, 100)] == ["run-0", "run-1", "run-2", "run-3"]
    assert [(placed.number, placed.actor) for placed in fleet.take(1e9, 3)] == [
        (4, "driver-1"),
        (5, "driver-2"),
        (6, "driver-0"),
    ]
    fleet.stop()
    assert fleet.is_exhausted
    assert fleet.take(1e9, 100) == []


def test_blocks_that_have_finished_leave_the_journal_in_order() -> None:
    fleet, table = feed(), Table()
    fleet.begin(0)
    fleet.take(1e9, 100)

    def finish(*numbers: int) -> Table:
        return reduced([*table.items(), *fleet.finish(numbers)])

    table = finish(0, 5)
    assert table == {"fleet/0": {"bits": "1"}, "fleet/1": {"bits": "2"}}
    table = finish(4, 6, 7)
    assert table == {"fleet/0": {"bits": "1"}, "fleet/1": {"bits": "f"}}, "a whole block waits for the one before it"
    table = finish(1, 2, 3, 9)
    assert table == {"fleet": {"count": 12, "blocks": 2}, "fleet/2": {"bits": "2"}}
    assert [number for number in range(12) if not fleet.has_finished(number)] == [8, 10, 11]


def test_a_feed_that_starts_over_is_where_the_last_one_was() -> None:
    first, second = feed(), feed()
    first.begin(0)
    taken = first.take(1e9, 7)
    table = reduced([first.change(), *first.finish([0, 1, 2, 3, 5])])
    second.begin(0)
    assert second.replay(table) == taken
    assert [second.has_finished(number) for number in range(7)] == [True, True, True, True, False, True, False]
    assert [placed.number for placed in second.take(1e9, 100)] == [7, 8, 9, 10, 11]
    assert second.change() == ("fleet", {"count": 12, "blocks": 1})


def test_it_is_known_which_deliveries_were_handed_out() -> None:
    fleet = feed()
    fleet.begin(0)
    fleet.take(1e9, 4)
    assert [fleet.has_handed_out(f"run-{n}") for n in (0, 3, 4)] == [True, True, False]


def test_a_drivers_last_delivery_stands_for_those_before_it_and_takes_no_more_room() -> None:
    handed_out = HandedOut("run")
    for delivery_id in ("run-7-0", "run-7-1", "run-a3", "other-7-2"):
        handed_out.add(delivery_id)
    for delivery_id, is_known in {
        "run-7-0": True,
        "run-7-1": True,
        "run-7-2": False,
        "run-8-0": False,
        "run-07-0": False,
        "run-7": False,
    }.items():
        assert (delivery_id in handed_out) == is_known, delivery_id
    for delivery_id, is_known in {
        "run-a3": True,
        "run-a2": False,
        "other-7-2": True,
        "other-7-1": False,
        "7-0": False,
    }.items():
        assert (delivery_id in handed_out) == is_known, delivery_id
    tracemalloc.start()
    for n in range(20_000):
        handed_out.add(f"run-7-{n}")
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 10_000
