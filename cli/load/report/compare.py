"""What got better or worse from some runs to others, and whether that is more than noise.

Pure: reports in, comparison out.

With several runs a side the noise is the difference between runs of one side. With one run each it is unknown: then a
percentile's noise is its sampling error, by positions or by seconds, which is a lower bound, and for other figures
there is no estimate. A change below `least` counts as none in either case.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean
from typing import Any

from scipy.special import stdtrit

from cli.load.report.figures import Figure, Value, figures_of
from cli.load.report.model import LoadReport
from cli.load.report.sentences import no_verdict_reason
from engine.judging.verdict import Outcome

CONFIDENCE = 0.99
"""There are tens of figures: at 95 % one or two of them would seem to have changed by chance alone."""

LEAST = 0.02
"""Changes below this share are none: clocks, buckets and a warm machine cause as much."""


class Change(StrEnum):
    """What became of a figure.

    unclear: it changed, and how much of that is chance is unknown. missing: one side does not have it.
    """

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    UNCLEAR = "unclear"
    MISSING = "missing"


class Noise(StrEnum):
    """What is known of the noise.

    between runs: measured. of the sample: a lower bound. unknown: nothing.
    """

    BETWEEN_RUNS = "between runs"
    OF_THE_SAMPLE = "of the sample"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure on both sides.

    Attributes
    ----------
    before, after : means of the side's runs; None if the side does not have it.
    noise : a change up to this much is none, in the figure's unit.
    """

    figure: Figure
    before: float | None
    after: float | None
    noise: float
    known: Noise
    change: Change

    @property
    def share(self) -> float | None:
        """By what share of the former value it changed."""
        return None if not self.before or self.after is None else self.after / self.before - 1

    @property
    def noise_share(self) -> float | None:
        """The noise as a share of the former value."""
        return self.noise / abs(self.before) if self.before else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides.

    Attributes
    ----------
    runs : how many runs each side has.
    differences : what is not the same about machine, versions, settings and scenario: name, one side's, the other's.
    remarks : what a reader must know before believing it.
    """

    rows: tuple[Row, ...]
    runs: tuple[int, int]
    differences: tuple[tuple[str, str, str], ...]
    remarks: tuple[str, ...]

    def count(self, change: Change) -> int:
        """Return how many figures changed so."""
        return sum(row.change == change for row in self.rows)

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as JSON has it."""
        names = ("before", "after", "share", "noise", "known", "change")
        return {
            "runs": list(self.runs),
            **{change.value: self.count(change) for change in Change},
            "remarks": list(self.remarks),
            "differences": [
                {"what": name, "before": before, "after": after} for name, before, after in self.differences
            ],
            "figures": [
                {"stage": row.figure.stage, "figure": row.figure.name} | {name: getattr(row, name) for name in names}
                for row in self.rows
            ],
        }

    @property
    def has_worse(self) -> bool:
        """Whether something got worse, or is gone, so that it cannot be shown not to be worse."""
        return any(
            row.change == Change.WORSE or (row.change == Change.MISSING and row.after is None) for row in self.rows
        )


def compare(
    before: Sequence[LoadReport], after: Sequence[LoadReport], *, least: float = LEAST, confidence: float = CONFIDENCE
) -> Comparison:
    """Return what changed between two sides of one or more runs each.

    Parameters
    ----------
    least : changes below this share of the former value are none.
    confidence : with which a change is none of chance, 0 to 1.
    """
    sides = (_values(before, confidence), _values(after, confidence))
    figures = dict.fromkeys([*sides[0], *sides[1]])
    rows = tuple(
        _row(figure, sides[0].get(figure, []), sides[1].get(figure, []), least, confidence) for figure in figures
    )
    runs = tuple(sum(1 + len(report.repeats) for report in side) for side in (before, after))
    return Comparison(
        rows, (runs[0], runs[1]), tuple(_differences(before, after)), tuple(_remarks(before, after, rows))
    )


def _values(reports: Sequence[LoadReport], confidence: float) -> dict[Figure, list[Value]]:
    """Return each figure's value in every run of a side, repeated runs that a report only remembers too."""
    found: dict[Figure, list[Value]] = {}
    for report in reports:
        figures = figures_of(report, confidence)
        for figure, value in figures.items():
            remembered = (repeat.figures[str(figure)] for repeat in report.repeats if str(figure) in repeat.figures)
            found.setdefault(figure, []).extend([value, *map(Value, remembered)])
    return found


def _row(figure: Figure, before: list[Value], after: list[Value], least: float, confidence: float) -> Row:
    if not before or not after:
        side = [fmean(value.value for value in values) if values else None for values in (before, after)]
        return Row(figure, side[0], side[1], 0.0, Noise.UNKNOWN, Change.MISSING)
    old, new = (fmean(value.value for value in side) for side in (before, after))
    noise, known = _noise(before, after, confidence)
    noise = max(noise, least * abs(old))
    if abs(new - old) <= noise:
        change = Change.SAME
    elif known == Noise.UNKNOWN:
        change = Change.UNCLEAR
    else:
        change = Change.BETTER if (new > old) == figure.is_better_high else Change.WORSE
    return Row(figure, old, new, noise, known, change)


def _noise(before: list[Value], after: list[Value], confidence: float) -> tuple[float, Noise]:
    """Return by how much the means of two sides may differ by chance."""
    freedom = len(before) + len(after) - 2
    if freedom:
        squares = sum(
            (value.value - fmean(one.value for one in side)) ** 2 for side in (before, after) for value in side
        )
        spread = math.sqrt(squares / freedom * (1 / len(before) + 1 / len(after)))
        return float(
            stdtrit(freedom, (1 + confidence) / 2)
        ) * spread, Noise.BETWEEN_RUNS  # Student's t, variances pooled
    widths = [side[0].half_width for side in (before, after)]
    if any(width is None for width in widths):
        return 0.0, Noise.UNKNOWN
    return math.hypot(*(width for width in widths if width is not None)), Noise.OF_THE_SAMPLE


def _differences(before: Sequence[LoadReport], after: Sequence[LoadReport]) -> Iterator[tuple[str, str, str]]:
    """Yield what differs between the first reports of the sides in what was run and on what."""
    old, new = (_described(side[0]) for side in (before, after))
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            yield name, old.get(name, "none"), new.get(name, "none")


def _described(report: LoadReport) -> dict[str, str]:
    found, scenario = report.environment, report.scenario
    head = {
        "scenario": scenario.name,
        "seed": str(scenario.seed),
        "processor": found.cpu,
        "cores": str(found.cpus),
        "system": found.os,
    }
    head |= {
        "Python": found.python,
        "profile": found.profile,
        "broker": found.broker,
        "stores": ", ".join(found.stores),
    }
    return head | dict(found.versions) | _prefixed(found.settings)


def _prefixed(settings: Mapping[str, str]) -> dict[str, str]:
    return {f"setting {name}": value for name, value in settings.items()}


def _remarks(before: Sequence[LoadReport], after: Sequence[LoadReport], rows: Sequence[Row]) -> Iterator[str]:
    if any(row.known != Noise.BETWEEN_RUNS for row in rows if row.change != Change.MISSING):
        yield (
            "Each side is one run, so the noise between runs is unknown: of a percentile the chance of its sample "
            "is taken, the least that it can be, "
            "of CPU and memory nothing. Give several runs a side to know it."
        )
    if before[0].scenario.toml != after[0].scenario.toml:
        yield "The scenarios are not the same."
    for report in (*before, *after):
        if report.verdict.outcome == Outcome.NO_VERDICT:
            yield f"{report.run.id} has no verdict. {no_verdict_reason(report)}."
    gone = [
        (row.figure.stage, "former" if row.before is None else "latter") for row in rows if row.change == Change.MISSING
    ]
    for stage, side in dict.fromkeys(gone):
        yield f"{stage} is not, or not with all figures, in the runs of the {side} side."
