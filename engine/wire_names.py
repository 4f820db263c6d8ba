"""How the names of fields are written on the wire: camelCase there, snake_case in Python."""

from __future__ import annotations

from functools import cache


@cache
def camel(name: str) -> str:
    """Return a field's name on the wire: ``due_s`` is ``dueS``."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
