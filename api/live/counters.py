"""What the live map counts, and the names Prometheus knows it by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class LiveCounters:
    """Counts since the process began, and gauges: `viewers`, `streams`, `vehicles` and a tick's time."""

    viewers: int = 0
    streams: int = 0
    vehicles: int = 0
    tick_s: float = 0.0
    positions: int = 0
    positions_stale: int = 0
    frames_sent: int = 0
    frames_skipped: int = 0
    bytes_sent: int = 0
    viewers_refused: int = 0
    viewers_timed_out: int = 0

    def as_metrics(self) -> dict[str, float]:
        """Return every figure by metric name; those that end in ``_total`` are counters, the rest gauges."""
        return {
            "delivery_live_viewers": self.viewers,
            "delivery_live_streams": self.streams,
            "delivery_live_vehicles": self.vehicles,
            "delivery_live_tick_duration_seconds": self.tick_s,
            "delivery_live_positions_total": self.positions,
            "delivery_live_positions_stale_total": self.positions_stale,
            "delivery_live_frames_sent_total": self.frames_sent,
            "delivery_live_frames_skipped_total": self.frames_skipped,
            "delivery_live_bytes_sent_total": self.bytes_sent,
            "delivery_live_viewers_refused_total": self.viewers_refused,
            "delivery_live_viewers_timed_out_total": self.viewers_timed_out,
        }
