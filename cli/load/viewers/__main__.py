"""``python -m cli.load.viewers``: the viewers of one process.

They watch until their time is over, SIGTERM or SIGINT; the last line of the output is one JSON object.

With ``--every-second`` there is such a line each second. SIGUSR1 is a storm at once.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Sequence

from cli.kafka.part_settings import api_settings, kafka_of
from cli.load.viewers.connection import live_address
from cli.load.viewers.crowd import Crowd
from cli.load.viewers.metrics_publisher import MetricsPublisher
from cli.load.viewers.options import Options, bounds_of
from cli.load.viewers.plan import Storm
from cli.load.viewers.tally import Totals
from cli.load.viewers.watcher import Surroundings
from engine.errors import InvalidInput

CANNOT_RUN = 2
EVERY_SECOND = "--every-second"


async def watch(options: Options, *, every_second: bool = False) -> Totals:
    """Let the viewers of one process watch, and return what they have seen.

    Raises
    ------
    InvalidInput : options out of their bounds, or no API where they say.
    """
    settings = api_settings()
    address = live_address(options.url)
    bounds = bounds_of(options.bounds, options.url, settings.key)
    plans = options.crowd(bounds).of_process(options.index, options.processes)
    crowd = Crowd(
        plans,
        Surroundings(address, settings.key, options.measure_every, options.run),
        options.storms,
        options.measured_from_s,
    )
    publisher = MetricsPublisher(kafka_of(settings, options.kafka), options.index) if options.kafka else None
    asked_to_end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked_to_end.set)
    loop.add_signal_handler(signal.SIGUSR1, crowd.sweep, Storm(0.0, options.storm_share))

    def account(totals: Totals) -> None:
        measured, whole = crowd.meter.take(), totals.whole
        run_id = options.run or crowd.around.shown_run
        if publisher is not None and run_id is not None:
            counts = {
                "viewers": whole.connected,
                "frames": whole.frames,
                "reconnects": whole.reconnects,
                "stalled": crowd.stalled,
            }
            publisher.publish(run_id, measured, {name: float(count) for name, count in counts.items()})
        if every_second:
            say(totals)

    try:
        return await crowd.run(options.duration or None, asked_to_end, account)
    finally:
        if publisher is not None:
            await asyncio.to_thread(publisher.close)


def say(totals: Totals) -> None:
    """Print the totals."""
    print(json.dumps(totals.to_json()), flush=True)  # noqa: T201 - the program's output


def main(arguments: Sequence[str]) -> int:
    """Watch as the arguments say; return the exit code."""
    try:
        options = Options.from_arguments([one for one in arguments if one != EVERY_SECOND])
        say(run_loop(options, every_second=EVERY_SECOND in arguments))
    except InvalidInput as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - the program's last words
        return CANNOT_RUN
    return 0


def run_loop(options: Options, *, every_second: bool) -> Totals:
    """Watch on the fastest event loop there is."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(watch(options, every_second=every_second))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        from uvloop import new_event_loop
    except ImportError:  # there is none for Windows
        return asyncio.new_event_loop
    return new_event_loop


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
