"""Errors of the engine. Every message names the value, the bound and the place.

EngineError
├── InvalidInput            input that cannot be used
│   ├── InvalidCoordinate       not a point on Earth, or swapped
│   ├── InvalidRoute            one point, repeated points, unknown route
│   ├── RouteFileError          a damaged file: path, line or element
│   ├── ScenarioError           a key, its value, its bound, its line
│   ├── MessageError            bytes on a topic that are not the contract
│   └── InvalidInstant          NaN or infinite time
└── NoPath                  the road network does not join two places
"""

from __future__ import annotations


class EngineError(Exception):
    """Base of everything that the engine raises deliberately."""


class InvalidInput(EngineError, ValueError):
    """Input that cannot be used; the message says why and where."""


class InvalidCoordinate(InvalidInput):
    """A latitude or longitude that is NaN, out of range, or evidently swapped."""


class InvalidRoute(InvalidInput):
    """A route that cannot be driven: fewer than two distinct points, or an unknown id."""


class RouteFileError(InvalidInput):
    """A route or road file that cannot be read.

    The message reads ``<path> <place>: <reason>``, the place being a line, a feature or an element.
    """

    def __init__(self, path: str, place: str, reason: str) -> None:
        super().__init__(f"{path} {place}: {reason}")
        self.path, self.place, self.reason = path, place, reason

    def __reduce__(self) -> tuple[type[RouteFileError], tuple[str, str, str]]:
        return type(self), (self.path, self.place, self.reason)


class ScenarioError(InvalidInput):
    """A scenario that is refused before anything starts; all its faults are listed."""


class MessageError(InvalidInput):
    """Bytes on a topic that do not follow the contract."""


class InvalidInstant(InvalidInput):
    """A time that is NaN or infinite."""


class NoPath(EngineError):
    """The road network has no way from one place to another."""


MOST_SHOWN = 80
"""Characters of a value that an error quotes."""


def shown(value: object) -> str:
    """Return a value as errors quote it, cut after `MOST_SHOWN` characters."""
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested too deep; an integer of more digits than Python writes
        return "a value that cannot be shown"
    return _cut(text)


def shown_text(text: str) -> str:
    """Return a piece of a file as errors quote it: in double quotes, cut after `MOST_SHOWN` characters."""
    return f'"{_cut(text)}"'


def _cut(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 3]}..."
