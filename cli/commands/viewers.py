"""``code-delivery viewers``: simulated viewers of the live map. Exit code 0, or 2 if it could not run."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from cli.commands.options import API_URL, ApiUrlOption, JsonOption
from cli.kafka.part_settings import api_settings
from cli.load.viewers.connection import live_address
from cli.load.viewers.face import live_line, notes_on, table_of
from cli.load.viewers.options import PROCESS_VIEWERS, Options, bounds_of
from cli.load.viewers.processes import ViewersFailed, running
from cli.local.signals import ended_by_signals
from engine.contract.address import without_identity
from engine.errors import InvalidInput

POLL_S = 0.5


def viewers(
    url: ApiUrlOption = API_URL,
    count: Annotated[int, typer.Option("--viewers", help="How many viewers.", min=1)] = 100,
    slow: Annotated[float, typer.Option(help="Share that reads a frame only now and then.", min=0, max=1)] = 0.0,
    stalled: Annotated[float, typer.Option(help="Share that stops reading for a long time.", min=0, max=1)] = 0.0,
    reconnecting: Annotated[float, typer.Option(help="Share that leaves and comes back.", min=0, max=1)] = 0.0,
    pan_s: Annotated[float, typer.Option(help="Mean seconds between two pans of a viewer; 0: never.", min=0)] = 5.0,
    duration: Annotated[float, typer.Option(help="Seconds; 0: until Ctrl-C.", min=0)] = 60.0,
    storm_at: Annotated[
        float | None,
        typer.Option(help="Seconds after which viewers lose their connections and come back at once.", min=0),
    ] = None,
    storm_share: Annotated[float, typer.Option(help="Share of the viewers that a storm takes.", min=0, max=1)] = 1.0,
    come_per_s: Annotated[
        float, typer.Option(help="Viewers that connect in a second at the beginning.", min=0.1)
    ] = 200.0,
    bounds: Annotated[
        str | None, typer.Option(help="west,south,east,north in degrees.", show_default="the base map's")
    ] = None,
    seed: Annotated[int, typer.Option(help="Every viewer's view and behaviour follow from it.", min=0)] = 1,
    sample: Annotated[
        float | None,
        typer.Option(help="Share of the frames that are looked into.", show_default="all for up to 50 viewers"),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(help="Processes to share the viewers.", min=1, show_default="one for each 1,000")
    ] = None,
    kafka: Annotated[
        str | None, typer.Option(help="Brokers to which measurements are published.", show_default="none")
    ] = None,
    run: Annotated[str | None, typer.Option(help="Measure this run only.", show_default="the one on the map")] = None,
    as_json: JsonOption = False,
) -> None:
    """Watch the live map as many viewers at once, and report how old the positions are that they see.

    Each viewer has a street-level view of its own and speaks the protocol of the page. Ages count from the instant at
    which a position was due, at the viewers that read whatever comes (fast, reconnecting). Of more than 50 viewers a
    sample of the frames is looked into.
    """
    options = Options(
        url=url,
        viewers=count,
        slow=slow,
        stalled=stalled,
        reconnecting=reconnecting,
        pan_s=pan_s,
        come_per_s=come_per_s,
        seed=seed,
        bounds=bounds,
        duration=duration,
        sample=sample,
        storm_at=storm_at,
        storm_share=storm_share,
        processes=processes or -(-count // PROCESS_VIEWERS),
        kafka=kafka,
        run=run,
    )
    live_address(url)
    options.crowd(bounds_of(bounds, url, _api_key()))  # faults are reported before anything starts
    console = Console(stderr=as_json)
    try:
        with ended_by_signals() as asked, running(options) as at_work:
            last = None
            with console.status("starting") as status:
                while not at_work.is_over and not asked.wait(POLL_S):
                    at_work.check()
                    totals = at_work.totals
                    status.update(live_line(totals, last))
                    last = totals if last is None or totals.seconds - last.seconds >= 1 else last
            at_work.end()
            figures = at_work.totals.figures()
    except ViewersFailed as error:
        raise InvalidInput(str(error)) from None
    if as_json:
        print(json.dumps({"url": without_identity(url), **figures}))  # noqa: T201 - the command's output
        return
    console.print(table_of(figures))
    for note in notes_on(figures):
        console.print(note, highlight=False)


def _api_key() -> str | None:
    return api_settings().key
