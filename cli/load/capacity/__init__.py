"""How much a system holds: the search for the greatest fleet, and the sizing model.

The search finds the greatest fleet that keeps a scenario's thresholds; the model computes from what was measured.
"""

from cli.load.capacity.curve import CurveRow, capacity_json, curve_rows
from cli.load.capacity.runner import ProbeResult, ProbeShape, Progress, find_capacity, greatest_fleet, probe_scenario
from cli.load.capacity.search import Capacity, Limit, Outcome, Phase, Probe, Search

__all__ = [
    "Search",
    "Probe",
    "Outcome",
    "Capacity",
    "Limit",
    "Phase",
    "find_capacity",
    "probe_scenario",
    "greatest_fleet",
    "ProbeShape",
    "ProbeResult",
    "Progress",
    "CurveRow",
    "curve_rows",
    "capacity_json",
]
