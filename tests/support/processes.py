"""What tests ask of other processes, which may end while they are asked."""

from __future__ import annotations

import psutil


def is_running(process: psutil.Process) -> bool:
    """Return whether a process has not ended; one that only waits for its parent to look has."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def title_of(process: psutil.Process) -> str:
    """Return a process's command line, which Ray's workers set to what they run; empty when it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
