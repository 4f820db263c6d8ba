"""The course of a verification: read the topic up to now, then the stores, compare, and if something is wrong and there is time, look again.

The stores are read after the topic, so while a run goes on they may hold more than the topic did, never rightly less.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from api.deps import Stores
from api.errors import StoreError
from api.stores.base import PositionColumns, Store
from cli.kafka.topic_reader import TopicUnreadable
from cli.kafka.verify.compare import Expectation, Place, Verdict, compare
from cli.kafka.verify.places import ENDED, Progress, TopicPlace, read_newest, read_positions
from engine.contract.kafka_connection import KafkaConnection

T = TypeVar("T")

PAUSE_S = 1.0
"""Before the stores are read again; as long as the last reading took, if that was longer."""


class CannotVerify(RuntimeError):
    """A place could not be read.

    Attributes
    ----------
    place : which one.
    reason : why.
    """

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place} cannot be read: {reason}")
        self.place, self.reason = place, reason

    def __reduce__(self) -> tuple[type[CannotVerify], tuple[str, str]]:
        return type(self), (self.place, self.reason)


class Watcher(Protocol):
    """Whoever shows how the reading goes."""

    def begins(self, place: str, total: int | None) -> Progress:
        """A place is about to be read, `total` records if that is known; return who is told of each chunk."""

    def waits(self, verdict: Verdict, left_s: float) -> None:
        """Something is not equal yet, and the places will be read again."""


AllPositions = Callable[[], Awaitable[AsyncIterator[PositionColumns] | None]]
"""Gives every position that a state store keeps, or None if it keeps none of the run."""


class Silent:
    """A watcher that shows nothing."""

    def begins(self, place: str, total: int | None) -> Progress:  # noqa: ARG002 - the protocol's names
        return lambda _: None

    def waits(self, verdict: Verdict, left_s: float) -> None:
        """Show nothing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verification's end.

    Attributes
    ----------
    state : of the run, as last heard; None if nothing was heard of it.
    """

    run_id: str
    state: str | None
    verdict: Verdict


def verify_run(
    run_id: str,
    stores: Stores,
    kafka: KafkaConnection | None,
    *,
    all_in_state: AllPositions | None = None,
    wait_s: float = 0.0,
    watcher: Watcher | None = None,
) -> Outcome:
    """Return whether topic and stores hold the same positions of a run.

    Parameters
    ----------
    kafka : None if there is no topic to read; then the stores are compared with each other and with the final events
        that the state store knows.
    all_in_state : absent if the state store is of a kind that keeps the newest positions only.
    wait_s : how long the places may be read again until they are equal.

    Raises
    ------
    CannotVerify : a place could not be read, or nothing is known of the run.
    """
    watcher = watcher or Silent()
    deadline = time.monotonic() + wait_s
    # Outside of the event loop Kafka is read, so that Ctrl-C ends that at once.
    with asyncio.Runner() as runner, _opened(runner, stores), _topic(kafka, run_id) as topic:
        while True:
            began = time.monotonic()
            outcome = _look(runner, run_id, stores, topic, all_in_state, watcher)
            left_s = deadline - time.monotonic()
            if outcome.verdict.is_equal or left_s <= 0:
                break
            watcher.waits(outcome.verdict, left_s)
            time.sleep(min(left_s, max(PAUSE_S, time.monotonic() - began)))
    return outcome


def _look(
    runner: asyncio.Runner,
    run_id: str,
    stores: Stores,
    topic: TopicPlace | None,
    all_in_state: AllPositions | None,
    watcher: Watcher,
) -> Outcome:
    places: list[Place] = []
    if topic is not None:
        with _told("topic"):
            topic.read(watcher.begins("topic", topic.mark()))
        places.append(topic.place())
    places.append(_called(runner, "history", _history(run_id, stores, watcher)))
    if all_in_state is not None and (kept := _called(runner, "mongodb", _kept(all_in_state, watcher))) is not None:
        places.append(kept)
    newest = _called(runner, "state", read_newest(stores.state, run_id, watcher.begins("state", None)))
    if topic is not None:
        state, expectation = topic.run.state if topic.run else None, topic.expectation()
    else:
        state, expectation = _called(runner, "state", _expectation(run_id, stores))
        expectation = replace(expectation, labels=_called(runner, "history", stores.history.faults(run_id)))
    verdict = compare(places, newest, expectation)
    if not verdict.deliveries and state is None:
        raise CannotVerify(
            "run", f'nothing is known of "{run_id}" in {", ".join(place.name for place in places)} and state'
        )
    return Outcome(run_id, state, verdict)


async def _history(run_id: str, stores: Stores, watcher: Watcher) -> Place:
    held = sum(holding.count for holding in (await stores.history.holdings(run_id)).values())
    return await read_positions("history", stores.history.positions(run_id), watcher.begins("history", held))


async def _kept(all_in_state: AllPositions, watcher: Watcher) -> Place | None:
    chunks = await all_in_state()
    return None if chunks is None else await read_positions("mongodb", chunks, watcher.begins("mongodb", None))


async def _expectation(run_id: str, stores: Stores) -> tuple[str | None, Expectation]:
    run = await stores.state.run(run_id)
    goes_on = run is not None and run.state not in ENDED
    return run.state if run else None, Expectation(await stores.state.ended(run_id), goes_on)


@contextlib.contextmanager
def _opened(runner: asyncio.Runner, stores: Stores) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for name, store in (("state", stores.state), ("history", stores.history)):
            _called(runner, name, store.open())
            stack.callback(_close, runner, store)
        yield


def _close(runner: asyncio.Runner, store: Store) -> None:
    runner.run(store.close())


@contextlib.contextmanager
def _topic(kafka: KafkaConnection | None, run_id: str) -> Iterator[TopicPlace | None]:
    if kafka is None:
        yield None
        return
    with _told("topic"):
        topic = TopicPlace(kafka, run_id)
    with contextlib.closing(topic):
        yield topic


def _called(runner: asyncio.Runner, place: str, call: Coroutine[Any, Any, T]) -> T:
    with _told(place):
        return runner.run(call)


@contextlib.contextmanager
def _told(place: str) -> Iterator[None]:
    """Give the errors of a place its name."""
    try:
        yield
    except (StoreError, TopicUnreadable) as error:
        raise CannotVerify(place, str(error)) from error
