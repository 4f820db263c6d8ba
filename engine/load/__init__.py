"""How load comes about: the fleet's size over time, arrivals, and sample rates.

Pure and seeded; nothing here knows a road.
"""

from engine.load.arrivals import Intensity, arrival_times
from engine.load.curve import FleetChange, FleetCurve, Segment
from engine.load.sampling import SamplingMix

__all__ = ["FleetChange", "FleetCurve", "Segment", "Intensity", "arrival_times", "SamplingMix"]
