"""Where pictures go: one sink per file."""
