"""Runs dispatcher and drivers as Ray actors; the only package that imports Ray."""
