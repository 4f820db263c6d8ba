"""Where a vehicle is after t seconds on a route."""
