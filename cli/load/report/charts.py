"""Drawings of lines over an axis, as SVG.

They know numbers, names and numbered colours (`page.css` has them for light and dark), and no report.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from cli.load.load_chart import nice_top
from cli.load.report.markup import Markup, el, svg

WIDTH, HEIGHT = 520.0, 250.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 12.0, 44.0, 34.0
LETTER = 6.4
"""Width of a letter, about."""

_LOG_FROM = 15.0
"""An axis may be logarithmic if its greatest value is more than this many times the middle one."""

_HEADROOM = 1.06
"""The greatest value does not touch the names above the chart."""

Point = tuple[float, float | None]


@dataclass(frozen=True, slots=True)
class Scale:
    """Where values lie on the page."""

    low: float
    high: float
    begin: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the place of a value; one beyond an end is at the end."""
        low, high, at = (
            map(math.log, (self.low, self.high, max(value, self.low))) if self.log else (self.low, self.high, value)
        )
        return self.begin + min(max((at - low) / (high - low), 0.0), 1.0) * (self.end - self.begin)

    def ticks(self, most: int = 5) -> list[float]:
        """Return round values along the scale."""
        if self.log:
            first, last = round(math.log10(self.low)), round(math.log10(self.high))
            return [10.0**power for power in range(first, last + 1, max(math.ceil((last - first) / most), 1))]
        step = _step((self.high - self.low) / most)
        return [
            number * step
            for number in range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)
        ]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart.

    Attributes
    ----------
    colour : number of its colour.
    is_area : whether it is drawn as the area below it.
    has_dots : whether each of its points is drawn; those that stand alone are always.
    """

    name: str
    points: Sequence[Point]
    colour: int
    is_area: bool = False
    has_dots: bool = False


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of the horizontal axis with a name."""

    name: str
    begin: float
    end: float
    is_quiet: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """A bound, drawn across a part of the chart."""

    value: float
    begin: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn.

    Attributes
    ----------
    key : name of the drawing on its page.
    desc : what it shows, in words, for who does not see it.
    y_text, x_text : write a value of an axis.
    unit : of the vertical axis.
    x_ticks : values and texts of the horizontal axis; round values if absent.
    may_log : whether the vertical axis may be logarithmic.
    marks : places on the horizontal axis with a name.
    """

    key: str
    title: str
    desc: str
    lines: Sequence[Line]
    unit: str
    y_text: Callable[[float], str]
    x_text: Callable[[float], str]
    may_log: bool = False
    x_log: bool = False
    x_ticks: Sequence[tuple[float, str]] = ()
    bands: Sequence[Band] = ()
    limits: Sequence[Limit] = ()
    marks: Sequence[tuple[float, str]] = ()


def chart(picture: Picture) -> Markup:
    """Return a chart of lines; an empty one says that there is nothing."""
    values = [y for line in picture.lines for _, y in line.points if y is not None]
    places = [x for line in picture.lines for x, _ in line.points] + [
        edge for band in picture.bands for edge in (band.begin, band.end)
    ]
    if not values or not places:
        return _drawn(picture, [el("text", "nothing was measured", x=WIDTH / 2, y=HEIGHT / 2, class_="mid")])
    x, y = (
        x_scale(places, log=picture.x_log),
        y_scale([*values, *(limit.value for limit in picture.limits)], may_log=picture.may_log),
    )
    unit = f"{picture.unit}, logarithmic" if y.log else picture.unit
    parts = [*_bands(picture.bands, x), *_y_axis(y, picture.y_text, unit), *_x_axis(picture, x)]
    parts += [_path(line, x, y) for line in sorted(picture.lines, key=lambda line: not line.is_area)]
    parts += [dot for line in picture.lines for dot in _dots(line, x, y)]
    parts += [piece for limit in picture.limits for piece in _limit(limit, x, y)]
    parts += [piece for at, text in picture.marks if x.low <= at <= x.high for piece in _mark(x(at), text)]
    return _drawn(picture, [*parts, *legend(picture.lines)])


def x_scale(places: Iterable[float], *, log: bool = False) -> Scale:
    """Return the scale of a horizontal axis on which some values lie."""
    found = list(places)
    low, high = min(found), max(found)
    return Scale(low, high if high > low else low * 10 if log else low + 1, LEFT, WIDTH - RIGHT, log)


def y_scale(values: Sequence[float], *, may_log: bool = False) -> Scale:
    """Return the scale of a vertical axis: linear from zero, or logarithmic.

    Logarithmic where the greatest value would hide most of the others.
    """
    ordered = sorted(value for value in values if value > 0) or [1.0]
    top, middle = ordered[-1], ordered[len(ordered) // 2]
    if may_log and top > _LOG_FROM * middle:
        low, high = 10.0 ** math.floor(math.log10(ordered[0])), 10.0 ** math.ceil(math.log10(top) - 1e-9)
        return Scale(max(low, high / 1e6), high, HEIGHT - BOTTOM, TOP, log=True)
    return Scale(0.0, nice_top(top * _HEADROOM), HEIGHT - BOTTOM, TOP)


def legend(lines: Iterable[Line]) -> list[Markup]:
    """Return the names of lines with a piece of each, in a row above a chart."""
    parts, at = [], LEFT
    for line in lines:
        parts.append(el("line", x1=at, x2=at + 18, y1=30, y2=30, class_=f"l{line.colour}"))
        parts.append(el("text", line.name, x=at + 23, y=34))
        at += 23 + 1.15 * LETTER * len(line.name) + 16
    return parts


def _drawn(picture: Picture, parts: Iterable[Markup]) -> Markup:
    title = el("text", picture.title, x=0, y=14, class_="title")
    return svg(picture.key, picture.title, picture.desc, WIDTH, HEIGHT, title, *parts)


def _y_axis(scale: Scale, text: Callable[[float], str], unit: str) -> list[Markup]:
    parts = []
    for value in scale.ticks():
        at = scale(value)
        parts.append(el("line", x1=LEFT, x2=WIDTH - RIGHT, y1=at, y2=at, class_="grid"))
        parts.append(el("text", text(value), x=LEFT - 6, y=at + 4, class_="end"))
    return [*parts, el("text", unit, x=WIDTH - RIGHT, y=14, class_="end unit")]


def _x_axis(picture: Picture, scale: Scale) -> list[Markup]:
    base = HEIGHT - BOTTOM
    ticks = picture.x_ticks or [(value, picture.x_text(value)) for value in scale.ticks(6)]
    shown = [(scale(value), text) for value, text in ticks if scale.low <= value <= scale.high]
    parts = [el("line", x1=LEFT, x2=WIDTH - RIGHT, y1=base, y2=base, class_="axis")]
    for at, text in shown:
        parts.append(el("line", x1=at, x2=at, y1=base, y2=base + 4, class_="axis"))
        is_last = at + LETTER * len(text) / 2 > WIDTH
        parts.append(el("text", text, x=WIDTH if is_last else at, y=base + 18, class_="end" if is_last else "mid"))
    return parts


def _path(line: Line, x: Scale, y: Scale) -> Markup:
    """Return a line, broken where it has no value."""
    drawn, pen = "", "M"
    for at, value in line.points:
        if value is None:
            pen = "M"
            continue
        drawn += f"{pen}{x(at):.1f} {y(value):.1f}"
        pen = "L"
    if line.is_area and drawn.count("M") == 1:
        known = [at for at, value in line.points if value is not None]
        drawn += f"L{x(known[-1]):.1f} {y.begin:.1f}L{x(known[0]):.1f} {y.begin:.1f}Z"
        return el("path", d=drawn, class_=f"a{line.colour}")
    return el("path", d=drawn, class_=f"l{line.colour}")


def _dots(line: Line, x: Scale, y: Scale) -> list[Markup]:
    """Return the points that are drawn as such."""
    known = [value is not None for _, value in line.points]
    alone = [
        not any(known[max(number - 1, 0) : number] + known[number + 1 : number + 2]) for number in range(len(known))
    ]
    shown = [point for point, is_alone in zip(line.points, alone, strict=True) if line.has_dots or is_alone]
    return [
        el("circle", cx=x(at), cy=y(value), r=3.5, class_=f"b{line.colour}") for at, value in shown if value is not None
    ]


def _bands(bands: Sequence[Band], scale: Scale) -> list[Markup]:
    parts = []
    for number, band in enumerate(bands):
        begin, end = scale(band.begin), scale(band.end)
        kind = "quiet" if band.is_quiet else "odd" if number % 2 else "even"
        parts.append(
            el("rect", x=begin, y=TOP, width=max(end - begin, 0.0), height=HEIGHT - BOTTOM - TOP, class_=f"band {kind}")
        )
        room = int((end - begin - 6) / LETTER)
        if room >= min(len(band.name), 4):
            name = band.name if len(band.name) <= room else band.name[: room - 1] + "…"
            parts.append(el("text", name, x=(begin + end) / 2, y=HEIGHT - 2, class_="mid stage"))
    return parts


def _limit(limit: Limit, x: Scale, y: Scale) -> list[Markup]:
    begin, end, at = x(limit.begin), x(limit.end), y(limit.value)
    is_near_end = begin + 4 + LETTER * len(limit.text) > WIDTH - RIGHT
    drawn = el(
        "text",
        limit.text,
        x=end if is_near_end else begin + 4,
        y=at - 4,
        class_="end limit-text" if is_near_end else "limit-text",
    )
    return [el("line", x1=begin, x2=end, y1=at, y2=at, class_="limit"), drawn]


def _mark(at: float, text: str) -> list[Markup]:
    near_end = at + LETTER * len(text) + 6 > WIDTH
    drawn = el(
        "text", text, x=at - 4 if near_end else at + 4, y=TOP + 10, class_="end mark-text" if near_end else "mark-text"
    )
    return [el("line", x1=at, x2=at, y1=TOP, y2=HEIGHT - BOTTOM, class_="mark"), drawn]


def _step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= least * (1 - 1e-9))
