"""What can go wrong with local services.

ServicesError     a `cli.errors.CliError`
├── MissingTool   a program that is needed is not on this machine
├── FetchFailed   a package could not be fetched, or is not the one that was pinned
├── PortTaken     another process listens on a service's port
└── ServiceDied   a service ended, or was not ready in time
"""

from __future__ import annotations

from cli.errors import CliError


class ServicesError(CliError):
    """Local services could not do what was asked; the message says what, where and how to mend it."""


class MissingTool(ServicesError):
    """A program that is needed is not on this machine; the message says how to get it."""


class FetchFailed(ServicesError):
    """A package could not be fetched, or is not the one that was pinned."""


class PortTaken(ServicesError):
    """Another process listens on a service's port; the message names it."""


class ServiceDied(ServicesError):
    """A service ended, or was not ready in time; the message ends with the last lines of its log."""
