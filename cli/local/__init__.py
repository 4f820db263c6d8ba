"""Starts and ends the parts on this machine."""
