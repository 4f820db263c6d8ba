"""``code-delivery control``: what a person asks of a run while it goes on, through the API. The run does it a moment later, and its events say so."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from cli.local.api_client import ApiClient
from engine.errors import InvalidInput


class Wish(StrEnum):
    """What may be asked for."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    SCALE = "scale"
    FLEET = "fleet"
    RATE = "rate"


_WITH_VALUE = {
    Wish.SCALE: "virtual seconds per wall second",
    Wish.FLEET: "drivers",
    Wish.RATE: "positions a virtual second",
}


def control(
    run: Annotated[str, typer.Argument(help="Id of the run.")],
    wish: Annotated[Wish, typer.Argument(help="pause, resume, cancel, scale, fleet or rate.")],
    value: Annotated[
        float | None,
        typer.Argument(
            help="scale: virtual seconds per wall second; fleet: drivers; rate: positions a virtual second."
        ),
    ] = None,
    stage: Annotated[
        str | None, typer.Option(help="With fleet and rate: what reports call the stage that begins then.")
    ] = None,
    url: Annotated[str, typer.Option(help="Address of the API.")] = "http://127.0.0.1:8000",
    key: Annotated[str | None, typer.Option(help="API key.", envvar="API_KEY")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a line.")] = False,
) -> None:
    """Pause, resume or cancel a run, change how fast its time goes, or how many drivers it has."""
    action, body = request_of(wish, value, stage)
    client = ApiClient(url, key)
    try:
        answer = client.control(run, action, body)
    finally:
        client.close()
    print(json.dumps(answer) if as_json else f"run {run}: asked for {_told(wish, value, stage)}")  # noqa: T201 - the command's output


def request_of(wish: Wish, value: float | None = None, stage: str | None = None) -> tuple[str, dict[str, Any] | None]:
    """Return the API's action for a wish, and the body of the request.

    Raises
    ------
    InvalidInput : a value is missing, too many, or no whole number of drivers. Bounds are the API's to know.
    """
    if (wish in _WITH_VALUE) != (value is not None):
        raise InvalidInput(
            f"{wish} needs a value: {_WITH_VALUE[wish]}"
            if wish in _WITH_VALUE
            else f"{wish} takes no value, found {value:g}"
        )
    if stage is not None and wish not in (Wish.FLEET, Wish.RATE):
        raise InvalidInput(f'--stage goes with fleet and rate, found {wish} --stage "{stage}"')
    if value is None:
        return wish, None
    if wish is Wish.SCALE:
        return wish, {"timeScale": value}
    if wish is Wish.FLEET and not value.is_integer():
        raise InvalidInput(f"fleet must be a whole number of drivers, found {value:g}")
    return Wish.FLEET, ({"drivers": int(value)} if wish is Wish.FLEET else {"rate": value}) | (
        {} if stage is None else {"stage": stage}
    )


def _told(wish: Wish, value: float | None, stage: str | None) -> str:
    match wish:
        case Wish.FLEET:
            told = f"a fleet of {value:,.0f} drivers"
        case Wish.RATE:
            told = f"{value:,.12g} positions a second"
        case Wish.SCALE:
            told = f"{value:g} virtual seconds per second"
        case _:
            told = str(wish)
    return told if stage is None else f'{told}, stage "{stage}"'
