"""The report of a load test: a page, JSON, CSV, JUnit, a terminal view, a comparison."""
