"""Options of a load of viewers: one value for the command and for the processes it starts."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, Self

import httpx

from cli.http_address import checked_address
from cli.load.viewers.plan import CrowdPlan, Storm
from cli.load.viewers.viewport import Bounds
from engine.contract.address import without_identities, without_identity
from engine.errors import InvalidInput

PROCESS_VIEWERS = 1000
"""With more viewers than these in a process the load is late before most servers are."""

SAMPLED_VIEWERS = 50
"""Viewers whose every frame is looked into; of more viewers a share, so that the cost stays."""

SETTLE_S = 2.0


@dataclass(frozen=True)
class Options:
    """The options of ``code-delivery viewers`` and ``python -m cli.load.viewers``.

    Attributes
    ----------
    url : of the API.
    bounds : west,south,east,north in degrees, where the middles of views lie; the base map's of the API if absent.
    duration : seconds; without end if 0.
    from_s : seconds at the beginning that are left out of the figures; until all have come, and `SETTLE_S`, if absent.
    sample : share of the frames that are looked into, more than 0 to 1; follows the number of viewers if absent.
    storm_at : seconds after the beginning at which all viewers, or `storm_share` of them, lose their connections at
        once; none if absent.
    index, processes : which of how many processes this is.
    kafka : brokers on which the measurements are published; they are not if absent.
    run : only this run is measured; the one that the map shows if absent.
    """

    url: str = "http://127.0.0.1:8000"
    viewers: int = 100
    slow: float = 0.0
    stalled: float = 0.0
    reconnecting: float = 0.0
    pan_s: float = 5.0
    come_per_s: float = 200.0
    seed: int = 1
    bounds: str | None = None
    duration: float = 60.0
    from_s: float | None = None
    sample: float | None = None
    storm_at: float | None = None
    storm_share: float = 1.0
    index: int = 0
    processes: int = 1
    kafka: str | None = None
    run: str | None = None

    def __post_init__(self) -> None:
        for name, low, high in (
            ("processes", 1, 256),
            ("index", 0, self.processes - 1),
            ("duration", 0, 366 * 86_400),
            ("from_s", 0, 366 * 86_400),
        ):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise InvalidInput(f"{name} must be from {low:,} to {high:,}, found {value!r}")
        if self.sample is not None and not 0 < self.sample <= 1:
            raise InvalidInput(f"sample must be more than 0 and at most 1, found {self.sample!r}")

    @property
    def measure_every(self) -> int:
        """Frames of a viewer for each one that is looked into."""
        return (
            max(1, round(1 / self.sample)) if self.sample is not None else max(1, -(-self.viewers // SAMPLED_VIEWERS))
        )

    @property
    def measured_from_s(self) -> float:
        """Seconds after the beginning from which on the figures count."""
        return self.viewers / self.come_per_s + SETTLE_S if self.from_s is None else self.from_s

    @property
    def storms(self) -> list[Storm]:
        """The storm, if there is to be one.

        Raises
        ------
        InvalidInput : its instant or share is out of bounds.
        """
        return [] if self.storm_at is None else [Storm(self.storm_at, self.storm_share)]

    def crowd(self, bounds: Bounds) -> CrowdPlan:
        """Return the plan.

        Raises
        ------
        InvalidInput : a value is out of its bounds.
        """
        return CrowdPlan(
            self.viewers, bounds, self.slow, self.stalled, self.reconnecting, self.pan_s, self.come_per_s, self.seed
        )

    def to_arguments(self) -> list[str]:
        """Return the arguments by which ``python -m cli.load.viewers`` gets these options."""
        given = ((one.name, getattr(self, one.name)) for one in fields(self))
        return [f"--{name.replace('_', '-')}={value}" for name, value in given if value is not None]

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> Self:
        """Return the options in some arguments; faults end the process, as argparse does."""
        parser = argparse.ArgumentParser(
            prog="python -m cli.load.viewers",
            description="simulated map viewers; prints one JSON line of totals at the end",
        )
        for one in fields(cls):
            kind: Any = next(kind for kind in (float, int, str) if kind.__name__ in str(one.type))
            assert one.default is not MISSING
            parser.add_argument(f"--{one.name.replace('_', '-')}", type=kind, default=one.default)
        return cls(**vars(parser.parse_args(arguments)))


def bounds_of(text: str | None, url: str, api_key: str | None = None) -> Bounds:
    """Return the bounds that are given, or else those of an API's base map.

    Raises
    ------
    InvalidInput : no four numbers; an API that does not answer or has no base map.
    """
    if text is not None:
        try:
            west, south, east, north = map(float, text.split(","))
        except ValueError:
            raise InvalidInput(f"bounds must be west,south,east,north in degrees, found {text!r}") from None
        return Bounds.of_degrees(west, south, east, north)
    shown = without_identity(url)
    try:
        answer = httpx.get(
            f"{checked_address(url)}/config.json",
            timeout=10.0,
            trust_env=False,
            headers={"X-API-Key": api_key} if api_key else {},
        )
        answer.raise_for_status()
        found = answer.json().get("bounds")
    except (httpx.HTTPError, ValueError) as error:
        raise InvalidInput(
            f"{shown} does not say where its map is ({without_identities(str(error))}): "
            "give --bounds west,south,east,north"
        ) from None
    if not found:
        raise InvalidInput(f"{shown} has no base map: give --bounds west,south,east,north")
    return Bounds.of_degrees(*found)
