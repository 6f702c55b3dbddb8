"""Reads video and picture files."""
