# ruff: noqa: E501 - statements of SQL keep their lines
"""The tables of the embedded state store, and its statements.

The rules are those of `api.stores.model`, written in SQL.
"""

from __future__ import annotations

from api.stores.base import DeliveryQuery, DeliverySort
from api.stores.model import STANDING_MPS

VERSION = 2
"""Kept in the file as ``user_version``.

An older file is brought up to it when it is opened, with all that is in it; a newer one is refused.
"""

TABLES = """
CREATE TABLE IF NOT EXISTS routes (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, source TEXT NOT NULL, length_m REAL NOT NULL, points INTEGER NOT NULL,
    start_lat REAL NOT NULL, start_lng REAL NOT NULL, end_lat REAL NOT NULL, end_lng REAL NOT NULL,
    definition BLOB NOT NULL, kept INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS deliveries (
    no INTEGER PRIMARY KEY, delivery_id TEXT NOT NULL UNIQUE,
    run_id TEXT NOT NULL, route_id TEXT NOT NULL, client_id TEXT NOT NULL, driver_id TEXT NOT NULL, vehicle TEXT NOT NULL DEFAULT 'car',
    phase TEXT NOT NULL DEFAULT 'moving', event_seq INTEGER NOT NULL DEFAULT -1, reason TEXT,
    started_at INTEGER, planned_arrival INTEGER, ended_at INTEGER, route_length_m REAL, positions INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS deliveries_by_start ON deliveries (started_at);
CREATE INDEX IF NOT EXISTS deliveries_by_run ON deliveries (run_id);
CREATE TABLE IF NOT EXISTS newest (
    no INTEGER PRIMARY KEY REFERENCES deliveries, seq INTEGER NOT NULL, event_time INTEGER NOT NULL, lat_deg REAL NOT NULL, lng_deg REAL NOT NULL,
    speed_mps REAL NOT NULL, bearing_deg REAL NOT NULL, distance_m REAL NOT NULL, finished INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS runs (
    run_id TEXT PRIMARY KEY, event_time INTEGER NOT NULL, seq INTEGER NOT NULL, event BLOB NOT NULL, silent INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS views (id TEXT PRIMARY KEY, title TEXT NOT NULL, query TEXT NOT NULL, created_at_ms INTEGER NOT NULL) STRICT;
"""
"""Every version up to now only added tables, so these statements also make a new file of an old one."""

PUT_ROUTE = """
INSERT INTO routes VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET
    title=excluded.title, source=excluded.source, length_m=excluded.length_m, points=excluded.points, start_lat=excluded.start_lat,
    start_lng=excluded.start_lng, end_lat=excluded.end_lat, end_lng=excluded.end_lng, definition=excluded.definition, kept=max(kept, excluded.kept)
"""

APPLY_EVENT = """
INSERT INTO deliveries (delivery_id, run_id, route_id, client_id, driver_id, vehicle, phase, event_seq, reason,
    started_at, planned_arrival, ended_at, route_length_m, positions)
VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (delivery_id) DO UPDATE SET
    started_at = coalesce(excluded.started_at, started_at),
    planned_arrival = iif(excluded.event_seq > event_seq,
        coalesce(excluded.planned_arrival, planned_arrival), coalesce(planned_arrival, excluded.planned_arrival)),
    route_length_m = iif(excluded.event_seq > event_seq,
        coalesce(excluded.route_length_m, route_length_m), coalesce(route_length_m, excluded.route_length_m)),
    vehicle = iif(excluded.event_seq > event_seq, excluded.vehicle, vehicle),
    phase = iif(excluded.event_seq > event_seq, excluded.phase, phase),
    reason = iif(excluded.event_seq > event_seq, excluded.reason, reason),
    ended_at = iif(excluded.event_seq > event_seq, excluded.ended_at, ended_at),
    positions = iif(excluded.event_seq > event_seq, excluded.positions, positions),
    event_seq = max(excluded.event_seq, event_seq)
"""

APPLY_POSITION = """
INSERT INTO newest VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT (no) DO UPDATE SET
    seq=excluded.seq, event_time=excluded.event_time, lat_deg=excluded.lat_deg, lng_deg=excluded.lng_deg, speed_mps=excluded.speed_mps,
    bearing_deg=excluded.bearing_deg, distance_m=excluded.distance_m, finished=excluded.finished
WHERE excluded.seq > seq
"""

PUT_RUN = """
INSERT INTO runs VALUES (?,?,?,?,0) ON CONFLICT (run_id) DO UPDATE SET event_time=excluded.event_time, seq=excluded.seq, event=excluded.event, silent=0
WHERE (excluded.event_time, excluded.seq) > (event_time, seq)
"""

PUT_VIEW = """
INSERT INTO views VALUES (?,?,?,?) ON CONFLICT (id) DO UPDATE SET title=excluded.title, query=excluded.query RETURNING *
"""

_LENGTH = "coalesce(nullif(d.route_length_m, 0), r.length_m, d.route_length_m)"
_PROGRESS = (
    f"iif({_LENGTH} > 0, min(max(coalesce(n.distance_m, 0) / {_LENGTH}, 0.0), 1.0), coalesce(n.finished, 0) * 1.0)"
)
_PHASE = (
    "CASE WHEN u.silent AND NOT coalesce(n.finished, 0) AND d.phase IN ('moving', 'paused') THEN 'suspended'"
    " WHEN d.phase <> 'moving' THEN d.phase WHEN n.finished THEN 'delivered'"
    f" WHEN n.seq > 0 AND n.speed_mps < {STANDING_MPS} THEN 'stopped' ELSE 'moving' END"
)
_FROM = "FROM deliveries d LEFT JOIN newest n ON n.no = d.no LEFT JOIN routes r ON r.id = d.route_id LEFT JOIN runs u ON u.run_id = d.run_id"

DELIVERY_COLUMNS = (
    "d.delivery_id, d.run_id, d.route_id, d.client_id, d.driver_id, d.vehicle, coalesce(r.title, ''), d.phase, d.event_seq, d.reason, d.started_at,"
    f" d.planned_arrival, d.ended_at, {_LENGTH}, d.positions, coalesce(n.seq, -1), n.event_time, n.lat_deg, n.lng_deg, coalesce(n.speed_mps, 0.0),"
    " coalesce(n.bearing_deg, 0.0), coalesce(n.distance_m, 0.0), coalesce(n.finished, 0), coalesce(u.silent, 0)"
)
"""In the order of the fields of `DeliveryRecord`."""

DELIVERY = f"SELECT {DELIVERY_COLUMNS} {_FROM} WHERE d.delivery_id = ?"

_SORT = {
    DeliverySort.STARTED_AT: "d.started_at",
    DeliverySort.PLANNED_ARRIVAL: "d.planned_arrival",
    DeliverySort.DELIVERY_ID: "d.delivery_id",
    DeliverySort.DRIVER_ID: "d.driver_id",
    DeliverySort.ROUTE_TITLE: "coalesce(r.title, '')",
    DeliverySort.VEHICLE: "d.vehicle",
    DeliverySort.PROGRESS: _PROGRESS,
    DeliverySort.DISTANCE: "coalesce(n.distance_m, 0.0)",
    DeliverySort.SPEED: "coalesce(n.speed_mps, 0.0)",
}


def like(text: str) -> str:
    r"""Return the LIKE pattern for texts that contain another one; to be used with ESCAPE '\\'."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def deliveries_statements(query: DeliveryQuery) -> tuple[str, str, list[object]]:
    """Return the statement of a page, the one that counts, and the values that both take.

    The page's own limit and offset come after these values.
    """
    conditions, values = ["1"], list[object]()
    for column, value in (("d.route_id", query.route_id), ("d.vehicle", query.vehicle), ("d.run_id", query.run_id)):
        if value is not None:
            conditions.append(f"{column} = ?")
            values.append(value)
    if query.phases:
        conditions.append(f"{_PHASE} IN ({','.join('?' * len(query.phases))})")
        values += sorted(query.phases)
    if query.text:
        conditions.append(
            "("
            + " OR ".join(f"{column} LIKE ? ESCAPE '\\'" for column in ("d.delivery_id", "d.driver_id", "r.title"))
            + ")"
        )
        values += [like(query.text)] * 3
    where = " AND ".join(conditions)
    order = f"{_SORT[query.sort]} {'DESC' if query.descending else 'ASC'}, d.delivery_id"
    return (
        f"SELECT {DELIVERY_COLUMNS} {_FROM} WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?",
        f"SELECT count(*) {_FROM} WHERE {where}",
        values,
    )
