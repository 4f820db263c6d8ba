from __future__ import annotations

from actors.dispatch.actor_registry import ActorRegistry, Coverage
from actors.driving.adopted import Adopted
from actors.driving.assignment import Checkpoint, DriverStatus, Finished
from actors.producing.publisher import Counts
from engine.delivery.spec import DeliverySpec
from engine.latency.histogram import Histogram
from engine.latency.latencies import Latencies
from engine.messages import DeliveryEvent, EventKind
from engine.motion.vehicle import VehicleClass


def status(
    incarnation: str,
    produced: int,
    acked: int,
    *,
    failed: int = 0,
    resumed: int = 0,
    checkpoint: Checkpoint | None = None,
    lateness_us: tuple[float, ...] = (),
) -> DriverStatus:
    finished: tuple[Finished, ...] = ()
    lateness = Histogram()
    lateness.add(lateness_us)
    return DriverStatus(
        "a",
        incarnation,
        1,
        5,
        checkpoint,
        1,
        resumed,
        Counts(produced, acked, failed),
        Latencies.of(lateness),
        0,
        finished,
    )


def take(registry: ActorRegistry, told: DriverStatus) -> None:
    if registry["a"].is_new(told):
        registry["a"].begin_incarnation(told.incarnation)
    registry["a"].take(told)


def test_a_position_that_two_incarnations_have_sent_counts_once() -> None:
    registry = ActorRegistry(["a"])
    take(registry, status("i", 100, 90))
    assert registry.totals == Counts(100, 90, 0)
    take(registry, status("j", 0, 0, resumed=80))
    assert registry.totals == Counts(80, 80, 0), "what was under way when it died is not known to be anywhere"
    take(registry, status("j", 40, 40, resumed=80))
    assert registry.totals == Counts(120, 120, 0)


def test_what_was_refused_stays_refused() -> None:
    registry = ActorRegistry(["a"])
    take(registry, status("i", 100, 98, failed=2))
    take(registry, status("j", 10, 9, failed=1, resumed=100))
    assert registry.totals == Counts(110, 107, 3)


def test_a_successor_counts_on_whether_the_actor_lives_or_not() -> None:
    registry, alive, reborn = ActorRegistry(["a"]), ActorRegistry(["a"]), ActorRegistry(["a"])
    take(registry, status("i", 100, 98, failed=2))
    registry["a"].within = registry["a"].within.plus(60)
    table = dict(change for change in registry.changes(["a"]) if change[1] is not None)
    assert registry.changes(["a"]) == []
    for successor in (alive, reborn):
        successor.replay(table)  # type: ignore[arg-type]
        assert successor.totals == Counts(60, 58, 2), "before anything is heard: what has finished"
    take(alive, status("i", 120, 118, failed=2))
    assert alive.totals == Counts(120, 118, 2)
    take(reborn, status("j", 30, 30, resumed=38))
    assert reborn.totals == Counts(128, 126, 2)


def test_a_checkpoint_covers_what_the_actor_had_when_it_was_made() -> None:
    registry = ActorRegistry(["a"])
    registered = registry["a"]
    registered.unsettled.extend([(1, Coverage(-1, 0, 0)), (2, Coverage(-1, 10, 3))])
    take_without_batches = status("i", 0, 0, checkpoint=Checkpoint(5_000, 1))
    registered.incarnation, registered.status = "i", take_without_batches
    registered.cover(20, 5)
    assert registered.coverage == Coverage(5_000, 10, 3)
    registered.status = status("i", 0, 0, checkpoint=Checkpoint(6_000, 2))
    registered.cover(20, 5)
    assert registered.coverage == Coverage(6_000, 20, 5)
    registered.begin_incarnation("j")
    registered.unsettled.append((3, Coverage()))
    registered.status = status("j", 0, 0, checkpoint=Checkpoint(7_000, 2))
    registered.cover(30, 5)
    assert registered.coverage == Coverage(6_000, 20, 5), "nothing is covered before the new process has everything"


def test_a_delivery_that_had_ended_before_it_was_taken_over_counts_what_it_has() -> None:
    adopted = Adopted()
    specs = [DeliverySpec(name, "driver", "c", "run", "road", VehicleClass.CAR, 0, 1000) for name in ("short", "long")]
    adopted.take_over(specs, {"short": 50, "long": 7})
    assert adopted.resumed == 57
    for name, positions in (("short", 41), ("long", 20)):
        adopted.end(
            DeliveryEvent(name, "run", "road", "c", "driver", "car", EventKind.DELIVERED, 1, 5, positions=positions)
        )
    assert adopted.resumed == 48


def test_lateness_is_that_of_all_actors_and_a_report_has_what_is_new() -> None:
    registry = ActorRegistry(["a"])
    take(registry, status("i", 2, 2, lateness_us=(1_000.0, 2_000.0)))
    assert registry.lateness_since_last_report().total == 2
    take(registry, status("i", 3, 3, lateness_us=(1_000.0, 2_000.0, 700.0)))
    assert registry.lateness_since_last_report().percentile_us(50) == 700
    assert registry.lateness_since_last_report().total == 0
    take(registry, status("j", 1, 1, lateness_us=(40.0,)))
    assert registry.lateness_since_last_report().percentile_us(50) == 40, "a new process counts from 0"
    take(registry, status("j", 1, 1, lateness_us=(40.0,)))
    assert registry.lateness().total == 1
