"""The words of ``sim.v1``: states and vehicle classes by their number on the wire."""

from __future__ import annotations

import numpy as np

from engine.motion.vehicle import VehicleClass

PROTOCOL = "sim.v1"
PERIOD_MS = 125
STATES = ("moving", "stopped", "paused", "delivered", "cancelled")
MOVING, STOPPED, PAUSED, DELIVERED, CANCELLED, SUSPENDED = range(6)
STATE_NAMES = (*STATES, "suspended")
"""States as REST names them. The wire has no word for a suspended vehicle and shows it as paused."""

ON_THE_WIRE = np.array([MOVING, STOPPED, PAUSED, DELIVERED, CANCELLED, PAUSED], np.uint8)
VEHICLES = tuple(VehicleClass)
CAR = VEHICLES.index(VehicleClass.CAR)
"""Shown until the vehicle's class is known."""
