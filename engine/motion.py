"""Motion."""

from engine.vehicle import MODELS, VehicleClass, VehicleModel

__all__ = ["VehicleClass", "VehicleModel", "MODELS"]
