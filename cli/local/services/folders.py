"""Folders of the services: where packages are kept, and what a user without rights can reach.

Elasticsearch refuses to run as root. Where everything else does, it runs as `nobody`, who must be able to walk to its
program and own its data.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNPRIVILEGED = "nobody"


def runs_as_root() -> bool:
    """Return whether this process may do everything."""
    return os.geteuid() == 0


def default_cache() -> Path:
    """Return the folder of fetched packages: SERVICES_CACHE, or the user's cache, or for root one that others can read."""
    named = os.environ.get("SERVICES_CACHE")
    if named:
        return Path(named).resolve()
    if runs_as_root():
        return Path("/var/cache/code-delivery")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "code-delivery"


def is_reachable(path: Path) -> bool:
    """Return whether a user without rights may enter a folder: all above it, as far as they exist, let others pass."""
    resolved = path.resolve()
    return all(folder.stat().st_mode & 0o001 for folder in (resolved, *resolved.parents) if folder.is_dir())


def unprivileged_home(folder: Path) -> Path:
    """Return where the data of a process of `nobody`, who is to own them, can lie: the folder itself, or one below /var/lib named after it.

    The second if a folder above it lets only its owner pass. What the folder itself lets others do does not count: it
    is closed to them once it is in use.
    """
    if not runs_as_root() or is_reachable(folder.parent):
        return folder
    return (
        Path("/var/lib/code-delivery")
        / f"{folder.name}-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]}"
    )


def give_to_unprivileged(folder: Path) -> None:
    """Make `nobody` the owner of a folder and all that is in it; nothing to do unless this is root."""
    if not runs_as_root():
        return
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, UNPRIVILEGED)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that only one process of this machine has at a time; it ends with its holder, however that dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
