"""What Ray reads from the environment when it is imported. So this module must not import it, and an entry point applies it first."""

from __future__ import annotations

import secrets
from collections.abc import MutableMapping


def prepare(environment: MutableMapping[str, str]) -> None:
    """Set what a cluster of our own needs; what somebody has set stays.

    The cluster asks for a token that lives as long as the run, so that nobody else on the machine can run code in it, and writes none to the home folder.
    """
    wanted = {
        "RAY_AUTH_MODE": "token",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # an actor without GPUs keeps its environment; Ray warns unless told
        "RAY_COLOR_PREFIX": "0",
    }
    if "RAY_AUTH_TOKEN" not in environment and "RAY_AUTH_TOKEN_PATH" not in environment and not environment.get("RAY_ADDRESS"):
        wanted["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    for name, value in wanted.items():
        environment.setdefault(name, value)
