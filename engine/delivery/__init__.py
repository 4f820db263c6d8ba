"""A fleet's deliveries, sampled: the positions and events that are due."""
