"""Named arrays in a compressed ``.npz`` file whose bytes depend on the arrays alone.

numpy's own files hold the time of writing as well.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.errors import RouteFileError

_NO_TIME = (1980, 1, 1, 0, 0, 0)
_LIMIT_BYTES = 4 << 30


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write arrays to a file that `numpy.load` reads as well."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=_NO_TIME)
            archive.writestr(entry, content.getvalue(), compress_type=zipfile.ZIP_DEFLATED, compresslevel=9)


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a file.

    Raises
    ------
    RouteFileError : the file is missing, damaged, or unpacks to more than 4 GiB.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
            if unpacked > _LIMIT_BYTES:
                raise RouteFileError(str(path), "content", f"unpacks to {unpacked} bytes, at most {_LIMIT_BYTES}")
            return {
                entry.filename.removesuffix(".npy"): _read_array(archive.read(entry)) for entry in archive.infolist()
            }
    except FileNotFoundError:
        raise RouteFileError(str(path), "file", "not found") from None
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError, NotImplementedError) as error:
        if isinstance(error, RouteFileError):
            raise
        raise RouteFileError(str(path), "content", f"no readable arrays: {error}") from error


def _read_array(content: bytes) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    return array
