"""Hosts many drivers in one process: their ticks, their pace, their measurements."""
