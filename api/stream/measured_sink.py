"""A sink whose positions are measured on their way through it; the sink itself knows nothing of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from api.measuring.metering import Station
from api.stream.intake import Intake
from api.stream.sinks import Sink, SinkTraits, rows_by_run
from engine.latency.meter import Segment
from engine.messages import DeadLetter, Topic


class MeasuredSink:
    """Hands everything on to a sink, and measures when positions come and when they are stored.

    A position is measured each time it passes: one that was sent twice, or that another process has read before, counts
    twice. A write that is made again after an error counts once, when it has succeeded.

    Parameters
    ----------
    stored : what the end of a write means: `Segment.STORED` or `Segment.INDEXED`.
    reads : whether this sink's reading counts as consumption. One sink of a process does: two of them read every
        position, at nearly the same time.
    """

    def __init__(self, sink: Sink, station: Station, stored: Segment, *, reads: bool) -> None:
        self._sink, self._station, self._stored, self._reads = sink, station, stored, reads

    @property
    def traits(self) -> SinkTraits:
        """Those of the sink."""
        return self._sink.traits

    def note(self, intake: Intake) -> None:
        """Measure what a poll brought as consumed, if this sink's reading counts."""
        self._sink.note(intake)
        self._station.hear(intake.runs)
        if self._reads:
            self._measure(Segment.CONSUMED, intake.positions.run_id, intake.positions.event_time_ms)

    async def write(self, intake: Intake) -> list[DeadLetter]:
        """Have facts stored, and measure those that the store has taken."""
        letters = await self._sink.write(intake)
        run_id, event_time_ms = intake.positions.run_id, intake.positions.event_time_ms
        refused = {(letter.partition, letter.offset) for letter in letters if letter.topic == Topic.NEW_POSITION}
        if refused:
            taken = np.array(
                [(record.partition() or 0, record.offset() or 0) not in refused for record in intake.position_records]
            )
            run_id, event_time_ms = run_id[taken], event_time_ms[taken]
        self._measure(self._stored, run_id, event_time_ms)
        return letters

    def _measure(self, segment: Segment, run_ids: NDArray[np.bytes_], event_time_ms: NDArray[np.int64]) -> None:
        for run_id, rows in rows_by_run(run_ids):
            self._station.measure(run_id, segment, event_time_ms if len(rows) == len(run_ids) else event_time_ms[rows])
