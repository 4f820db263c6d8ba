"""Times as tables have them: numbers of one unit, dates without signs, or ISO 8601.

A column has one form: its first time decides, and a time in another form is refused.

The unit of a number is its column's, if the name says it (``time_ms``), and else follows from its size:

    below 1e11      s       to the year 5138, and times that are counted from zero
    1e11 to 1e14    ms      the years 1973 to 5138
    1e14 to 1e17    µs      the same
    1e17 to 1e20    ns      the same

Numbers of 8, 12, 14 and 17 digits that are a date of the years 1900 to 2099, such as ``20200101`` and
``20200101000058``, are that date.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import NamedTuple

from engine.errors import shown


class _Form(NamedTuple):
    """How the times of a column are written.

    Numbers lie in [least, end) without their sign, and per_s of them are a second.
    """

    name: str
    least: float = math.inf
    end: float = math.inf
    per_s: float = 1.0


_END_S = 1e11
_UNITS = (
    _Form("s", 0.0, _END_S),
    _Form("ms", 1e11, 1e14, 1e3),
    _Form("µs", 1e14, 1e17, 1e6),
    _Form("ns", 1e17, 1e20, 1e9),
)
_ISO, _DATE = _Form("ISO 8601"), _Form("digits of a date")
_DATE_LENGTHS = (8, 12, 14, 17)


class TimeColumn:
    """Reads the times of one column, one after the other.

    Parameters
    ----------
    per_s : units of its numbers in a second; None if their size says it.
    """

    def __init__(self, per_s: float | None = None) -> None:
        self._units = _UNITS if per_s is None else (_Form("numbers", 0.0, _END_S * per_s, per_s),)
        self._date_lengths = _DATE_LENGTHS if per_s is None else ()
        self._first, self._form = "", _ISO

    def read(self, text: str) -> float:
        """Return a time in epoch seconds; one without a zone is in UTC.

        Raises
        ------
        ValueError : it is no time, or of another form than the first.
        """
        form = self._form
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if form.least <= abs(number) < form.end and len(text) not in self._date_lengths:
            return number / form.per_s  # what nearly all are
        time_s, found = self._time_and_form(text, number)
        if not self._first:
            self._first, self._form = text, found
        elif found != form:
            raise ValueError(
                f"expected a time in {form.name} like the first, {shown(self._first)}, "
                f"found {shown(text)} in {found.name}"
            )
        return time_s

    def _time_and_form(self, text: str, number: float) -> tuple[float, _Form]:
        if len(text) in self._date_lengths and (date_s := _date_s(text)) is not None:
            return date_s, _DATE
        for form in self._units:
            if form.least <= abs(number) < form.end:
                return number / form.per_s, form
        if not math.isnan(number):
            raise ValueError(f"expected a time before the year 5138, found {shown(text)}")
        return _iso_s(text), _ISO


def _date_s(text: str) -> float | None:
    """Return the time that the digits of a date and perhaps a time of day are, or None."""
    if not (text.startswith(("19", "20")) and text.isascii() and text.isdigit()):
        return None
    clock, fraction = text[8:14], text[14:]
    try:
        return _iso_s(text[:8] + (f"T{clock}" if clock else "") + (f".{fraction}" if fraction else ""))
    except ValueError:
        return None


def _iso_s(text: str) -> float:
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(f"expected a time, found {shown(text)}") from None
