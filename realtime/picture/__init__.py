"""Arithmetic on the pixels of frames. Knows neither files nor devices."""
