"""The environment of a local Ray cluster.

Ray reads part of it when it is imported: this module does not import Ray, and an entry point calls it first.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import MutableMapping


def prepare(environment: MutableMapping[str, str]) -> None:
    """Set the variables that a local cluster needs; those that are set already stay."""
    wanted = {
        # Ray's switch for systems whose firewalls ask about open ports: every socket is bound to the loopback
        # interface. Read when Ray is imported.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # an actor without GPUs keeps its environment; Ray warns without it
        "RAY_COLOR_PREFIX": "0",
        # Ray's workers yield to every other process by default (nice 15). Ours keep a schedule: a busy broker or store
        # beside them must not run first.
        "RAY_worker_niceness": "0",
    }
    if "RAY_AUTH_TOKEN_PATH" not in environment:
        wanted["RAY_AUTH_TOKEN"] = secrets.token_hex(
            32
        )  # otherwise Ray writes one to the home folder, for all clusters
    for name, value in wanted.items():
        environment.setdefault(name, value)
    # Ray logs at each start that it asks for a token, which is intended.
    logging.getLogger("ray._private.authentication").setLevel(logging.ERROR)
