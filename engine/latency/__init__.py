"""Histograms that add up."""
