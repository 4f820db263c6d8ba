"""The page of the socket shows the bytes, the offsets and the bounds of the code."""

from __future__ import annotations

import re
import struct
from pathlib import Path

from papers import blocks

from api.live import control, frames, viewer, words
from api.live.cells import CELL_ZOOM, CELLS

SIZES = {"u8": "B", "u16": "H", "u32": "I", "f32": "f", "f64": "d"}


def test_the_bytes_shown_are_those_of_the_golden_frame(repository: Path) -> None:
    page = (repository / "docs" / "socket.md").read_text(encoding="utf-8")
    golden = (repository / "tests" / "golden" / "frames" / "positions.bin").read_bytes()
    (shown,) = blocks(page, "hex")
    assert bytes.fromhex(shown) == golden[:48]
    assert struct.unpack_from("<HHI II", golden, 32) == (2156, 1437, 2, 70000, 3)


def test_the_table_of_the_header_is_the_headers_layout(repository: Path) -> None:
    page = (repository / "docs" / "socket.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (\w+) \| (\w+) \|", page, re.MULTILINE)
    offset = 0
    for at, kind, name in rows:
        assert int(at) == offset, name
        offset += struct.calcsize(f"<{SIZES[kind]}")
    assert offset == frames.HEADER_BYTES
    packed = struct.pack(
        "<" + "".join(SIZES[kind] for _, kind, _ in rows), 0x56, 1, 1, CELL_ZOOM, 9, 1.5, 125, 0, 7, 2.0, 0
    )
    assert packed == frames.FrameHeader(9, 1.5, 125, 7, 2.0, 0).pack(frames.POSITIONS, 0)


def test_the_bounds_are_the_codes(repository: Path) -> None:
    page = (repository / "docs" / "socket.md").read_text(encoding="utf-8")
    for text in (
        f"`z` must be {CELL_ZOOM}; bounds inclusive, 0 to {CELLS - 1}",
        f"`max` 1 to {viewer.MAX_VEHICLES:,} ({viewer.DEFAULT_VEHICLES:,})",
        f"`hz` 1 to {1000 // words.PERIOD_MS} ({1000 // words.PERIOD_MS})",
        f"at most {viewer.WINDOW} frames are unacknowledged; after {viewer.ACK_TIMEOUT_MS // 1000} s",
        f"at most {control.MAX_CONTROL_CHARACTERS:,} characters",
        f"two frames of the server: {words.PERIOD_MS}",
        f"at most {viewer.EVENTS_PER_SECOND} events a second",
        ", ".join(f"`{state}`" for state in words.STATES),
        ", ".join(f"`{name}`" for name in words.VEHICLES),
    ):
        assert text in page, text
