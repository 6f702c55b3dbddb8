"""A small picture to paint."""

from __future__ import annotations

import numpy as np


def small_frame(height: int, width: int, seed: int = 0) -> np.ndarray:
    """(H, W, 3) uint8: soft shapes and a little noise, unlike any other seed's."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    phase = random.uniform(0, 6, 3)
    waves = np.stack(
        [
            128 + 100 * np.sin(x / 9 + phase[0]),
            128 + 100 * np.cos(y / 7 + phase[1]),
            (x * 2 + y * 3 + 40 * phase[2]) % 256,
        ],
        -1,
    )
    return np.clip(waves + random.normal(0, 4, waves.shape), 0, 255).astype(np.uint8)
