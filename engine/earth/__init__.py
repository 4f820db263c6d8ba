"""Distances, bearings and lines on the globe."""
