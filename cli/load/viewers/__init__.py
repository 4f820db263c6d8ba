"""Viewers as load: simulated map viewers on the real protocol, and how old what they see is."""

from cli.load.viewers.options import Options
from cli.load.viewers.plan import CrowdPlan, Manner, Storm, ViewerPlan
from cli.load.viewers.tally import Totals

__all__ = ["CrowdPlan", "Manner", "Options", "Storm", "Totals", "ViewerPlan"]
