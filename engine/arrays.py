"""Names of the array types that the engine's functions take and return.

The shape is said where a type is used.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
"""64 bits that are hashed or compared and not counted with."""

Ids = npt.NDArray[np.bytes_]
"""Identifiers as ASCII bytes."""
