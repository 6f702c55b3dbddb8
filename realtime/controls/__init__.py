"""The table of commands and what binds to it. No devices."""
