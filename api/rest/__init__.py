"""HTTP endpoints. A "route" is a road; these are endpoints."""
