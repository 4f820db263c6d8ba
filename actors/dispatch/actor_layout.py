"""The actor layout: how many driver actors a run gets, and which driver sits in which.

Pure arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

ACTORS_PER_CPU = 2
"""Driver actors per CPU up to which each driver gets its own; an actor is a process of some 100 MiB."""

POSITIONS_PER_ACTOR = 1_000.0
"""Positions a wall second for which a further actor is made: some 2 % of a core.

That leaves capacity for a larger time scale. Fewer and fuller actors send fewer and fuller batches, and brokers and
readers pay for each batch.
"""

_CPU_SHARE = 0.8
"""Part of the cluster's CPUs that driver actors may reserve; the rest is for other processes."""

_CPU_GRAIN = 10_000
"""Ray counts CPUs in ten-thousandths."""


@dataclass(frozen=True, slots=True)
class ActorLayout:
    """The actors of a fleet, and which drivers sit in which.

    Attributes
    ----------
    actors : how many there are, >= 1.
    drivers_per_actor : the most drivers of the fleet in one actor. Unless they are dealt, drivers 0 to n-1 sit in actor
        0, the next n in actor 1, and so on; drivers past the last actor are dealt out one by one.
    actor_cpus : CPUs that Ray reserves for one actor, > 0: with 0 it would pack without bound and never scale a cluster
        up.
    is_dealt : drivers are dealt out one by one, to one actor after the other. So the actors share the load whatever
        part of the fleet is on the road.
    """

    actors: int
    drivers_per_actor: int
    actor_cpus: float
    is_dealt: bool = False

    def actor_of(self, driver: int) -> int:
        """Return the number of the actor that hosts a driver of the fleet, both counted from 0."""
        actor = driver // self.drivers_per_actor
        return driver % self.actors if self.is_dealt or actor >= self.actors else actor

    def kept(self, actors: int, drivers_per_actor: int, is_dealt: bool, cpus: float) -> ActorLayout:
        """Return an earlier layout on a cluster with `cpus` CPUs.

        It has as many actors as then, each with at most its share of the CPUs there are.
        """
        return ActorLayout(
            actors,
            drivers_per_actor,
            self.actor_cpus if actors == self.actors else min(self.actor_cpus, _share(cpus, actors)),
            is_dealt,
        )


def lay_out(
    drivers: int,
    cpus: float,
    positions_per_s: float,
    *,
    drivers_per_actor: int | None = None,
    actor_cpus: float | None = None,
    is_dealt: bool = False,
) -> ActorLayout:
    """Return the layout of a fleet of `drivers`, which make `positions_per_s` in all, on `cpus` CPUs.

    A fleet of up to `ACTORS_PER_CPU` drivers a CPU gets one actor each. Past that, drivers are packed: one actor for
    each `POSITIONS_PER_ACTOR`, and at most one per CPU, because a second process on a busy CPU only adds cost.
    `drivers_per_actor` sets it by hand. A run without a fleet has one actor per CPU waiting for requests.
    """
    whole_cpus = max(1, int(cpus))
    if drivers_per_actor is not None:
        actors = max(1, math.ceil(drivers / drivers_per_actor))
    elif 0 < drivers <= whole_cpus * ACTORS_PER_CPU:
        actors = drivers
    elif drivers == 0:
        actors = whole_cpus
    else:
        actors = min(whole_cpus, max(1, math.ceil(positions_per_s / POSITIONS_PER_ACTOR)))
    return ActorLayout(
        actors=actors,
        drivers_per_actor=drivers_per_actor or max(1, math.ceil(drivers / actors)),
        actor_cpus=actor_cpus or _share(cpus, actors),
        is_dealt=is_dealt,
    )


def _share(cpus: float, actors: int) -> float:
    share = math.floor(cpus * _CPU_SHARE / actors * _CPU_GRAIN) / _CPU_GRAIN
    return min(1.0, max(1 / _CPU_GRAIN, share))


def least_loaded(loads: Mapping[str, int]) -> str:
    """Return the name of the actor with the fewest deliveries.

    Of equals it is the first by name, so that the choice can be repeated.
    """
    return min(loads, key=lambda name: (loads[name], name))
