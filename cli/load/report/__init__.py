"""The report of a load test: a page, JSON, CSV, JUnit; shown in the terminal, and compared with other reports."""
