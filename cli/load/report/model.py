"""The report of a load test: what was asked for, what was measured, what was judged.

Plain values, the same in Python, in JSON and in the report's pages. All latencies are in ms and are counted from the
instant at which a position was due, whatever the segment of its way.
"""

from __future__ import annotations

import json
from dataclasses import field
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from cli.load.report.form import FORM, ReportError, report_error
from cli.load.report.loads import Brief, Latency, Second, Stage, Use, WorkerRow, histogram_of
from cli.load.report.parts import (
    Capacity,
    CheckRow,
    Disturbance,
    Environment,
    Judgement,
    Ledger,
    Missing,
    Probe,
    Repeat,
    Run,
    ScenarioText,
)
from engine.judging.verdict import Bound, Outcome
from engine.latency.meter import Segment

__all__ = [
    "FORMAT",
    "LoadReport",
    "load_report",
    "histogram_of",
    "Run",
    "Environment",
    "ScenarioText",
    "Stage",
    "Latency",
    "Use",
    "Second",
    "Brief",
    "WorkerRow",
    "Judgement",
    "CheckRow",
    "Outcome",
    "Bound",
    "Ledger",
    "Missing",
    "Disturbance",
    "Capacity",
    "Probe",
    "Repeat",
]

FORMAT: Literal[1] = 1
"""Number of the format; another one has fields that mean something else."""

MAX_BYTES = 256 * 1024 * 1024
"""Most bytes of a report's file."""


@dataclass(frozen=True, slots=True, config=FORM)
class LoadReport:
    """The report of one load test."""

    format: Literal[1]
    """Number of this format."""
    run: Run
    environment: Environment
    scenario: ScenarioText
    stages: tuple[Stage, ...]
    """In order, a warm-up among them."""
    series: tuple[Second, ...]
    """One entry a wall second."""
    workers: tuple[WorkerRow, ...]
    verdict: Judgement
    is_plan_exact: bool = True
    """Whether what is planned is all that is due.

    Deliveries that arrive, and traces, are in no plan; drivers that rest or end make fewer.
    """
    thresholds: dict[str, float] = field(default_factory=dict)
    """As the scenario has them, `window_s` among them.

    A stage's own thresholds have its name before them: ``peak.e2e_p99_ms``.
    """
    ledger: Ledger | None = None
    faults: dict[str, int] = field(default_factory=dict)
    """How many faults of the data delivery.event reports, by kind."""
    disturbances: tuple[Disturbance, ...] = ()
    """What was done to the system."""
    errors: tuple[str, ...] = ()
    """What workers reported that could not be read, and what else went wrong."""
    capacity: Capacity | None = None
    repeats: tuple[Repeat, ...] = ()
    """Further runs of the same test."""

    def to_json(self) -> str:
        """Return the report as a JSON text."""
        record = REPORT.dump_python(self, mode="json", by_alias=True)
        return json.dumps(record, ensure_ascii=False, allow_nan=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str = "report") -> LoadReport:
        """Return the report that a JSON text describes.

        Parameters
        ----------
        source : what errors call the text.

        Raises
        ------
        ReportError : it is no report, or one of another format.
        """
        try:
            record = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise ReportError(f"{source}: not a report: not JSON: {error}") from None
        if not isinstance(record, dict) or "format" not in record or "verdict" not in record:
            raise ReportError(f'{source}: not a report: it must be a JSON object with "format" and "verdict"')
        if record["format"] != FORMAT:
            raise ReportError(
                f"{source}: format must be {FORMAT}, found {record['format']!r}; read it with the release that wrote it"
            )
        try:
            report = REPORT.validate_json(text, strict=True)
            for number, stage in enumerate(report.stages):
                for segment, latency in stage.segments.items():
                    histogram_of(latency, f"stages[{number}].segments.{segment}")
        except ValidationError as error:
            raise ReportError(f"{source}: {report_error(error)}") from None
        except ReportError as error:
            raise ReportError(f"{source}: {error}") from None
        return report

    @property
    def e2e(self) -> Segment:
        """The segment that counts as end to end: viewed if the run had simulated viewers, else pushed."""
        return Segment.VIEWED if any(Segment.VIEWED in stage.segments for stage in self.stages) else Segment.PUSHED

    @property
    def judged(self) -> tuple[Stage, ...]:
        """The stages for which thresholds hold."""
        return tuple(stage for stage in self.stages if stage.judged)


REPORT = TypeAdapter(LoadReport)
"""Reads, writes and describes reports."""


def load_report(path: Path) -> LoadReport:
    """Return the report in a file.

    Raises
    ------
    ReportError : there is none, or it cannot be read.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ReportError(f"{path}: a report has at most {MAX_BYTES:,} bytes, found {path.stat().st_size:,}")
        return LoadReport.from_json(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise ReportError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ReportError(f"{path}: not a report: not UTF-8: {error.reason} at byte {error.start}") from None
