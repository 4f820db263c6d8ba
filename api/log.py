"""The log of the API's process: one form for every logger, and no key or password in any line.

It is read by more people than may know those.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable

from engine.contract.address import without_identities

_FORM = "%(asctime)s %(levelname)-7s %(name)s  %(message)s"
_KEY_IN_ADDRESS = re.compile(r"([?&]key=)[^&\s\"']+")
_LEAST = 4
"""Characters of a secret that is looked for: a shorter one would blacken half of all words."""


class KeysHidden(logging.Formatter):
    """Hides secrets in whole lines, traces of errors among them, whichever library wrote them.

    Parameters
    ----------
    secrets : texts to hide wherever they stand. Hidden as well: keys in the addresses of WebSockets, also wrong ones,
        and names and passwords in addresses.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__(_FORM)
        # The longest first: one may be a part of another.
        self._secrets = sorted((secret for secret in secrets if len(secret) >= _LEAST), key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        """Return a record's line without its secrets."""
        line = without_identities(_KEY_IN_ADDRESS.sub(r"\1***", super().format(record)))
        for secret in self._secrets:
            line = line.replace(secret, "***")
        return line


def set_up(level: str, secrets: Iterable[str]) -> None:
    """Write every logger's records from a level on to stderr, without secrets."""
    handler = logging.StreamHandler()
    handler.setFormatter(KeysHidden(secrets))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    logging.getLogger("elastic_transport").setLevel(logging.WARNING)  # it tells of every request


def server_level(level: str) -> str:
    """Return the web server's level.

    In its debug lines is every header and every frame, and nothing that is missed here.
    """
    return "info" if level == "debug" else level
