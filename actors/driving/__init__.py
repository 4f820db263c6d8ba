"""One host of many drivers."""
