"""What became of a run's positions, printed when its stack has ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from cli.local.ending import Ending
from cli.local.ledger_table import ledger_table

LATENESS = ("latenessP50Ms", "latenessP99Ms", "latenessMaxMs")


def report_ending(console: Console, run_id: str, ending: Ending, summary: Mapping[str, Any], *, as_json: bool) -> int:
    """Print the ledger, the lateness and what waits, and return the exit code.

    It is 0 only if every position is accounted for and none waits for a store.
    """
    if as_json:
        lateness = {name: summary.get(name) for name in LATENESS}
        print(json.dumps({"runId": run_id, **ending.to_json(), **lateness}))  # noqa: T201 - the command's output
    elif ending.ledger is not None:
        console.print(ledger_table(run_id, ending.ledger))
        if summary.get("latenessP99Ms") is not None:
            p50, p99, most = (summary[name] for name in LATENESS)
            late = f"{p50:.0f} ms after they were due (median), {p99:.0f} ms (p99), {most:.0f} ms at most"
            console.print(f"positions were sent {late}", highlight=False)
    for sentence in ending.sentences():
        console.print(Text(sentence, "bold red"))
    return 0 if ending.is_clean else 1
