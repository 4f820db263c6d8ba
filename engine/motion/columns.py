"""Columns that grow: a struct of arrays whose rows are appended and dropped together.

Each row costs a constant amount of time on average.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Columns:
    """Arrays of one common length n.

    ``columns["name"]`` is a view of shape (n, ...), valid until the next `append` or `keep`.
    """

    def __init__(self, dtypes: Mapping[str, npt.DTypeLike | tuple[npt.DTypeLike, tuple[int, ...]]]) -> None:
        """Make n = 0 rows; a dtype may be given with the shape of one row, as in ``("f8", (8,))``."""
        self._room = {
            name: np.empty(0, dtype=np.dtype(dtype)) for name, dtype in dtypes.items() if not isinstance(dtype, tuple)
        }
        self._room |= {
            name: np.empty((0, *dtype[1]), dtype=np.dtype(dtype[0]))
            for name, dtype in dtypes.items()
            if isinstance(dtype, tuple)
        }
        self._views = dict(self._room)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, name: str) -> Array:
        return self._views[name]

    def append(self, rows: Mapping[str, npt.ArrayLike], count: int) -> None:
        """Add `count` rows; a column's values may be one for all of them."""
        begin, self._length = self._length, self._length + count
        for name, room in self._room.items():
            if len(room) < self._length:
                grown = np.empty((max(self._length, len(room) + len(room) // 2, 16), *room.shape[1:]), dtype=room.dtype)
                grown[:begin] = room[:begin]
                self._room[name] = room = grown
            room[begin : self._length] = rows[name]
        self._show()

    def keep(self, rows: npt.NDArray[np.int64]) -> None:
        """Keep some rows, ascending, and free the room of the others."""
        self._room = {name: view[rows] for name, view in self._views.items()}
        self._length = len(rows)
        self._show()

    def _show(self) -> None:
        self._views = {name: room[: self._length] for name, room in self._room.items()}
