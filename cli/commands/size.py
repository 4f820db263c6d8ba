"""``code-delivery size``: what a fleet needs of machines, and how sure that is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cli.commands.options import JsonOption
from cli.load.capacity.demand import Demand
from cli.load.capacity.profile import shipped_profile
from cli.load.capacity.sheet import sheet, sizing_json
from cli.load.capacity.sizing import size as size_of
from cli.load.figures_of_report import figures_of
from cli.load.report.model import load_report


def size(
    drivers: Annotated[int, typer.Option(help="Drivers on the road at once.")],
    hz: Annotated[float, typer.Option(help="Positions a wall second of each driver.")] = 1.0,
    viewers: Annotated[int, typer.Option(help="Browsers that watch the live map.")] = 0,
    kafka_days: Annotated[float, typer.Option(help="Days for which Kafka keeps positions.")] = 1.0,
    history_days: Annotated[float, typer.Option(help="Days for which Elasticsearch keeps them.")] = 30.0,
    kafka_copies: Annotated[int, typer.Option(help="Copies of each position in Kafka, the first one included.")] = 3,
    history_copies: Annotated[int, typer.Option(help="The same in Elasticsearch.")] = 2,
    busy: Annotated[
        float,
        typer.Option(
            help="Share of its capacity that a part may use: the rest is for bursts, and for the loss of one."
        ),
    ] = 0.6,
    node_cores: Annotated[int, typer.Option(help="Cores of one machine.")] = 8,
    pod_cores: Annotated[int, typer.Option(help="Cores of a pod with driver actors.")] = 4,
    report: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="REPORT", help="A load test's report.json, whose figures replace the shipped ones."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print what a fleet needs: actors, processes, partitions, cores, memory, network, disk.

    It is a model, and says how sure it is: one machine was measured, a cluster never. Each figure says what it was
    computed from; docs/sizing.md has the formulas.
    """
    demand = Demand(
        drivers, hz, viewers, kafka_days, history_days, kafka_copies, history_copies, busy, node_cores, pod_cores
    )
    profile = shipped_profile()
    notes: tuple[str, ...] = ()
    if report is not None:
        taken = figures_of(load_report(report), profile)
        profile, notes = profile.with_figures(taken.figures), taken.notes
    found = size_of(demand, profile)
    if as_json:
        print(json.dumps(sizing_json(found, notes), ensure_ascii=False))  # noqa: T201 - the command's output
    else:
        Console().print(sheet(found, notes))
