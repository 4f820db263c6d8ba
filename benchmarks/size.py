"""The size of the benchmarks, from one place: the one that is reported, or a toy that only runs.

``python -m benchmarks --toy``, or the variable `VARIABLE`, makes toys of them all, those too that benchmarks start in
processes of their own. A toy's figures mean nothing.
"""

from __future__ import annotations

import os
from typing import TypeVar

VARIABLE = "CODE_DELIVERY_BENCHMARKS"
TOY = "toy"

Size = TypeVar("Size")


def is_toy() -> bool:
    """Return whether benchmarks are toys."""
    return os.environ.get(VARIABLE) == TOY


def sized(full: Size, toy: Size) -> Size:
    """Return the size of a benchmark's part: the one that is reported, or the toy's."""
    return toy if is_toy() else full
