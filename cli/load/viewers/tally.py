"""What the viewers of a load have seen, by manner: counts, and ages of positions and frames.

Ages count from the instant at which a position was due. For viewers that do not read all the time the age includes
themselves, so they have groups of their own. The totals of several processes merge exactly, and go between them as
JSON.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cli.load.viewers.plan import Manner
from engine.latency.histogram import Histogram
from engine.wire_names import camel

PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)
READ_ALL = frozenset({Manner.FAST, Manner.RECONNECTING})
"""Manners whose ages measure the server: they read what comes at once."""


@dataclass
class Group:
    """What the viewers of one manner have seen.

    Attributes
    ----------
    viewers, connected : how many there are, and have a connection now.
    frames, densities : frames read, and those among them with numbers instead of vehicles.
    bytes : read from the sockets, all messages.
    reconnects : connections after a viewer's first.
    given_up : connections that the server closed because nothing was acknowledged.
    errors : other ends that a viewer did not want, by kind.
    ages : from due to seen, of the positions of a sample of the frames.
    delays : from the instant that a frame shows to its arrival, of every frame.
    """

    viewers: int = 0
    connected: int = 0
    frames: int = 0
    densities: int = 0
    bytes: int = 0
    reconnects: int = 0
    given_up: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    ages: Histogram = field(default_factory=Histogram)
    delays: Histogram = field(default_factory=Histogram)

    @classmethod
    def merged(cls, groups: Iterable[Group]) -> Self:
        """Return what several groups have seen together."""
        whole = cls()
        for group in groups:
            for name in _COUNTS:
                setattr(whole, name, getattr(whole, name) + getattr(group, name))
            whole.errors += group.errors
            whole.ages.merge(group.ages)
            whole.delays.merge(group.delays)
        return whole

    def since(self, earlier: Group) -> Group:
        """Return what was seen after an earlier state; how many there are stays."""
        later = Group(
            errors=self.errors - earlier.errors,
            ages=self.ages.since(earlier.ages),
            delays=self.delays.since(earlier.delays),
        )
        for name in _COUNTS:
            setattr(later, name, getattr(self, name) - (0 if name in _STANDING else getattr(earlier, name)))
        return later

    def copy(self) -> Group:
        """Return the state as it is now."""
        return Group.merged([self])

    def to_json(self) -> dict[str, Any]:
        """Return the group with its histograms encoded."""
        return {name: getattr(self, name) for name in _COUNTS} | {
            "errors": dict(self.errors),
            "ages": self.ages.encode(),
            "delays": self.delays.encode(),
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Self:
        """Return the group that `to_json` wrote."""
        counts = {name: record[name] for name in _COUNTS}
        return cls(
            **counts,
            errors=Counter(record["errors"]),
            ages=Histogram.decode(record["ages"]),
            delays=Histogram.decode(record["delays"]),
        )

    def figures(self, seconds: float) -> dict[str, Any]:
        """Return what a person or a script wants to know: counts, rates, percentiles in ms."""
        rates = {
            "framesPerS": self.frames / seconds if seconds else 0.0,
            "bytesPerS": self.bytes / seconds if seconds else 0.0,
        }
        counts = {camel(name): getattr(self, name) for name in _COUNTS}
        ages = {
            "positions": self.ages.total,
            "ageMs": percentiles_ms(self.ages),
            "delayMs": percentiles_ms(self.delays),
        }
        return counts | rates | {"errors": dict(self.errors)} | ages


_COUNTS = [one.name for one in fields(Group) if one.type == "int"]
_STANDING = ("viewers", "connected")


@dataclass
class StormTally:
    """A storm: how many left, and how long each took until it saw a frame again."""

    at_s: float
    viewers: int = 0
    back_ms: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """Return the counts, and percentiles in ms of the time until a first frame."""
        found = np.percentile(self.back_ms, (50, 99, 100)).tolist() if self.back_ms else [None] * 3
        return {
            "atS": self.at_s,
            "viewers": self.viewers,
            "back": len(self.back_ms),
            "backMs": dict(zip(("p50", "p99", "max"), found, strict=True)),
        }


@dataclass
class Totals:
    """What the viewers of one process, or of several together, have seen.

    Attributes
    ----------
    seconds : the time that was measured.
    cpu_s : processor time of the processes in it.
    lags : how late the loops of the viewers themselves were, looked at 20 times a second; when they were late, so seem
        the frames.
    """

    seconds: float = 0.0
    groups: dict[Manner, Group] = field(default_factory=lambda: {manner: Group() for manner in Manner})
    storms: list[StormTally] = field(default_factory=list)
    processes: int = 1
    cpu_s: float = 0.0
    lags: Histogram = field(default_factory=Histogram)

    @property
    def whole(self) -> Group:
        """All groups together."""
        return Group.merged(self.groups.values())

    @property
    def readers(self) -> Group:
        """The groups that read whatever comes."""
        return Group.merged(self.groups[manner] for manner in READ_ALL)

    @classmethod
    def merged(cls, several: Iterable[Totals]) -> Self:
        """Return the totals of several processes together.

        Storms are joined in the order in which each process saw them.
        """
        parts = list(several)
        whole = cls(max((part.seconds for part in parts), default=0.0), processes=sum(part.processes for part in parts))
        whole.groups = {manner: Group.merged(part.groups[manner] for part in parts) for manner in Manner}
        whole.cpu_s, whole.lags = sum(part.cpu_s for part in parts), Histogram.merged(part.lags for part in parts)
        for number in range(max((len(part.storms) for part in parts), default=0)):
            same = [part.storms[number] for part in parts if number < len(part.storms)]
            back_ms = [ms for storm in same for ms in storm.back_ms]
            whole.storms.append(
                StormTally(min(storm.at_s for storm in same), sum(storm.viewers for storm in same), back_ms)
            )
        return whole

    def to_json(self) -> dict[str, Any]:
        """Return the totals as another process may read them."""
        return {
            "seconds": self.seconds,
            "groups": {manner: group.to_json() for manner, group in self.groups.items()},
            "storms": [vars(storm) for storm in self.storms],
            "processes": self.processes,
            "cpu_s": self.cpu_s,
            "lags": self.lags.encode(),
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Self:
        """Return the totals that `to_json` wrote."""
        groups = {Manner(name): Group.from_json(group) for name, group in record["groups"].items()}
        storms = [StormTally(**storm) for storm in record["storms"]]
        return cls(
            record["seconds"], groups, storms, record["processes"], record["cpu_s"], Histogram.decode(record["lags"])
        )

    def figures(self) -> dict[str, Any]:
        """Return what a person or a script wants to know."""
        groups = {manner: group.figures(self.seconds) for manner, group in self.groups.items() if group.viewers}
        generator = {
            "processes": self.processes,
            "cores": self.cpu_s / self.seconds if self.seconds else 0.0,
            "lagMs": percentiles_ms(self.lags),
        }
        whole = {
            **self.whole.figures(self.seconds),
            "ageMs": percentiles_ms(self.readers.ages),
            "delayMs": percentiles_ms(self.readers.delays),
        }
        return {
            "seconds": self.seconds,
            **whole,
            "groups": groups,
            "storms": [storm.figures() for storm in self.storms],
            "generator": generator,
        }


def percentiles_ms(histogram: Histogram) -> dict[str, float | None]:
    """Return the usual percentiles of a histogram and its maximum, ms; None of an empty one."""
    found = {f"p{p:g}": histogram.percentile_us(p) for p in PERCENTILES} | {"max": histogram.max_us}
    return {name: None if us is None else us / 1000 for name, us in found.items()}


def as_array(parts: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return arrays one behind the other."""
    return np.concatenate(parts) if parts else np.empty(0)
