"""Ids of routes, made from their names: one id for each name, whatever its script.

An id follows `engine.messages.checked_id`.

Ids are ASCII, because they stand in URL paths, Kafka keys and document ids. A name that cannot be an id becomes what of
it can, for people, and eight hexadecimal digits of its SHA-256: ``Depot A/1`` is ``Depot-A-1-26ff40ea``, ``北京`` is
``route-68c77e15``.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Container
from hashlib import sha256

_MOST = 80  # of 96: room for numbers
_DIGITS = 8


def id_of(name: str, otherwise: str = "route", most: int = _MOST) -> str:
    """Return the id that follows from a name.

    Parameters
    ----------
    otherwise : what stands before the digits of a name of which nothing is left.
    most : characters of the id.
    """
    if re.fullmatch(rf"[A-Za-z0-9._:\-]{{1,{most}}}", name) and name not in (".", ".."):
        return name
    same = unicodedata.normalize("NFC", name)  # a file's name may have its accents apart or not
    plain = unicodedata.normalize("NFKD", same).encode("ascii", "ignore").decode()
    words = re.sub(r"[^A-Za-z0-9._:\-]+", "-", plain)[: most - _DIGITS - 1].strip("-.")
    return f"{words or otherwise}-{sha256(same.encode('utf-8', 'surrogatepass')).hexdigest()[:_DIGITS]}"


def free_id(wanted: str, taken: Container[str], counts: Counter[str]) -> str:
    """Return an id that is not taken: the wanted one, or that with a number from 2 on.

    `counts` remembers the last number used for each wanted id.
    """
    route_id = wanted
    while route_id in taken:
        counts[wanted] += 1
        route_id = f"{wanted}-{counts[wanted] + 1}"
    return route_id
