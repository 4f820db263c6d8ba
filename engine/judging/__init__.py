"""What a run's load was, and whether it holds."""
