"""Training of styles: perceptual and temporal losses, data, the loop and the figures.

Needs torch (`pip install .[train]`).
"""
