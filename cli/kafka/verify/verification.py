"""A verification: the topic is read up to now, then the stores, and they are compared.

If something is wrong and there is time, they are read again. The stores are read after the topic, so before a run's end
they may hold more than the topic did, and less only if something is wrong.
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
"""Pause before the stores are read again, s; as long as the last reading took, if that was longer."""


class CannotVerify(RuntimeError):
    """A place could not be read.

    Attributes
    ----------
    place : its name.
    reason : why it could not be read.
    """

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place} cannot be read: {reason}")
        self.place, self.reason = place, reason

    def __reduce__(self) -> tuple[type[CannotVerify], tuple[str, str]]:
        return type(self), (self.place, self.reason)


class Watcher(Protocol):
    """A display of the reading's progress."""

    def begins(self, place: str, total: int | None) -> Progress:
        """Show that a place is read, of `total` records if that is known; return what takes each chunk's size."""

    def waits(self, verdict: Verdict, left_s: float) -> None:
        """Show that something is not equal yet, and that the places will be read again."""


AllPositions = Callable[[], Awaitable[AsyncIterator[PositionColumns] | None]]
"""Returns every position that a state store keeps, or None if it keeps none of the run."""


class Silent:
    """A watcher that shows nothing."""

    def begins(self, place: str, total: int | None) -> Progress:  # noqa: ARG002 - the protocol's names
        """Show nothing."""
        return lambda _: None

    def waits(self, verdict: Verdict, left_s: float) -> None:
        """Show nothing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a verification.

    Attributes
    ----------
    state : the run's newest state; None if it is unknown.
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
    """Compare the positions of a run in the topic and in the stores.

    Parameters
    ----------
    kafka : None if there is no topic to read; then the stores are compared with each other and with the final events
        that the state store knows.
    all_in_state : absent if the state store is of a kind that keeps the newest positions only.
    wait_s : how long the places may be read again until they are equal.

    Raises
    ------
    CannotVerify : a place could not be read, or the run is unknown.
    """
    watcher = watcher or Silent()
    deadline = time.monotonic() + wait_s
    # Kafka is read outside of the event loop, so that Ctrl-C ends that at once.
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
        with _named("topic"):
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
    with _named("topic"):
        topic = TopicPlace(kafka, run_id)
    with contextlib.closing(topic):
        yield topic


def _called(runner: asyncio.Runner, place: str, call: Coroutine[Any, Any, T]) -> T:
    with _named(place):
        return runner.run(call)


@contextlib.contextmanager
def _named(place: str) -> Iterator[None]:
    """Give the errors of a place its name."""
    try:
        yield
    except (StoreError, TopicUnreadable) as error:
        raise CannotVerify(place, str(error)) from error
