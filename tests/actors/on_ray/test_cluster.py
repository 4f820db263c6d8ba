"""Where a local Ray cluster keeps its files; Ray is not started."""

from __future__ import annotations

import stat

from actors.on_ray.cluster import ray_folder

LONGEST_SOCKET = "session_2026-12-31_23-59-59_999999_4194304/sockets/plasma_store.4294967295"
"""The longest name of a socket in Ray's folder: time, microseconds and process id at their longest."""


def test_others_cannot_enter_the_folder_that_ray_opens_to_all() -> None:
    with ray_folder() as folder:
        folder.mkdir()
        folder.chmod(0o777)  # as Ray does
        assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
        assert len(f"{folder}/{LONGEST_SOCKET}") <= 107
    assert not folder.parent.exists()
