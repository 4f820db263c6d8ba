"""What our figures are measured beside."""
