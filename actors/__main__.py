"""Entry point of the simulation's process: ``python -m actors --scenario liechtenstein``."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import threading

from engine.errors import EngineError
from engine.extras import needing
from engine.scenario.files import load_scenario
from engine.scenario.memory import check_memory

with needing("actors"):
    import psutil
    from pydantic import ValidationError

    from actors.on_ray.environment import prepare
    from actors.settings import Settings, faults_of


def main(arguments: list[str] | None = None) -> int:
    """Run a scenario until it ends or a signal comes, and print its totals as JSON.

    SIGTERM and SIGINT end it. Before the totals comes a JSON line for each thing that its end waits for.
    """
    parser = argparse.ArgumentParser(
        prog="python -m actors", description="Run a scenario's drivers on Ray, their positions on Kafka."
    )
    parser.add_argument("--scenario", required=True, help="a scenario file, or the name of a shipped scenario")
    parser.add_argument("--run-id", help="id of the run; made from the scenario's name and the time if absent")
    parser.add_argument(
        "--once",
        action="store_true",
        help="end when the scenario's deliveries have ended, instead of waiting for requests",
    )
    parser.add_argument("--start-ms", type=int, help="virtual epoch ms at which the run begins; the present if absent")
    found = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stop = threading.Event()

    def catch_signals() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())

    catch_signals()
    try:
        settings = Settings()
    except ValidationError as error:
        logging.getLogger(__name__).error("%s", "; ".join(faults_of(error)))
        return 2
    if not settings.ray_address:
        prepare(os.environ)
    with needing("actors"):
        from actors.on_ray.run import run  # now, because Ray reads the environment when it is imported

    try:
        scenario = load_scenario(found.scenario)
        check_memory(scenario, psutil.virtual_memory().available)
        summary = run(
            settings,
            scenario,
            run_id=found.run_id,
            once=found.once,
            start_ms=found.start_ms,
            stop=stop,
            on_start=catch_signals,
            on_wait=_print_wait,
        )
    except EngineError as error:
        logging.getLogger(__name__).error("%s", error)
        return 2
    sys.stdout.write(json.dumps(summary.to_json()) + "\n")
    return 0


def _print_wait(sentence: str) -> None:
    sys.stdout.write(json.dumps({"waits": sentence}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
