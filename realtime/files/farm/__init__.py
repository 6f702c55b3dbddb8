"""Files painted by many machines at once, on a Ray cluster."""
