"""Folders for what is not everybody's to read: positions, logs, decisions."""

from __future__ import annotations

from pathlib import Path


def make_private(folder: Path) -> None:
    """Make a folder, and the missing ones above it, for this user alone, for any umask.

    A folder that exists keeps its rights.
    """
    for path in (*reversed(folder.parents), folder):
        path.mkdir(mode=0o700, exist_ok=True)
