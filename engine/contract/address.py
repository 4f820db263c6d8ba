"""Addresses that may hold a name and a password: what of them a person or a log may see.

A password with a "/", "?", "#" or "@" that is not percent-encoded moves the place where an address seems to have its
host, so nothing here takes an address apart from its front: what stands before the last @ is identity.
"""

from __future__ import annotations

import re

IDENTITY = r"(?:(?:[^\s/?#@\[\]%]|%[0-9A-Fa-f]{2})*@)?"
"""Pattern of a name and password whose end is beyond doubt."""

HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[^\s/?#@:,\[\]]+)"
"""Pattern of a host's name or number."""

HOW_TO_ENCODE = (
    'percent-encode the password and the name ("/" as %2F, "?" as %3F, "#" as %23, "@" as %40, ":" as %3A, "%" as %25)'
)

_SCHEME_AND_IDENTITY = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)?(?:.*@)?", re.DOTALL)
_IDENTITY_IN_TEXT = re.compile(r"(?<=://)[^\s\"'<>]*@")


def without_identity(address: str) -> str:
    """Return an address without its name and password, encoded or not."""
    return _SCHEME_AND_IDENTITY.sub(r"\1", address)


def hosts_of(address: str) -> str:
    """Return the hosts and ports of an address alone."""
    return re.split(r"[/?#]", _SCHEME_AND_IDENTITY.sub("", address), maxsplit=1)[0]


def without_identities(text: str) -> str:
    """Return a text without the names and passwords in its addresses, which must be percent-encoded."""
    return _IDENTITY_IN_TEXT.sub("", text)
