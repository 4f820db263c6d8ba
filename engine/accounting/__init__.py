"""Whether every position is there, once and unchanged."""
