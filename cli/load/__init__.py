"""Runs, judges and reports a load test."""
