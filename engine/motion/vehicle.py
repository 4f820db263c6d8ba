"""Vehicle classes: what a vehicle can do, and nothing about where it drives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from engine.errors import InvalidInput


class VehicleClass(StrEnum):
    """The kinds of vehicle a fleet is made of."""

    BICYCLE = "bicycle"
    MOTORCYCLE = "motorcycle"
    CAR = "car"
    VAN = "van"
    TRUCK = "truck"

    @classmethod
    def named(cls, name: str) -> VehicleClass:
        """Return the class of a name.

        Raises
        ------
        InvalidInput : there is no such class.
        """
        try:
            return cls(name)
        except ValueError:
            raise InvalidInput(f"vehicle must be one of {', '.join(cls)}, found {name!r}") from None


@dataclass(frozen=True, slots=True)
class VehicleModel:
    """How one class of vehicle drives when nothing is in its way.

    Attributes
    ----------
    max_speed_mps : never exceeded, whatever the road allows.
    default_speed_mps : taken for the limit of a road that has none.
    acceleration_mps2, braking_mps2 : magnitudes, both > 0.
    lateral_mps2 : what the load bears in a bend; it bounds the speed at every turn.
    """

    max_speed_mps: float
    default_speed_mps: float
    acceleration_mps2: float
    braking_mps2: float
    lateral_mps2: float


MODELS: Mapping[VehicleClass, VehicleModel] = MappingProxyType(
    {
        VehicleClass.BICYCLE: VehicleModel(7.0, 5.0, 0.8, 1.5, 2.0),
        VehicleClass.MOTORCYCLE: VehicleModel(33.0, 13.9, 2.5, 3.0, 3.5),
        VehicleClass.CAR: VehicleModel(36.0, 13.9, 1.8, 2.5, 3.0),
        VehicleClass.VAN: VehicleModel(30.0, 12.5, 1.4, 2.2, 2.5),
        VehicleClass.TRUCK: VehicleModel(23.0, 11.0, 0.8, 1.6, 1.8),
    }
)
"""Everyday, unhurried driving; a courier neither races nor crawls."""
