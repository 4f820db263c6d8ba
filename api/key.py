"""The API key: what can be one, and whether the one that a caller shows is right."""

from __future__ import annotations

import hmac
import re
from typing import Annotated

from pydantic import AfterValidator, SecretStr

from engine.errors import InvalidInput

KEY_HEADER = "X-API-Key"
_KEY = re.compile(r"[!-~][ -~]{6,}[!-~]")


def checked_key(key: str) -> str:
    """Return a key that a header can carry as it is.

    Raises
    ------
    InvalidInput : it is none; the message does not show it.
    """
    if not _KEY.fullmatch(key):
        raise InvalidInput(
            "an API key must have 8 or more characters, all of them printable ASCII, "
            "and no blank or newline at its ends"
        )
    return key


def _checked(key: SecretStr) -> SecretStr:
    return SecretStr(checked_key(key.get_secret_value()))


ApiKey = Annotated[SecretStr, AfterValidator(_checked)]
"""Of settings."""


def is_right(given: str | None, expected: str) -> bool:
    """Return whether a key is the expected one, in a time that does not tell how much of it is."""
    return hmac.compare_digest((given or "").encode(), expected.encode())
