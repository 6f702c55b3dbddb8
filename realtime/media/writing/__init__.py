"""Writes video and picture files."""
