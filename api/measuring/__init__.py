"""What this service measures of itself, and how it is set up for it."""
