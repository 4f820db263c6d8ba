"""The steps of something slow, reported as lines while it lasts."""

from __future__ import annotations

from collections.abc import Callable

Report = Callable[[str], None]
"""Takes a line for each step."""


def silent(_line: str) -> None:
    """Drop a line: the report of a caller that shows none."""
