"""A delivery's story: what the dispatcher's bounded log keeps, and what it says of a delivery's life."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

from actors.dispatch.delivery_log import ENTRIES_PER_DELIVERY, FIRST_ENTRIES, RUN_ENTRIES, DeliveryLog
from engine.messages import MAX_STORY_DETAIL, ControlRun, DeliveryStory, StartDelivery, StoryKind


def log_of(max_entries: int = 1_000) -> DeliveryLog:
    return DeliveryLog(lambda now_ms: int(now_ms) + 5, max_entries)


def details(log: DeliveryLog, delivery_id: str) -> list[str]:
    return [entry.detail for entry in log.story(delivery_id)[0]]


def test_entries_have_both_instants_and_the_runs_own_are_among_them() -> None:
    log = log_of()
    log.note_run("before", 900.0)
    log.note("d", StoryKind.PLACED, "on driver-0", 1_000.0)
    log.note_run("paused", 1_500.0)
    log.note("d", StoryKind.FINISHED, "3 positions", 2_000.0)
    log.end("d")
    log.note_run("after", 2_500.0)
    assert [entry.to_json() for entry in log.story("d")[0]] == [
        {"wallMs": 1_000, "virtualMs": 1_005, "kind": "placed", "detail": "on driver-0"},
        {"wallMs": 1_500, "virtualMs": 1_505, "kind": "run", "detail": "paused"},
        {"wallMs": 2_000, "virtualMs": 2_005, "kind": "finished", "detail": "3 positions"},
    ]
    assert log.story("nobody") == ([], 0)


def test_a_delivery_with_too_many_entries_keeps_its_first_and_its_newest() -> None:
    log, count = log_of(), ENTRIES_PER_DELIVERY + 10
    for number in range(count):
        log.note("d", StoryKind.STEERED, str(number), number)
    kept = [*range(FIRST_ENTRIES), *range(FIRST_ENTRIES + 10, count)]
    assert (details(log, "d"), log.story("d")[1], len(log)) == (list(map(str, kept)), 10, ENTRIES_PER_DELIVERY)


def test_what_ended_is_dropped_first_and_then_what_was_quiet_longest() -> None:
    log = log_of(max_entries=4)
    for number, delivery_id in enumerate(["early", "ended", "late", "early"]):
        log.note(delivery_id, StoryKind.PLACED, "on driver-0", number)
    log.end("ended")
    log.note("new", StoryKind.PLACED, "on driver-0", 5)
    assert [one in log for one in ("early", "ended", "late", "new")] == [True, False, True, True]
    log.note("newer", StoryKind.PLACED, "on driver-0", 6)
    assert [one in log for one in ("early", "late", "new", "newer")] == [True, False, True, True]


def test_a_full_log_stays_within_its_memory_and_the_longest_story_within_a_message() -> None:
    tracemalloc.start()
    log = DeliveryLog(lambda now_ms: int(now_ms))
    for number in range(60_000):
        log.note(f"{number:096d}", StoryKind.PLACED, f"{number}{'x' * 2 * MAX_STORY_DETAIL}", 1e12 + number)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(log) == 50_000
    assert size < 64 * 2**20
    for number in range(ENTRIES_PER_DELIVERY + 5):
        log.note("d", StoryKind.STEERED, "🚚" * 500, 2e12 + number)
    for number in range(RUN_ENTRIES + 5):
        log.note_run("🚚" * 500, 2e12 + number)
    entries, dropped = log.story("d")
    told = DeliveryStory("d", "run", "on_the_road", 1, None, [entry.to_json() for entry in entries], dropped)
    assert len(entries) == ENTRIES_PER_DELIVERY + RUN_ENTRIES
    assert DeliveryStory.from_json(told.to_json()) == told


def story(world: Any, delivery_id: str) -> DeliveryStory:
    """Ask over the request topic, and return the dispatcher's answer."""
    world.requests.put(ControlRun("run", "story", delivery_id))
    world.run(0.1)
    return next(fact for fact in reversed(world.facts.published) if isinstance(fact, DeliveryStory))


def kinds(told: DeliveryStory) -> list[str]:
    return [entry["kind"] for entry in told.entries or []]


def test_a_steered_delivery_and_a_restarted_actor_are_in_the_story(make_world: Callable[..., Any]) -> None:
    world = make_world(drivers=2, actors=2)
    world.run(20)
    world.requests.put(ControlRun("run", "pause", "run-1-0"), ControlRun("run", "scale", time_scale=2.0))
    world.run(5)
    world.crew.restart("driver-1")
    world.run(5)
    world.requests.put(ControlRun("run", "resume", "run-1-0"))
    world.run(1)
    told = story(world, "run-1-0")
    assert (told.run_id, told.status, told.actor, told.dropped) == ("run", "on_the_road", "driver-1", 0)
    assert kinds(told) == ["placed", "steered", "run", "confirmed", "resent", "confirmed", "steered", "confirmed"]
    told_of = [entry["detail"] for entry in told.entries or []]
    assert told_of[0].startswith("the fleet's delivery 1, on driver-1 in batch ")
    assert told_of[1].startswith("pause requested; steering 0, to hold from ")
    assert told_of[2] == "scale of 2 virtual seconds per second requested for the run"
    assert told_of[3].startswith("driver-1: steering 0 holds from ")
    assert "died" in told_of[4]
    assert "from position" in told_of[4]
    walls = [entry["wallMs"] for entry in told.entries or []]
    assert walls == sorted(walls)
    assert kinds(story(world, "run-0-0")) == ["placed", "run"], "another actor's delivery was not sent again"
    world.run(400)
    ended = story(world, "run-1-0")
    assert (ended.status, ended.actor, kinds(ended)[-1]) == ("finished", None, "finished")


def test_a_rejected_request_is_in_the_story_with_its_reason(make_world: Callable[..., Any]) -> None:
    world = make_world(drivers=1, actors=1)
    world.run(1)
    world.requests.put(StartDelivery("nowhere", "me", "d-1", vehicle="van"))
    world.run(1)
    waiting = story(world, "d-1")
    assert (waiting.status, kinds(waiting)) == ("waiting", ["requested", "waiting"])
    world.run(3)
    told = story(world, "d-1")
    assert (told.status, told.actor) == ("rejected", None)
    assert [(entry["kind"], entry["detail"]) for entry in told.entries or []] == [
        ("requested", "route nowhere for client me by van"),
        ("waiting", "waits for route nowhere"),
        ("rejected", 'route "nowhere" is unknown'),
    ]


def test_what_is_ignored_and_what_is_unknown_says_so(make_world: Callable[..., Any]) -> None:
    world = make_world(drivers=1, actors=1)
    world.run(1)
    world.requests.put(StartDelivery("road-0", "me", "d-1"), StartDelivery("road-0", "me", "d-1"))
    world.run(1)
    assert kinds(story(world, "d-1")) == ["requested", "placed", "ignored"]
    unknown = story(world, "nowhere")
    assert (unknown.status, unknown.entries) == ("unknown", [])
    world.requests.put(ControlRun("run", "cancel", "nowhere"))
    world.run(1)
    assert story(world, "nowhere").status == "unknown"
    world.requests.put(ControlRun("run", "cancel"))
    world.run(30)
    world.requests.put(ControlRun("run", "pause", "d-1"))
    told = story(world, "d-1")
    assert told.status == "finished"
    assert (told.entries or [])[-1]["detail"] == "pause requested; the run is cancelled"


def test_a_new_dispatcher_begins_the_story_with_what_the_journal_says(make_world: Callable[..., Any]) -> None:
    world = make_world(drivers=2, actors=2)
    world.requests.put(StartDelivery("nowhere", "me", "d-1"))
    world.run(1)
    world.restart_dispatcher()
    assert kinds(story(world, "d-1")) == ["recovered"]
    world.run(10)
    world.restart_dispatcher()
    world.run(0.2)
    told = story(world, "run-0-0")
    assert (told.status, kinds(told)) == ("on_the_road", ["recovered", "resent"])
    assert (told.entries or [])[0]["detail"].startswith("a new dispatcher found it in the journal: on driver-0, ")
    assert story(world, "d-1").status == "unknown", "a rejection is in delivery.event; the new log has none of it"
