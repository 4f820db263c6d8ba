"""The memory that a scenario takes on one machine, and the check that refuses one that does not fit."""

from __future__ import annotations

from engine.errors import ScenarioError
from engine.scenario.scenario import Scenario

BYTES_PER_DRIVER = 4 * 1024
"""Memory of one driver through the whole chain on one machine; a generous estimate.

It covers the driver's state in actor and API, templates, ids, and records under way.
"""

BYTES_PER_ROUTE = 256 * 1024
"""Memory of one route: its points and its plans for the vehicle classes. Generous."""


def needed_bytes(scenario: Scenario) -> int:
    """Return an upper estimate of the memory that a scenario's drivers and routes take on one machine."""
    routes = scenario.network.routes if scenario.network else 0
    return scenario.fleet.size * BYTES_PER_DRIVER + routes * BYTES_PER_ROUTE


def check_memory(scenario: Scenario, available_bytes: int) -> None:
    """Refuse a scenario that does not fit into some memory.

    Raises
    ------
    ScenarioError : it names the fleet, the memory needed and available, and the fleet that would fit.
    """
    needed = needed_bytes(scenario)
    if needed <= available_bytes:
        return
    fits = max(0, scenario.fleet.size - -(-(needed - available_bytes) // BYTES_PER_DRIVER))
    raise ScenarioError(
        f"{scenario.name}: fleet.size must be at most {fits:,} for {available_bytes / 2**20:,.0f} MiB of "
        f"available memory, found {scenario.fleet.size:,}, which may take {needed / 2**20:,.0f} MiB"
    )
