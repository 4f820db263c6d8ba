"""Ports of the services: well-known ones, so that a user finds them, or free ones, so that tests do not meet."""

from __future__ import annotations

import random

import psutil

from cli.local.port import fault_of_port
from cli.local.services.errors import PortTaken

FREE = range(20_000, 32_000)
"""Below the ports that systems give to outgoing connections: a client that tries again while a service is down must not be given the service's own port."""


def free_port() -> int:
    """Return a port of `FREE` that nothing listens on."""
    for port in random.sample(FREE, 200):
        if fault_of_port(port) is None:
            return port
    raise PortTaken(f"no free port found on 127.0.0.1 between {FREE.start} and {FREE.stop}")


def check_port(port: int, service: str) -> None:
    """Raise `PortTaken`, naming who listens, unless a service can have the port."""
    fault = fault_of_port(port)
    if fault is not None:
        advice = f"stop that, or choose another with --{service}-port (0: a free one)"
        raise PortTaken(f"{service} wants port {port} on 127.0.0.1, but it is taken{_by(port)} ({fault}); {advice}")


def _by(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if (
                connection.laddr
                and connection.laddr.port == port
                and connection.status == psutil.CONN_LISTEN
                and connection.pid
            ):
                process = psutil.Process(connection.pid)
                return f" by {process.name()} (pid {process.pid}: {' '.join(process.cmdline())[-120:]})"
    except psutil.Error:
        pass  # it is another user's, and this one may not look
    return ""
