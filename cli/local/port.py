"""Ports of 127.0.0.1: whether one is free, which one is, and what to do about one that is taken."""

from __future__ import annotations

import random
import socket

from cli.errors import CliError

FREE = range(20_000, 32_000)
"""Where free ports are looked for: below the ports that systems give to outgoing connections.

A client that connects again while its server is down must not be given the server's own port.
"""


class NoFreePort(CliError):
    """No port was found that nothing listens on; the message names the range."""


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


def free_port() -> int:
    """Return a port of `FREE` that nothing listens on.

    Raises
    ------
    NoFreePort : 200 ports, drawn at random, are all taken.
    """
    for port in random.sample(FREE, 200):
        if fault_of_port(port) is None:
            return port
    raise NoFreePort(f"no free port found on 127.0.0.1 between {FREE.start} and {FREE.stop}")
