"""PNG: pictures without loss, with transparency."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from realtime.media.file_format import PictureFormat

if TYPE_CHECKING:
    import numpy as np


def _encode(pixels: np.ndarray, profile: bytes | None) -> bytes:
    from PIL import Image

    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "png", icc_profile=profile)
    return encoded.getvalue()


PNG = PictureFormat(
    suffixes=(".png",),
    rank=1,
    name="PNG",
    encode=_encode,
    keeps_alpha=True,
)
