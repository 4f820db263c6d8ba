"""What publishers over a producer with a bounded queue have in common.

They number handovers, count what is settled, and wait while the queue is full. How records are handed over and how
acknowledgements come back differs, and is theirs.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from actors.producing.options import Options
from actors.producing.producer_figures import ProducerFigures
from actors.producing.publisher import Counts, Refusals, Tally

WAIT_S = 0.05
"""One wait for a place in a producer's queue."""

_QUEUE_RECORDS = 100_000


class Handover:
    """Records handed over together that have not all settled.

    Attributes
    ----------
    number : of the call of `publish` that they belong to.
    left : how many have not settled.
    """

    __slots__ = ("left", "number")

    def __init__(self, number: int, left: int) -> None:
        self.number, self.left = number, left


HandoverT = TypeVar("HandoverT", bound=Handover)


class QueuedPublisher(ABC, Generic[HandoverT]):
    """The numbering, the counting and the waiting of a publisher with one producer of its own.

    Used by one thread, which alone fills the queue: a free place that was seen is still there when it is used, so no
    record is refused in mid-batch and none overtakes another.

    Parameters
    ----------
    options : of the producer, see `actors.producing.options.producer_options`.

    Attributes
    ----------
    queue_records : how many records the producer's queue holds, as far as this class knows; with too large a number
        the producer refuses records, which are offered again.
    """

    def __init__(self, options: Options) -> None:
        report = options.get("error_cb")
        self._report: Callable[[object], object] = report if callable(report) else lambda _error: None
        self.queue_records = int(str(options.get("queue.buffering.max.messages", _QUEUE_RECORDS)))
        #: In the order of their numbers.
        self._on_the_way: deque[HandoverT] = deque()
        self._number = 0
        self._waited_s = 0.0
        self._tally, self._refusals = Tally(), Refusals()
        self._figures: ProducerFigures | None = None

    @property
    def counts(self) -> Counts:
        """Positions so far."""
        return self._tally.counts

    @property
    def waited_s(self) -> float:
        """Seconds so far spent waiting for a place in the queue."""
        return self._waited_s

    @property
    def settled(self) -> int:
        """Newest number up to which everything has arrived."""
        return self._on_the_way[0].number - 1 if self._on_the_way else self._number

    @property
    @abstractmethod
    def unacknowledged(self) -> int:
        """Records that have not arrived."""

    @property
    def figures(self) -> ProducerFigures | None:
        """The producer's figures of its last period."""
        return self._figures

    def poll(self) -> None:
        """Take note of acknowledgements."""
        self._serve(0)
        while self._on_the_way and not self._on_the_way[0].left:
            self._on_the_way.popleft()

    @abstractmethod
    def _serve(self, wait_s: float) -> None:
        """Take the producer's reports, waiting for the first one at most `wait_s`."""

    def _parts(self, count: int) -> Iterator[slice]:
        """Yield the parts in which `count` records are handed over, each once the queue has the places.

        A part is at most a quarter of the queue.
        """
        step = max(1, self.queue_records // 4)
        for start in range(0, count, step):
            part = slice(start, min(start + step, count))
            self._await_places(part.stop - part.start)
            yield part

    def _await_places(self, count: int) -> None:
        while self.unacknowledged + count > self.queue_records:
            self._wait()

    def _wait(self) -> None:
        """Wait a little for a place in the queue."""
        begun = time.monotonic()
        self._serve(WAIT_S)
        self._waited_s += time.monotonic() - begun

    def _take_statistics(self, statistics: str | bytes) -> None:
        """Note and log the producer's figures."""
        self._figures = ProducerFigures.of(statistics)
        self._figures.log()
