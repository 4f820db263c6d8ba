"""``code-delivery routes import``: route files into a running API, OSM extracts into networks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.commands.options import ApiKeyOption, JsonOption
from cli.local.api_client import ApiClient
from engine.errors import InvalidInput
from engine.roads import load_routes
from engine.roads.osm import read_extract

routes_app = typer.Typer(help="Routes and road networks.", no_args_is_help=True, add_completion=False)

NETWORK_SUFFIXES = (".osm.pbf", ".osm", ".osm.bz2", ".osm.gz")

_FORMAT_HELP = (
    "The file's format, if its name does not show it: "
    "text, geojson, gpx, polyline, polyline5, polyline6, csv or gtfs. "
    "Plain polyline takes precision 6 for the whole file if a line would leave the Earth with 5, and else 5: "
    "near latitude and longitude 0 give polyline5 or polyline6, or name the file so."
)


@routes_app.callback()
def _routes() -> None:
    """Import routes and road networks."""


@routes_app.command("import")
def import_routes(
    file: Annotated[
        Path,
        typer.Argument(
            help="Ancestor text, GeoJSON, GPX, encoded polyline, CSV, GTFS (folder or zip), "
            "or an OSM extract (.osm.pbf, .osm)."
        ),
    ],
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", help="Leave out what is damaged, and list what was left out.")
    ] = False,
    file_format: Annotated[str | None, typer.Option("--format", help=_FORMAT_HELP)] = None,
    check: Annotated[bool, typer.Option("--check", help="Only read the file and show what is in it.")] = False,
    url: Annotated[str, typer.Option(help="The API that gets the routes.")] = "http://127.0.0.1:8000",
    key: ApiKeyOption = None,
    out: Annotated[
        Path | None, typer.Option(help="For an OSM extract: the compact network to write (default: beside it, .npz).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Import a file of routes into the running API, or turn an OSM extract into a road network."""
    if not file.exists():
        raise InvalidInput(f"{file}: no such file")
    if file.name.endswith(NETWORK_SUFFIXES):
        _import_network(file, out, skip_invalid=skip_invalid, as_json=as_json)
        return

    # Read here first: a damaged file gets its message with line and element before anything is sent.
    with Console(stderr=True).status(f"reading {file}"):
        found = load_routes(file, skip_invalid=skip_invalid, format=file_format)
    replaced: list[str] = []
    if not check:
        client = ApiClient(url, key)
        try:
            replaced = client.upload_routes(file, skip_invalid=skip_invalid, file_format=file_format).get(
                "replaced", []
            )
        finally:
            client.close()
    rows = [
        {"id": r.id, "title": r.title, "points": len(r.lat_deg), "lengthM": round(r.length_m, 1), "source": r.source}
        for r in found.routes
    ]
    if as_json:
        answer = {
            "routes": rows,
            "skipped": found.skipped,
            "notices": found.notices,
            "replaced": replaced,
            "imported": not check,
        }
        print(json.dumps(answer))  # noqa: T201 - the command's output
        return
    table = Table(title=f"{len(rows)} routes {'read from' if check else 'imported from'} {file}", title_justify="left")
    for heading in ("id", "title", "points", "length"):
        table.add_column(heading, justify="right" if heading in {"points", "length"} else "left")
    for row in rows:
        table.add_row(
            str(row["id"]), str(row["title"]), f"{row['points']:,}", f"{float(str(row['lengthM'])) / 1000:,.2f} km"
        )
    console = Console()
    console.print(table)
    _print_lines(console, f"{len(replaced)} were there already and are replaced:", replaced)
    _print_lines(console, f"{len(found.skipped)} left out:", found.skipped)
    _print_lines(console, "Please note:", found.notices)


def _print_lines(console: Console, heading: str, lines: Sequence[str]) -> None:
    if lines:
        console.print(heading, style="yellow", highlight=False)
        for line in lines:
            console.print(f"  {line}", markup=False, highlight=False)


def _import_network(file: Path, out: Path | None, *, skip_invalid: bool, as_json: bool) -> None:
    target = out or file.with_name(file.name.split(".")[0] + ".npz")
    with Console(stderr=True).status(f"reading the roads of {file}"):
        extract = read_extract(file, skip_invalid=skip_invalid)
        network = extract.network
        network.save(target)
    summary = {
        "network": str(target),
        "nodes": network.n_nodes,
        "edges": network.n_edges,
        "attribution": network.attribution,
        "skipped": extract.skipped,
    }
    if as_json:
        print(json.dumps(summary))  # noqa: T201 - the command's output
    else:
        console = Console()
        console.print(f"{network.n_nodes:,} road nodes and {network.n_edges:,} directed edges written to {target}")
        for line in extract.skipped:
            console.print(line, style="yellow", markup=False, highlight=False)
        console.print(f'In a scenario: network.file = "{target}"', markup=False, highlight=False)
