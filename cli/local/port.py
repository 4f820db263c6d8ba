"""A port that somebody else may have taken."""

from __future__ import annotations

import socket


def fault_of_port(port: int) -> str | None:
    """Return why 127.0.0.1:port cannot be listened on, or None if it can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.strerror or str(error)
    return None


def advice_for_port(port: int) -> str:
    """Return what to do about a port that is taken."""
    return f"stop what listens there, or choose another: PORT={port + 1 if port < 65535 else 8000}"
