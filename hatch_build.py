"""Build hook: a wheel carries the built map, if it was built, as ``api/static``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class MapInWheel(BuildHookInterface):  # type: ignore[type-arg]
    """Put ``ui/dist`` into the wheel; an editable installation reads it where it is."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the folder; called by hatchling before it builds."""
        built = Path(self.root) / "ui" / "dist"
        if version != "editable" and (built / "index.html").is_file():
            build_data["force_include"][str(built)] = "api/static"
