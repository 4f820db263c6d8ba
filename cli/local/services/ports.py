"""A service's own port, and which process has taken it.

Well-known ports are for users, who find them; free ones (`cli.local.port`) are for tests, which do not meet.
"""

from __future__ import annotations

import psutil

from cli.local.port import fault_of_port
from cli.local.services.errors import PortTaken


def check_port(port: int, service: str) -> None:
    """Raise `PortTaken`, naming the process that listens, unless a service can have the port."""
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
