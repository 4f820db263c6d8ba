"""The files of a report: a page to read, JSON with everything in it, and two tables for a spreadsheet."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from cli.load.report.form import ReportError
from cli.load.report.html import page
from cli.load.report.model import LoadReport
from engine.latency.meter import Segment

Row = Iterable[object]


def write_report(report: LoadReport, folder: Path) -> list[Path]:
    """Write report.html, report.json, series.csv and stages.csv into a folder; return their paths.

    The folder is made if it is missing.

    Raises
    ------
    ReportError : the folder cannot be written to, or not every file; those that can be are written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReportError(f"{folder}: the report cannot be written: {error.strerror or error}") from None
    texts = {"report.html": page(report), "report.json": report.to_json()}
    tables = {"series.csv": series_rows(report), "stages.csv": stage_rows(report)}
    paths, faults = [], []
    for name, text in (texts | {name: csv_text(rows) for name, rows in tables.items()}).items():
        try:
            paths.append(written(folder / name, text))
        except ReportError as error:
            faults.append(str(error))
    if faults:
        raise ReportError("; ".join(faults))
    return paths


def series_rows(report: LoadReport) -> Iterator[Row]:
    """Yield a heading, and a row a wall second; a cell without a value is empty."""
    segments = [segment for segment in Segment if any(segment in second.segments for second in report.series)]
    figures = [f"{segment}_{figure}" for segment in segments for figure in ("count", "p50_ms", "p99_ms", "max_ms")]
    yield ["at_s", "stage", "planned", "produced", "drivers", *figures]
    for second in report.series:
        found = [second.segments.get(segment) for segment in segments]
        cells = [
            cell for one in found for cell in ((one.count, one.p50_ms, one.p99_ms, one.max_ms) if one else (None,) * 4)
        ]
        yield [second.at_s, second.stage, second.planned, second.produced, second.drivers, *cells]


def stage_rows(report: LoadReport) -> Iterator[Row]:
    """Yield a heading, and a row a stage and segment."""
    figures = ["count", "mean_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms", "max_ms"]
    yield ["stage", "judged", "from_s", "to_s", "seconds", "planned", "produced", "drivers", "segment", *figures]
    for stage in report.stages:
        head = [
            stage.name,
            str(stage.judged).lower(),
            stage.from_s,
            stage.to_s,
            stage.seconds,
            stage.planned,
            stage.produced,
            stage.drivers,
        ]
        for segment in [segment for segment in Segment if segment in stage.segments]:
            yield [*head, segment.value, *(getattr(stage.segments[segment], figure) for figure in figures)]


def csv_text(rows: Iterable[Row]) -> str:
    """Return rows as CSV."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def written(path: Path, text: str) -> Path:
    """Write a file such that it is whole or not there at all.

    Raises
    ------
    ReportError : it cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ReportError(f"{path}: the report cannot be written: {error.strerror or error}") from None
    return path
