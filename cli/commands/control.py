"""``code-delivery control``: a request to a run, through the API.

The run obeys a moment later, and its events show it.
"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from cli.commands.options import API_URL, ApiKeyOption, ApiUrlOption, JsonOption
from cli.commands.story import print_story
from cli.local.api_client import ApiClient
from cli.local.run_request import Wish, describe_request, request_of, story_of, value_of


def control(
    run: Annotated[str, typer.Argument(help="Id of the run.")],
    wish: Annotated[Wish, typer.Argument(help="pause, resume, cancel, scale, fleet, rate or story.")],
    value: Annotated[
        str | None,
        typer.Argument(
            help="scale: virtual seconds per wall second; fleet: drivers; rate: positions a virtual second; "
            "story: the delivery's id."
        ),
    ] = None,
    stage: Annotated[
        str | None, typer.Option(help="With fleet and rate: what reports call the stage that begins then.")
    ] = None,
    url: ApiUrlOption = API_URL,
    key: ApiKeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pause, resume or cancel a run, change its pace or fleet, or print one delivery's story."""
    if wish is Wish.STORY:
        print_story(ApiClient(url, key), run, story_of(value, stage), as_json=as_json)
        return
    number = value_of(wish, value)
    action, body = request_of(wish, number, stage)
    client = ApiClient(url, key)
    try:
        answer = client.control(run, action, body)
    finally:
        client.close()
    print(json.dumps(answer) if as_json else f"run {run}: asked for {describe_request(wish, number, stage)}")  # noqa: T201 - the command's output
