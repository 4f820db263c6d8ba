"""Draws a segment's latency from due as a bar to its p50, continued to its p99."""

from __future__ import annotations

from cli.load.load_chart import nice_top
from cli.load.report import shown
from cli.load.report.markup import Markup, el, svg
from cli.load.report.model import Stage
from engine.latency.meter import Segment

WIDTH, ROW, TOP = 520.0, 24.0, 40.0
LEFT, RIGHT = 76.0, 150.0

COLOURS = {
    Segment.PRODUCED: 0,
    Segment.ACKED: 1,
    Segment.CONSUMED: 2,
    Segment.PUSHED: 3,
    Segment.STORED: 4,
    Segment.INDEXED: 5,
    Segment.VIEWED: 7,
}
WAY = (
    Segment.PRODUCED,
    Segment.ACKED,
    Segment.CONSUMED,
    Segment.PUSHED,
    Segment.VIEWED,
    Segment.STORED,
    Segment.INDEXED,
)
"""The segments in the order of the way: to the viewers first, then to the stores."""


def greatest_ms(stages: tuple[Stage, ...]) -> float:
    """Return the right end of the axis on which all stages fit."""
    return nice_top(
        max((latency.p99_ms or 0.0 for stage in stages for latency in stage.segments.values()), default=1.0) or 1.0
    )


def waterfall(stage: Stage, number: int, top_ms: float) -> Markup:
    """Return the drawing of one stage.

    Parameters
    ----------
    number : of the stage on its page.
    top_ms : right end of the axis, the same for all stages, so that they can be compared.
    """
    found = [segment for segment in WAY if segment in stage.segments]
    height = TOP + ROW * len(found) + 24
    parts = [
        *_axis(top_ms, height - 20),
        el("text", "p50", x=WIDTH - 78, y=30, class_="end"),
        el("text", "p99", x=WIDTH, y=30, class_="end"),
    ]
    for row, segment in enumerate(found):
        parts += _bar(segment, stage, TOP + ROW * row, top_ms)
    latencies = ", ".join(
        f"{segment} {shown.ms(stage.segments[segment].p50_ms)} and {shown.ms(stage.segments[segment].p99_ms)}"
        for segment in found
    )
    title = el("text", stage.name, x=0, y=14, class_="title")
    return svg(
        f"way{number}",
        f"Waterfall of {stage.name}",
        f"Time after due, p50 and p99: {latencies}.",
        WIDTH,
        height,
        title,
        *parts,
    )


def _bar(segment: Segment, stage: Stage, top: float, top_ms: float) -> list[Markup]:
    latency, colour = stage.segments[segment], COLOURS[segment]
    middle, late = (_width(value, top_ms) for value in (latency.p50_ms, latency.p99_ms))
    return [
        el("text", segment.value, x=LEFT - 8, y=top + 15, class_="end"),
        el("rect", x=LEFT, y=top + 4, width=late, height=ROW - 8, rx=2, class_=f"b{colour} late"),
        el("rect", x=LEFT, y=top + 4, width=max(middle, 1.5), height=ROW - 8, rx=2, class_=f"b{colour}"),
        el("text", shown.ms(latency.p50_ms), x=WIDTH - 78, y=top + 15, class_="end value"),
        el("text", shown.ms(latency.p99_ms), x=WIDTH, y=top + 15, class_="end value"),
    ]


def _axis(top_ms: float, bottom: float) -> list[Markup]:
    parts = []
    for step in range(3):
        value = top_ms * step / 2
        at = LEFT + _width(value, top_ms)
        parts.append(el("line", x1=at, x2=at, y1=TOP - 4, y2=bottom, class_="grid"))
        parts.append(el("text", "due" if not step else shown.ms(value), x=at, y=bottom + 15, class_="mid"))
    return parts


def _width(value: float | None, top_ms: float) -> float:
    return min((value or 0.0) / top_ms, 1.0) * (WIDTH - LEFT - RIGHT)
