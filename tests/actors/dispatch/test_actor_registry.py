from __future__ import annotations

from actors.dispatch.actor_registry import Coverage, Hosts
from actors.driving.adopted import Charges
from actors.driving.assignment import Checkpoint, DriverStatus, Finished
from actors.producing.publisher import Counts
from engine.delivery.spec import DeliverySpec
from engine.latency.histogram import Histogram
from engine.latency.latencies import Latencies
from engine.messages import DeliveryEvent, EventKind


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


def take(hosts: Hosts, told: DriverStatus) -> None:
    if hosts["a"].is_new(told):
        hosts["a"].begin_incarnation(told.incarnation)
    hosts["a"].take(told)


def test_a_position_that_two_incarnations_have_sent_counts_once() -> None:
    hosts = Hosts(["a"])
    take(hosts, status("i", 100, 90))
    assert hosts.totals == Counts(100, 90, 0)
    take(hosts, status("j", 0, 0, resumed=80))
    assert hosts.totals == Counts(80, 80, 0), "what was under way when it died is not known to be anywhere"
    take(hosts, status("j", 40, 40, resumed=80))
    assert hosts.totals == Counts(120, 120, 0)


def test_what_was_refused_stays_refused() -> None:
    hosts = Hosts(["a"])
    take(hosts, status("i", 100, 98, failed=2))
    take(hosts, status("j", 10, 9, failed=1, resumed=100))
    assert hosts.totals == Counts(110, 107, 3)


def test_a_successor_counts_on_whether_the_actor_lives_or_not() -> None:
    hosts, alive, reborn = Hosts(["a"]), Hosts(["a"]), Hosts(["a"])
    take(hosts, status("i", 100, 98, failed=2))
    hosts["a"].within = hosts["a"].within.plus(60)
    table = dict(change for change in hosts.changes(["a"]) if change[1] is not None)
    assert hosts.changes(["a"]) == []
    for successor in (alive, reborn):
        successor.replay(table)  # type: ignore[arg-type]
        assert successor.totals == Counts(60, 58, 2), "before anything is heard: what has finished"
    take(alive, status("i", 120, 118, failed=2))
    assert alive.totals == Counts(120, 118, 2)
    take(reborn, status("j", 30, 30, resumed=38))
    assert reborn.totals == Counts(128, 126, 2)


def test_a_checkpoint_covers_what_the_actor_had_when_it_was_made() -> None:
    hosts = Hosts(["a"])
    host = hosts["a"]
    host.unsettled.extend([(1, Coverage(-1, 0, 0)), (2, Coverage(-1, 10, 3))])
    take_without_batches = status("i", 0, 0, checkpoint=Checkpoint(5_000, 1))
    host.incarnation, host.status = "i", take_without_batches
    host.cover(20, 5)
    assert host.coverage == Coverage(5_000, 10, 3)
    host.status = status("i", 0, 0, checkpoint=Checkpoint(6_000, 2))
    host.cover(20, 5)
    assert host.coverage == Coverage(6_000, 20, 5)
    host.begin_incarnation("j")
    host.unsettled.append((3, Coverage()))
    host.status = status("j", 0, 0, checkpoint=Checkpoint(7_000, 2))
    host.cover(30, 5)
    assert host.coverage == Coverage(6_000, 20, 5), "nothing is covered before the new process has everything"


def test_a_delivery_that_had_ended_before_it_was_taken_over_counts_what_it_has() -> None:
    charges = Charges()
    specs = [DeliverySpec(name, "driver", "c", "run", "road", "car", 0, 1000) for name in ("short", "long")]
    charges.take_over(specs, {"short": 50, "long": 7})
    assert charges.resumed == 57
    for name, positions in (("short", 41), ("long", 20)):
        charges.end(
            DeliveryEvent(name, "run", "road", "c", "driver", "car", EventKind.DELIVERED, 1, 5, positions=positions)
        )
    assert charges.resumed == 48


def test_lateness_is_that_of_all_actors_and_a_report_has_what_is_new() -> None:
    hosts = Hosts(["a"])
    take(hosts, status("i", 2, 2, lateness_us=(1_000.0, 2_000.0)))
    assert hosts.lateness_since_last_report().total == 2
    take(hosts, status("i", 3, 3, lateness_us=(1_000.0, 2_000.0, 700.0)))
    assert hosts.lateness_since_last_report().percentile_us(50) == 700
    assert hosts.lateness_since_last_report().total == 0
    take(hosts, status("j", 1, 1, lateness_us=(40.0,)))
    assert hosts.lateness_since_last_report().percentile_us(50) == 40, "a new process counts from 0"
    take(hosts, status("j", 1, 1, lateness_us=(40.0,)))
    assert hosts.lateness().total == 1
