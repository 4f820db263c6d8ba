"""``code-delivery verify RUN``: the same positions in the topic and in the stores.

Exit code 0 if all places hold the same, 1 if not, 2 if one could not be read.
"""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from api.measuring.tuning import tune_process
from cli.commands.options import BootstrapOption, JsonOption
from cli.kafka.part_settings import api_settings, kafka_of
from cli.kafka.verify.report import Shown, show, to_json
from cli.kafka.verify.stores import all_in_state, stores_to_read
from cli.kafka.verify.verification import CannotVerify, verify_run

EQUAL, DIFFERENT, CANNOT_VERIFY = 0, 1, 2


def verify(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Id of the run.")],
    without_topic: Annotated[
        bool,
        typer.Option(
            "--without-topic", help="Compare the stores alone: the embedded broker is gone once its run has ended."
        ),
    ] = False,
    wait: Annotated[
        float, typer.Option(help="Seconds for which the places are read again until they are equal.", min=0)
    ] = 0.0,
    most: Annotated[int, typer.Option("--show", help="How many deliveries that differ are named.", min=0)] = 10,
    bootstrap: BootstrapOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove that the topic and the stores hold the same positions of a run.

    Compared are counts, gaps, repetitions and coordinates.

    The stores are those of the API's settings (DATA_DIR, ELASTICSEARCH_URL, MONGODB_URL). Exit code 0 if all are equal
    and without gaps, 1 if not, 2 if a place could not be read.
    """
    tune_process()
    settings = api_settings()
    kafka = None if without_topic else kafka_of(settings, bootstrap)
    console = Console(stderr=as_json)
    shown = Shown(Console(stderr=True))
    try:
        stores = stores_to_read(settings)
        with shown.progress:
            outcome = verify_run(
                run_id,
                stores,
                kafka,
                all_in_state=all_in_state(stores, run_id, wanted=settings.mongodb_positions == "all"),
                wait_s=wait,
                watcher=shown,
            )
    except CannotVerify as error:
        if as_json:
            print(json.dumps({"runId": run_id, "unreadable": {"place": error.place, "reason": error.reason}}))  # noqa: T201 - the command's output
        hint = (
            "; if its broker has ended, compare the stores alone with --without-topic" if error.place == "topic" else ""
        )
        Console(stderr=True).print(f"[bold red]error:[/] {error}{hint}", highlight=False, soft_wrap=True)
        raise typer.Exit(CANNOT_VERIFY) from None
    if as_json:
        print(json.dumps(to_json(outcome)))  # noqa: T201 - the command's output
    else:
        show(console, outcome, most)
    raise typer.Exit(EQUAL if outcome.verdict.is_equal else DIFFERENT)
