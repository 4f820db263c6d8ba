"""Scenario files: those at a path, and those that come with the project."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from engine.errors import ScenarioError
from engine.scenario.scenario import Scenario

SHIPPED = ("liechtenstein", "brasilia", "load-10k", "ramp-and-spike", "rush-hour")
"""Names of the scenarios that come with the project."""


def load_scenario(path: str | Path) -> Scenario:
    """Return the scenario in a file, or a shipped one by its name (`SHIPPED`).

    Raises
    ------
    ScenarioError : there is no such file, or it has faults; all of them are listed.
    """
    if str(path) in SHIPPED:
        resource = files("engine") / "data" / "scenarios" / f"{path}.toml"
        return Scenario.from_toml(resource.read_text(encoding="utf-8"), f"{path}.toml")
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ScenarioError(
            f"{path}: there is no such scenario file; shipped scenarios are {', '.join(SHIPPED)}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: cannot be read: {error}") from None
    return Scenario.from_toml(text, str(path), path.parent)
