"""The story of one delivery as ``code-delivery control RUN story DELIVERY`` prints it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cli.local.api_client import ApiClient

_STATUSES = {
    "waiting": "waits",
    "on_the_road": "on the road",
    "finished": "finished",
    "rejected": "rejected",
}


def print_story(client: ApiClient, run_id: str, delivery_id: str, *, as_json: bool) -> None:
    """Ask the API for a delivery's story, print it line by line or as JSON, and close the client.

    Raises
    ------
    ApiError : the run or the delivery is unknown, or the run's dispatcher does not answer.
    """
    try:
        story = client.story(run_id, delivery_id)
    finally:
        client.close()
    print(json.dumps(story) if as_json else text_of(story))  # noqa: T201 - the command's output


def text_of(story: Mapping[str, Any]) -> str:
    """Return a story for a person: a head, and a line for each entry with its virtual and its wall time."""
    status = _STATUSES.get(story["status"], story["status"])
    where = "" if story["actor"] is None else f" on {story['actor']}"
    lines = [f"delivery {story['deliveryId']} of run {story['runId']}: {status}{where}"]
    if story["dropped"]:
        lines.append(f"the dispatcher's log is bounded and has dropped {story['dropped']:,} entries of it")
    lines.append(f"{'virtual time (UTC)':<24} {'wall time (UTC)':<24} what")
    lines += [_line(entry) for entry in story["entries"]]
    return "\n".join(lines)


def _line(entry: Mapping[str, Any]) -> str:
    wall = "" if entry["wallMs"] is None else _instant(entry["wallMs"])
    return f"{_instant(entry['virtualMs']):<24} {wall:<24} {entry['kind']}: {entry['detail']}"


def _instant(epoch_ms: int) -> str:
    instant = datetime.fromtimestamp(epoch_ms / 1000, UTC)
    return f"{instant:%Y-%m-%d %H:%M:%S}.{epoch_ms % 1000:03d}"
