"""Distilling: a small steady network learns what somebody else's network, or any tool, paints."""
