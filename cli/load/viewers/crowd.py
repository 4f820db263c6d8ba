"""The viewers of one process on one event loop: their plans by timers, totals once a second.

The loop's own lateness is measured beside: a generator that is late makes every frame look late.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence

from cli.load.viewers.plan import Manner, Step, Storm, ViewerPlan
from cli.load.viewers.tally import READ_ALL, Group, StormTally, Totals, as_array
from cli.load.viewers.watcher import Sightings, Surroundings, Watcher
from engine.latency.meter import Meter, Segment

ACCOUNT_S = 1.0
LAG_EVERY_S = 0.05


class Crowd:
    """Viewers at work.

    Parameters
    ----------
    plans : what each of them does.
    storms : seconds after the beginning at which some lose their connections.
    from_s : what was seen in the first seconds is left out of the totals.

    Attributes
    ----------
    meter : ages of positions at viewers that read every frame; the publisher of measurements takes them.
    """

    def __init__(
        self, plans: Sequence[ViewerPlan], around: Surroundings, storms: Sequence[Storm] = (), from_s: float = 0.0
    ) -> None:
        self.around, self.meter = around, Meter()
        self._storms, self._from_s = storms, from_s
        self._groups = {manner: Group() for manner in Manner}
        self._sightings = {manner: Sightings() for manner in Manner}
        self._watchers = [
            Watcher(plan, around, self._groups[plan.manner], self._sightings[plan.manner]) for plan in plans
        ]
        for watcher in self._watchers:
            self._groups[watcher.plan.manner].viewers += 1
        self._swept: list[StormTally] = []
        self._totals = Totals()
        self._base = None if from_s > 0 else {manner: Group() for manner in Manner}
        self._base_cpu_s = self._began_s = 0.0
        self._ended = False

    @property
    def stalled(self) -> int:
        """How many have stopped reading for a long time."""
        return sum(watcher.is_stalled for watcher in self._watchers)

    async def run(
        self, duration_s: float | None, asked_to_end: asyncio.Event, account: Callable[[Totals], None] = lambda _: None
    ) -> Totals:
        """Let all viewers watch for a while, and return what they have seen.

        Parameters
        ----------
        duration_s : from now; None until an end is requested.
        account : called once a second with the totals so far.
        """
        loop = asyncio.get_running_loop()
        self._began_s, self._base_cpu_s = loop.time(), time.process_time()
        timers = [loop.create_task(self._measure_lag())]
        for watcher in self._watchers:
            self._next_step(watcher, watcher.plan.steps())
        for storm in self._storms:
            loop.call_at(self._began_s + storm.at_s, self.sweep, storm)
        try:
            while not asked_to_end.is_set() and (duration_s is None or loop.time() - self._began_s < duration_s):
                left_s = ACCOUNT_S if duration_s is None else min(ACCOUNT_S, duration_s - (loop.time() - self._began_s))
                await _wait(asked_to_end, left_s)
                account(self._settle())
        finally:
            self._ended = True
            for task in timers:
                task.cancel()
            await asyncio.gather(*timers, return_exceptions=True)
            for watcher in self._watchers:
                await watcher.end()
            await asyncio.sleep(0)
        return self._totals

    def sweep(self, storm: Storm) -> None:
        """Let all viewers that a storm takes lose their connections now."""
        tally = StormTally(asyncio.get_running_loop().time() - self._began_s)
        self._swept.append(tally)
        for watcher in self._watchers:
            if storm.takes(watcher.plan):
                watcher.be_swept(tally)

    def _next_step(self, watcher: Watcher, steps: Iterator[Step]) -> None:
        step = next(steps, None)
        if step is not None:  # one that never pans looks once
            asyncio.get_running_loop().call_at(self._began_s + step.at_s, self._do, watcher, step, steps)

    def _do(self, watcher: Watcher, step: Step, steps: Iterator[Step]) -> None:
        if not self._ended:
            watcher.take(step)
            self._next_step(watcher, steps)

    def _settle(self) -> Totals:
        """Count what was seen in the last second, and return the totals so far."""
        for manner, seen in self._sightings.items():
            due_ms, seen_ms = as_array(seen.due_ms), as_array(seen.seen_ms)
            if len(due_ms):
                self._groups[manner].ages.add((seen_ms - due_ms) * 1000)
                if manner in READ_ALL and self.around.shown_run is not None:
                    self.meter.measure(self.around.shown_run, Segment.VIEWED, due_ms, seen_ms)
            self._groups[manner].delays.add([delay_ms * 1000 for delay_ms in seen.delays_ms])
            seen.due_ms, seen.seen_ms, seen.delays_ms = [], [], []
        passed_s = asyncio.get_running_loop().time() - self._began_s
        if self._base is None and passed_s >= self._from_s:
            self._base, self._base_cpu_s = (
                {manner: group.copy() for manner, group in self._groups.items()},
                time.process_time(),
            )
            self._totals.lags.counts[:] = 0
            self._from_s = passed_s
        base = self._base or self._groups
        self._totals.seconds = max(0.0, passed_s - self._from_s)
        self._totals.groups = {manner: group.since(base[manner]) for manner, group in self._groups.items()}
        self._totals.storms = self._swept
        self._totals.cpu_s = time.process_time() - self._base_cpu_s if self._base else 0.0
        return self._totals

    async def _measure_lag(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + LAG_EVERY_S
            await asyncio.sleep(LAG_EVERY_S)
            self._totals.lags.add([max(0.0, loop.time() - due_s) * 1e6])


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await event.wait()
    except TimeoutError:
        pass
