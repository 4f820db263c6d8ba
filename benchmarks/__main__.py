"""Run the benchmarks: a readable table, then one JSON object a line.

    python -m benchmarks [--only NAME ...] [--list] [--minutes N] [--toy]

Each module of this folder that has ``run()`` is one benchmark. It returns rows with `name`, `value`, `unit`, and where
there is one `rival`, `rival_value` and `ratio` (how many times better than the rival, measured in the same run). The
first row is the figure that its bar speaks of.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import os
import pkgutil
import platform
import sys
import traceback
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.size import TOY, VARIABLE

FIELDS = ("name", "value", "unit", "rival", "rival_value", "ratio", "machine")


def machine() -> str:
    """Return what the figures were measured on: cores, processor, memory, system, Python."""
    model = next(
        (line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    memory = next((int(line.split()[1]) // 2**20 for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    system = f"{platform.system()} {platform.release().split('-')[0]}, Python {platform.python_version()}"
    return f"{os.cpu_count()} x {model}, {memory + 1} GiB, {system}"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def available() -> list[str]:
    """Return the names of the benchmarks in this folder."""
    folder = Path(__file__).parent
    modules = [m.name for m in pkgutil.iter_modules([str(folder)]) if not m.ispkg]
    return sorted(name for name in modules if "\ndef run(" in (folder / f"{name}.py").read_text())


def main() -> int:
    """Run what the arguments name; exit code 1 if a benchmark broke."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="the benchmarks to run (default: all)")
    parser.add_argument("--minutes", type=float, help="how long a soak lasts (default: its own)")
    parser.add_argument("--toy", action="store_true", help="run them at a size that shows only that they run")
    parser.add_argument("--list", action="store_true", help="list the benchmarks")
    arguments = parser.parse_args()
    if arguments.toy:
        os.environ[VARIABLE] = TOY
    names = available()
    if arguments.list:
        print("\n".join(names))
        return 0
    unknown = set(arguments.only) - set(names)
    if unknown:
        print(f"unknown benchmark {', '.join(sorted(unknown))}; there are: {', '.join(names)}", file=sys.stderr)
        return 2

    console = Console(stderr=True)
    rows: list[dict[str, Any]] = []
    broken = 0
    here = machine()
    for name in arguments.only or names:
        console.print(f"[bold]{name}[/] ...")
        try:
            found = _run(name, arguments.minutes)
        except Exception:  # noqa: BLE001 - one broken benchmark must not hide the others
            console.print(traceback.format_exc())
            broken += 1
            continue
        rows += [{field: {**row, "machine": here}.get(field) for field in FIELDS} for row in found]
    table = Table(title=here)
    for heading in ("benchmark", "value", "unit", "rival", "rival's value", "ratio"):
        table.add_column(heading, justify="right" if heading in {"value", "rival's value", "ratio"} else "left")
    for row in rows:
        table.add_row(
            row["name"],
            _figure(row["value"]),
            row["unit"],
            row["rival"] or "",
            _figure(row["rival_value"]),
            _figure(row["ratio"]),
        )
    Console(width=max(120, console.width)).print(table)
    for row in rows:
        print(json.dumps(row))
    return 1 if broken else 0


def _run(name: str, minutes: float | None) -> list[dict[str, Any]]:
    run = importlib.import_module(f"benchmarks.{name}").run
    takes_minutes = minutes is not None and "minutes" in inspect.signature(run).parameters
    return list(run(minutes=minutes) if takes_minutes else run())


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.3g}"


if __name__ == "__main__":
    raise SystemExit(main())
