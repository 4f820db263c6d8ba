"""Unit tests of the Ray actors run their plain classes: no cluster is started."""

from __future__ import annotations

import pytest
import ray


@pytest.fixture(autouse=True)
def no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit test that starts Ray is no unit test."""

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("unit tests must not start Ray")

    monkeypatch.setattr(ray, "init", refuse)
