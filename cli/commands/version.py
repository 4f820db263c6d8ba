"""``code-delivery version``: the version of this distribution."""

from __future__ import annotations

import json

from cli import __version__
from cli.commands.options import JsonOption


def version(json_output: JsonOption = False) -> None:
    """Print the version."""
    print(json.dumps({"version": __version__}) if json_output else f"code-delivery {__version__}")  # noqa: T201 - the command's output
