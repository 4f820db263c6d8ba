"""Threads that a file store works in, so that the event loop never waits for a disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

READERS = 2


class StoreThreads:
    """One thread that writes, in the order of the calls, and a few that read.

    Parameters
    ----------
    name : of the store, for thread names.
    translate : runs a piece of work and turns the driver's errors into ours.
    """

    def __init__(self, name: str, translate: Callable[[Callable[[], T]], T]) -> None:
        self._writer = ThreadPoolExecutor(1, f"{name}-writer")
        self._readers = ThreadPoolExecutor(READERS, f"{name}-reader")
        self._translate = translate

    async def write(self, work: Callable[[], T]) -> T:
        """Run work in the writing thread and return what it returns."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._translate, work)  # type: ignore[arg-type]

    async def read(self, work: Callable[[], T]) -> T:
        """Run work in a reading thread and return what it returns."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._translate, work)  # type: ignore[arg-type]

    def close(self) -> None:
        """End the threads once their work is done."""
        self._readers.shutdown()
        self._writer.shutdown()
