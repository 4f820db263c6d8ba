"""Draws the load to come in a terminal: columns over time, axes, and the stages beneath.

It knows series, and no scenario file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from engine.judging.plan import LoadPlan

STAGE_STYLES = ("cyan", "green", "magenta", "yellow", "blue", "red")
ARRIVAL_STYLE = "bright_blue"
WARM_UP_STYLE = "bright_black"

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_AXIS = 9
"""Characters of the axis on the left, its line included; the one on the right is as wide."""


def chart_columns(width: int) -> int:
    """Return how many columns of time fit into a terminal of some width."""
    return max(20, min(width, 160) - 2 * _AXIS)


def fleet_chart(plan: LoadPlan, height: int = 10) -> Group:
    """Return the drivers on the road over time, positions a second on the right, and the stages beneath."""
    top = nice_top(max(plan.peak, 5))
    styles = [_style_at(plan, (column + 0.5) * plan.column_s) for column in range(len(plan.drivers))]
    heading = _between("drivers", "positions/s", len(plan.drivers))
    rows = _rows(plan.drivers, top, height, styles, plan.mean_hz)
    return Group(
        heading, *rows, _base(len(plan.drivers)), _time_axis(plan), *([_stage_band(plan)] if plan.stages else [])
    )


def arrivals_chart(plan: LoadPlan, height: int = 5) -> Group:
    """Return the deliveries that arrive by the time of day, an hour on the left and a second on the right."""
    per_hour = [per_s * 3600 for per_s in plan.arrivals_per_s]
    styles = [ARRIVAL_STYLE] * len(per_hour)
    heading = _between("arrivals/hour", "arrivals/s", len(per_hour))
    rows = _rows(per_hour, nice_top(max(per_hour)), height, styles, 1 / 3600)
    return Group(
        heading,
        *rows,
        _base(len(per_hour)),
        _time_axis(plan, None if plan.from_hour is None else plan.from_hour * 3600),
    )


def stage_table(plan: LoadPlan) -> Table:
    """Return the stages with their times, drivers and rates."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("stage", "shape", "from", "to", "drivers", "positions/s", "positions"):
        table.add_column(
            heading, justify="left" if heading in ("stage", "shape") else "right", header_style="bold", overflow="fold"
        )
    for number, stage in enumerate(plan.stages):
        name = Text("■ ", STAGE_STYLES[number % len(STAGE_STYLES)]).append(stage.name, "default")
        cells = (
            _span(stage.begin, stage.end),
            _span(stage.begin * plan.mean_hz, stage.end * plan.mean_hz),
            f"{stage.positions:,.0f}",
        )
        table.add_row(name, stage.shape, clock(stage.begin_s), clock(stage.end_s), *cells)
    return table


def nice_top(peak: float) -> float:
    """Return a round number at or above the highest value.

    It is 1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6 or 8 times a power of ten.
    """
    if peak <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(peak))
    return next(step * power for step in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= peak * (1 - 1e-9))


def short(value: float) -> str:
    """Return a number in at most 6 characters."""
    unit, divisor = next(
        ((unit, divisor) for divisor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if value >= divisor * 0.9995),
        ("", 1.0),
    )
    return f"{value / divisor:.4g}{unit}"


def clock(s: float) -> str:
    """Return a time after the beginning: 1:30 is a minute and a half, 2:00:00 two hours."""
    whole, rest = divmod(round(s * 10), 10)
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
    return f"{text}.{rest}" if rest else text


def _rows(values: Sequence[float], top: float, height: int, styles: Sequence[str], per_left: float) -> list[Text]:
    """Return the rows of a chart; the axis on the right is `per_left` times the one on the left."""
    eighths = [max(round(value / top * height * 8), 1 if value > 0 else 0) for value in values]
    rows = []
    for level in range(height - 1, -1, -1):
        share = (level + 1) / height
        left, right = (short(top * share), short(top * share * per_left)) if _is_labelled(level, height) else ("", "")
        row = Text(f"{left:>{_AXIS - 2}} ┤" if left else " " * (_AXIS - 1) + "│", WARM_UP_STYLE)
        for full, style in zip(eighths, styles, strict=True):
            row.append(_EIGHTHS[min(max(full - level * 8, 0), 8)], style)
        rows.append(row.append(f"├ {right}" if right else "│", WARM_UP_STYLE))
    return rows


def _is_labelled(level: int, height: int) -> bool:
    """Tell whether a row has a label: the top one and each second below it, but not the lowest."""
    return (height - 1 - level) % 2 == 0 and level > 0


def _between(left: str, right: str, columns: int) -> Text:
    gap = columns + 2 * _AXIS - len(left) - len(right) - 1
    return Text(f" {left}{' ' * max(gap, 1)}{right}", "bold")


def _base(columns: int) -> Text:
    return Text(f"{'0':>{_AXIS - 2}} └{'─' * columns}┘ 0", WARM_UP_STYLE)


def _time_axis(plan: LoadPlan, from_s: float | None = None) -> Text:
    """Return the times under the columns: as many round ones as fit.

    They are times of day if the run begins at a round one.
    """
    columns = len(plan.drivers)
    steps = (
        1,
        2,
        5,
        10,
        15,
        30,
        60,
        120,
        300,
        600,
        900,
        1800,
        3600,
        7200,
        10_800,
        14_400,
        21_600,
        43_200,
        86_400,
        7 * 86_400,
        30 * 86_400,
    )
    step = next((step for step in steps if columns * step / plan.end_s >= 10), steps[-1])
    line = [" "] * (columns + 2 * _AXIS)
    at = 0.0 if from_s is None else -from_s % step
    while at <= plan.end_s + 1e-9:
        text = (
            _axis_time(at, step)
            if from_s is None
            else f"{int((from_s + at) // 3600) % 24:02d}:{int((from_s + at) // 60) % 60:02d}"
        )
        column = _AXIS + round(at / plan.end_s * columns) - (0 if at < plan.end_s else 1)
        begin = max(column - len(text) // 2, 0)
        line[begin : begin + len(text)] = text
        at += step
    return Text("".join(line)[: columns + 2 * _AXIS].rstrip(), WARM_UP_STYLE)


def _axis_time(at_s: float, step_s: float) -> str:
    return f"{at_s / 3600:.0f} h" if step_s % 3600 == 0 and at_s else clock(at_s)


def _stage_band(plan: LoadPlan) -> Text:
    """Return a band under the time axis with each stage's name in its colour, as far as it has room."""
    columns = len(plan.drivers)
    band = Text(" " * _AXIS)
    done = 0
    for number, stage in enumerate(plan.stages):
        end = min(round(stage.end_s / plan.end_s * columns), columns)
        if end <= done:
            continue
        width = end - done
        label = (
            f" {stage.name} "
            if width >= len(stage.name) + 2
            else stage.name
            if width >= len(stage.name)
            else stage.name[: width - 1] + "…"
        )
        band.append(f"{label:^{width}}" if width > 1 else " ", f"reverse {STAGE_STYLES[number % len(STAGE_STYLES)]}")
        done = end
    return band


def _style_at(plan: LoadPlan, at_s: float) -> str:
    if at_s < plan.warm_up_s:
        return WARM_UP_STYLE
    return next(
        (
            STAGE_STYLES[n % len(STAGE_STYLES)]
            for n, stage in enumerate(plan.stages)
            if stage.begin_s <= at_s < stage.end_s
        ),
        STAGE_STYLES[0],
    )


def _span(begin: float, end: float) -> str:
    return f"{end:,.0f}" if begin == end else f"{begin:,.0f} → {end:,.0f}"
