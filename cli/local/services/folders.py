"""Folders of the services: where packages are kept, and what a user without rights can reach.

Elasticsearch refuses to run as root. Where everything else does, it runs as `UNPRIVILEGED`, a user that must be able to
enter the folder of its program and own its data.
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
    """Return whether this process runs as root."""
    return os.geteuid() == 0


def default_cache() -> Path:
    """Return the folder of fetched packages.

    It is SERVICES_CACHE, or else the user's cache, or for root a folder that others can read.
    """
    named = os.environ.get("SERVICES_CACHE")
    if named:
        return Path(named).resolve()
    if runs_as_root():
        return Path("/var/cache/code-delivery")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "code-delivery"


def is_reachable(path: Path) -> bool:
    """Return whether a user without rights may enter a folder: all folders above it let others pass."""
    resolved = path.resolve()
    return all(folder.stat().st_mode & 0o001 for folder in (resolved, *resolved.parents) if folder.is_dir())


def unprivileged_home(folder: Path) -> Path:
    """Return where the data of a process of `UNPRIVILEGED` can lie, who is to own them.

    It is the folder itself, or one below /var/lib named after it if a folder above it lets only its owner pass. The
    folder's own permissions do not count: it is closed to others once it is in use.
    """
    if not runs_as_root() or is_reachable(folder.parent):
        return folder
    return (
        Path("/var/lib/code-delivery")
        / f"{folder.name}-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]}"
    )


def give_to_unprivileged(folder: Path) -> None:
    """Make `UNPRIVILEGED` the owner of a folder and all that is in it, if this process is root's."""
    if not runs_as_root():
        return
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, UNPRIVILEGED)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that only one process of this machine has at a time.

    It ends with its holder, however that dies.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
