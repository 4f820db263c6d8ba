"""Folders that a command will write to, checked before it starts anything.

What cannot be written after a long run is lost.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryFile

from engine.errors import InvalidInput
from engine.folders import make_private


def writable_folder(path: Path, name: str, *, is_private: bool = False) -> Path:
    """Create a folder unless it is there, and return it.

    Parameters
    ----------
    name : the setting or the option that names it, for the message.
    is_private : whether a folder that is created is for this user alone.

    Raises
    ------
    InvalidInput : it cannot be created, or no file can be written to it.
    """
    try:
        if is_private:
            make_private(path)
        path.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path):
            return path
    except FileExistsError:
        raise InvalidInput(f"{name}: {path} is a file; name a folder") from None
    except OSError as error:
        raise InvalidInput(
            f"{name}: {path} cannot be written to ({error.strerror or error}); name another folder"
        ) from None
