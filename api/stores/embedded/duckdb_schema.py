# ruff: noqa: E501 - statements of SQL keep their lines
"""The tables of the embedded history, and its statements."""

from __future__ import annotations

TABLES = """
CREATE TABLE IF NOT EXISTS deliveries (
    no INTEGER, delivery_id VARCHAR, run_id VARCHAR, route_id VARCHAR, client_id VARCHAR, driver_id VARCHAR
);
CREATE TABLE IF NOT EXISTS positions (
    delivery INTEGER, seq BIGINT, event_time_ms BIGINT, lat_deg DOUBLE, lng_deg DOUBLE, speed_mps FLOAT, bearing_deg FLOAT, distance_m DOUBLE,
    finished BOOLEAN
);
CREATE TABLE IF NOT EXISTS delivery_events (delivery INTEGER, seq BIGINT, kind VARCHAR, event_time_ms BIGINT, event VARCHAR);
"""
DELIVERY_COLUMNS = ("delivery_id", "run_id", "route_id", "client_id", "driver_id")
POSITION_COLUMNS = ("seq", "event_time_ms", "lat_deg", "lng_deg", "speed_mps", "bearing_deg", "distance_m", "finished")

HAS_OLD_EVENTS = "SELECT count(*) AS n FROM duckdb_tables() WHERE table_name = 'events' AND NOT internal"
MOVE_OLD_EVENTS = """
INSERT INTO deliveries
    SELECT (SELECT count(*) FROM deliveries) + row_number() OVER () - 1, e.delivery_id, e.run_id,
        e.event ->> '$.routeId', e.event ->> '$.clientId', e.event ->> '$.driverId'
    FROM (SELECT delivery_id, any_value(run_id) AS run_id, any_value(event) AS event FROM events GROUP BY delivery_id) e
        ANTI JOIN deliveries USING (delivery_id);
INSERT INTO delivery_events
    SELECT d.no, e.seq, e.kind, e.event_time_ms, e.event FROM events e JOIN deliveries d USING (delivery_id) ORDER BY e.event_time_ms;
DROP TABLE events;
"""
"""For a file whose events carried their deliveries' ids, under a primary key."""

EVENTS_VIEW = """
CREATE VIEW IF NOT EXISTS events AS
    SELECT d.delivery_id, e.seq, d.run_id, e.kind, e.event_time_ms, e.event FROM delivery_events e JOIN deliveries d ON d.no = e.delivery
"""
"""For people's own queries: events with their deliveries' ids."""

KNOWN = """
SELECT d.delivery_id, d.run_id, coalesce(p.held, 0) AS held, coalesce(p.last_seq, -1) AS positions, coalesce(e.last_seq, -1) AS delivery_events
FROM deliveries d
    LEFT JOIN (SELECT delivery, count(*) AS held, max(seq) AS last_seq FROM positions GROUP BY delivery) p ON p.delivery = d.no
    LEFT JOIN (SELECT delivery, max(seq) AS last_seq FROM delivery_events GROUP BY delivery) e ON e.delivery = d.no
ORDER BY d.no
"""
TRACK = """
SELECT seq, event_time_ms, lat_deg, lng_deg, speed_mps, bearing_deg, distance_m FROM positions WHERE delivery = ? ORDER BY seq
"""
EVENTS = "SELECT event FROM delivery_events WHERE delivery = ? ORDER BY seq"
FAULTS = """
SELECT d.delivery_id, e.event ->> '$.fault' AS fault, (e.event ->> '$.fromSeq')::BIGINT AS first, (e.event ->> '$.toSeq')::BIGINT AS last
FROM delivery_events e JOIN deliveries d ON d.no = e.delivery WHERE d.run_id = ? AND e.kind = 'fault'
"""
POSITIONS_END = "SELECT coalesce(max(rowid) + 1, 0) AS n FROM positions"
POSITIONS = "SELECT delivery, seq, lat_deg, lng_deg FROM positions WHERE rowid >= ? AND rowid < ?"


def lacking(table: str) -> str:
    """Return the statement for the rows of `asked` whose (delivery, seq) a table lacks."""
    return f"SELECT row FROM asked a ANTI JOIN {table} t ON t.delivery = a.delivery AND t.seq = a.seq"
