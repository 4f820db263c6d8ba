"""``code-delivery loadtest``: a scenario as a load test, watched while it runs, judged by its thresholds, and told in a report."""
