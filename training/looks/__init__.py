"""Six looks of our own, as slow filters that a network learns to draw in real time.

Each filter takes (H, W, 3) float32 RGB in 0..1, a picture of about 480 lines, and returns the same.
What it makes of a place depends on what lies around it alone, never on the whole picture: so it
does not change when something far away moves, and a network of convolutions can learn it.
"""
