"""JPEG, at a quality where its losses are not seen."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from realtime.media.file_format import PictureFormat

if TYPE_CHECKING:
    import numpy as np

_QUALITY = 95


def _encode(pixels: np.ndarray, profile: bytes | None) -> bytes:
    from PIL import Image

    encoded = io.BytesIO()
    Image.fromarray(pixels).save(
        encoded, "jpeg", icc_profile=profile, quality=_QUALITY, subsampling=0
    )
    return encoded.getvalue()


JPEG = PictureFormat(
    suffixes=(".jpg", ".jpeg"),
    rank=2,
    name="JPEG",
    encode=_encode,
    quality=_QUALITY,
)
