"""Folders that a command will write to, looked at before it starts anything: what cannot be written after a long run is lost."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryFile

from engine.errors import InvalidInput


def writable_folder(path: Path, name: str) -> Path:
    """Make a folder unless it is there, and return it.

    Parameters
    ----------
    name : the setting or the option that names it, for the message.

    Raises
    ------
    InvalidInput : it cannot be made, or takes no file.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path):
            return path
    except FileExistsError:
        raise InvalidInput(f"{name}: {path} is a file; name a folder") from None
    except OSError as error:
        raise InvalidInput(f"{name}: {path} cannot be written to ({error.strerror or error}); name another folder") from None
