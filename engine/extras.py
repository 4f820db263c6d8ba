"""Packages that a floor needs and the plain installation leaves out.

An entry point imports them under `needing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

OUR_PACKAGES = frozenset({"engine", "actors", "api", "cli"})


@contextmanager
def needing(extra: str) -> Iterator[None]:
    """Import a floor's packages; end the program with the command that installs them if one is missing.

    Parameters
    ----------
    extra : the extra of the distribution that holds them, such as ``actors``.

    Raises
    ------
    SystemExit : a package is missing; its one-line message names the package and the command, and the exit code is 1.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in OUR_PACKAGES:
            raise
        raise SystemExit(f"the package {package} is not installed: pip install 'code-delivery[{extra}]'") from None
