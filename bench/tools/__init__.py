"""What targets, rows and tests use alike."""
