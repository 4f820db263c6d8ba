"""Who departs when, and where to."""
