"""``python -m api``: serve until SIGTERM or SIGINT."""

from __future__ import annotations

import errno
import logging
import signal
import socket
import sys

from engine.extras import needing

with needing("api"):
    import uvicorn
    from pydantic import ValidationError

    from api.app import create_app
    from api.bounds import GRACE_S
    from api.log import server_level, set_up
    from api.measuring.tuning import tune_process
    from api.settings import Settings


class PortTaken(RuntimeError):
    """Another process listens on the port; the message names it."""


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address, bound here so that a taken port is reported plainly.

    Raises
    ------
    PortTaken : the port is in use, or may not be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host.strip("[]"), port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(f"port {port} on {host} is already taken; choose another with PORT={port + 1}") from error
        raise PortTaken(f"port {port} on {host} cannot be used: {error.strerror}") from error
    return listener


def main() -> int:
    """Read the settings, serve, and return the exit code."""
    try:
        settings = Settings()
        set_up(settings.log_level, settings.secrets)
        listener = bound_socket(settings.api_host, settings.port)
    except ValidationError as error:
        for fault in error.errors():
            name = ".".join(str(part).upper() for part in fault["loc"])
            print(f"{name + ': ' if name else ''}{fault['msg'].removeprefix('Value error, ')}", file=sys.stderr)  # noqa: T201 - the program's last words
        return 1
    except PortTaken as error:
        print(error, file=sys.stderr)  # noqa: T201 - the program's last words
        return 1
    config = uvicorn.Config(
        create_app(settings),
        log_config=None,
        log_level=server_level(settings.log_level),
        access_log=False,
        ws="websockets-sansio",
        # Frames are dense already; compressing them for each viewer would cost more than everything else.
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=GRACE_S,
        server_header=False,
    )
    tune_process()
    server = uvicorn.Server(config)
    for number in (signal.SIGINT, signal.SIGTERM):
        # The server puts its own handlers in, and after its orderly end raises the signal again for those that were
        # there before: it has been heeded.
        signal.signal(number, lambda *_: None)
    logging.getLogger("api").info("serving on http://%s:%d", settings.api_host, listener.getsockname()[1])
    server.run(sockets=[listener])
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
