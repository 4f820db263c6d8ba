"""What the tags of an OpenStreetMap way mean for a vehicle: class, access, direction, speed.

It reads no file.

Sources: wiki.openstreetmap.org/wiki/Key:highway, Key:access, Key:oneway, Key:maxspeed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

KMH_MPS = 1 / 3.6
MPH_MPS = 0.44704
KNOT_MPS = 1852 / 3600

DEFAULT_SPEED_KMH: Mapping[str, float] = {
    "motorway": 120,
    "motorway_link": 60,
    "trunk": 90,
    "trunk_link": 50,
    "primary": 65,
    "primary_link": 40,
    "secondary": 55,
    "secondary_link": 40,
    "tertiary": 50,
    "tertiary_link": 30,
    "unclassified": 40,
    "road": 40,
    "residential": 30,
    "service": 20,
    "living_street": 15,
}
"""Road classes for vehicles, the greatest first, and their speed without a ``maxspeed`` tag.

The speed also stands in for a value that cannot be used.
"""

ROAD_CLASSES = tuple(DEFAULT_SPEED_KMH)

_SPEED_WORDS_KMH = {
    "walk": 7,
    "none": 130,
    "motorway": 120,
    "trunk": 100,
    "rural": 80,
    "urban": 50,
    "bicycle_road": 30,
    "living_street": 15,
}
_SPEED = re.compile(r"(\d+(?:\.\d+)?)\s*(km/h|kmh|kph|mph|knots)?")
_ZONE = re.compile(r"(?:[a-z]{2}:)?zone:?(\d+)")
_UNIT_MPS = {"mph": MPH_MPS, "knots": KNOT_MPS}
_PLAUSIBLE_MPS = (3 * KMH_MPS, 150 * KMH_MPS)

_ACCESS_KEYS = ("motorcar", "motor_vehicle", "vehicle", "access")  # the most specific first
_CLOSED = frozenset(
    {"no", "private", "agricultural", "forestry", "emergency", "psv", "bus", "military", "permit", "use_sidepath"}
)
_BARRIERS = frozenset(
    {
        "block",
        "bollard",
        "chain",
        "cycle_barrier",
        "debris",
        "jersey_barrier",
        "log",
        "motorcycle_barrier",
        "stile",
        "turnstile",
    }
)


@dataclass(frozen=True, slots=True)
class Road:
    """What a way is for a vehicle.

    Attributes
    ----------
    road_class : index into `ROAD_CLASSES`.
    forward_mps, backward_mps : speed in the direction of the way's points and against it; 0 where it must not be
        driven.
    """

    road_class: int
    forward_mps: float
    backward_mps: float


def road_of(tags: Mapping[str, str]) -> Road | None:
    """Return what a way with these tags is for a vehicle; None if it is no road or closed."""
    kind = tags.get("highway", "")
    if kind not in DEFAULT_SPEED_KMH or tags.get("area") == "yes" or is_closed(tags):
        return None
    forward, backward = _directions(tags, kind)
    if not forward and not backward:
        return None
    default = DEFAULT_SPEED_KMH[kind] * KMH_MPS
    both = speed_mps(tags.get("maxspeed", "")) or default
    return Road(
        ROAD_CLASSES.index(kind),
        (speed_mps(tags.get("maxspeed:forward", "")) or both) if forward else 0.0,
        (speed_mps(tags.get("maxspeed:backward", "")) or both) if backward else 0.0,
    )


def is_closed(tags: Mapping[str, str]) -> bool:
    """Tell whether access tags keep the public's vehicles out; the most specific tag decides."""
    return next((tags[key] in _CLOSED for key in _ACCESS_KEYS if key in tags), False)


def is_barrier(tags: Mapping[str, str]) -> bool:
    """Tell whether a point with these tags stops vehicles.

    A bollard does; a gate does when it is closed to the public.
    """
    if any(key in tags for key in _ACCESS_KEYS):
        return is_closed(tags)
    return tags.get("barrier") in _BARRIERS


def speed_mps(maxspeed: str) -> float | None:
    """Return the speed in m/s of a ``maxspeed`` value, the lowest of several.

    None if the value says nothing usable.

    Examples: ``50``, ``30 mph``, ``walk``, ``none``, ``CH:urban``, ``DE:zone:30``, ``signals`` (None).
    """
    speeds = [speed for part in maxspeed.lower().split(";") if (speed := _single_speed(part.strip())) is not None]
    return min(speeds, default=None)


def _single_speed(text: str) -> float | None:
    if found := _SPEED.fullmatch(text):
        speed = float(found[1]) * _UNIT_MPS.get(found[2] or "", KMH_MPS)
    elif zone := _ZONE.fullmatch(text):
        speed = float(zone[1]) * KMH_MPS
    else:
        speed = _SPEED_WORDS_KMH.get(text.rpartition(":")[2], 0) * KMH_MPS
    return speed if _PLAUSIBLE_MPS[0] <= speed <= _PLAUSIBLE_MPS[1] else None


def _directions(tags: Mapping[str, str], kind: str) -> tuple[bool, bool]:
    match tags.get("oneway", ""):
        case "yes" | "true" | "1":
            return True, False
        case "-1" | "reverse":
            return False, True
        case "reversible":
            return False, False
        case "no" | "false" | "0" | "alternating":
            return True, True
    one_way = kind == "motorway" or tags.get("junction") in {"roundabout", "circular"}
    return True, not one_way
