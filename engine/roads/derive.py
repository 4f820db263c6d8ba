"""Derives the files in ``engine/data`` from their sources.

``python -m engine.roads.derive EXTRACT.osm.pbf [ROUTES_FOLDER]``

The extract gives its network's largest strongly connected part; the folder holds the ancestor's ``1.txt``, ``2.txt``
and ``3.txt``, without their damaged lines.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from engine.errors import InvalidInput
from engine.roads import load_routes
from engine.roads.osm import read_osm
from engine.roads.route import Route

DATA = Path(__file__).resolve().parents[1] / "data"
ANCESTOR_TITLES = {"1": "Primeiro", "2": "Segundo", "3": "Terceiro"}
ANCESTOR_SOURCE = "github.com/vitor9/fs-fc-code_delivery, simulator/destinations"


def derive_network(extract: Path, folder: Path = DATA) -> Path:
    """Write the network of an OpenStreetMap extract, named after it, into a folder.

    Return the path of the file.
    """
    network = read_osm(extract).largest_component()
    target = folder / f"{network.name}.npz"
    network.save(target)
    return target


def derive_ancestor(routes: Path, folder: Path = DATA) -> tuple[Path, list[str]]:
    """Write the ancestor's routes as route messages into ``ancestor.json``.

    Return the path of the file and what was left out.
    """
    records, skipped = [], []
    for route_id, title in ANCESTOR_TITLES.items():
        imported = load_routes(routes / f"{route_id}.txt", skip_invalid=True)
        skipped += imported.skipped
        (read,) = imported.routes
        route = Route.from_points(route_id, title, read.lat_deg, read.lng_deg, source=ANCESTOR_SOURCE)
        records.append(json.loads(route.to_message().to_json()))
    target = folder / "ancestor.json"
    target.write_text(json.dumps({"routes": records}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return target, skipped


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    if not 1 <= len(arguments) <= 2:
        sys.stderr.write("usage: python -m engine.roads.derive EXTRACT.osm.pbf [ROUTES_FOLDER]\n")
        return 2
    try:
        sys.stdout.write(f"{derive_network(Path(arguments[0]))}\n")
        if len(arguments) == 2:
            target, skipped = derive_ancestor(Path(arguments[1]))
            sys.stdout.write("".join(f"left out: {text}\n" for text in skipped) + f"{target}\n")
    except InvalidInput as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
