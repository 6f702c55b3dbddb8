"""Makes upright, full-range RGB of what a decoder gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from realtime.media.reading.picture_filters import ToneMapping
from realtime.picture.color import BT709, ColorCoding, coding_of, is_rgb
from realtime.picture.gpu.decoding import is_on_gpu, pixels_of

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from realtime.frame import Pixels
    from realtime.picture.orientation import Orientation


class PixelConverter:
    """Converts the pictures of one file, of which ``first`` is the first.

    ``turn`` lays them upright; ``resize`` maps their upright (height, width) to the size that they
    shall have. One thread.
    """

    size: tuple[int, int]
    """(height, width) of what comes out."""

    bit_depth: int
    """Bits of a colour value as coded; 8 where it is tone-mapped."""

    has_alpha: bool
    """Whether the pictures have transparency."""

    coding: ColorCoding
    """How the colours are coded that come out; BT.709 where they are tone-mapped."""

    hdr_transfer: str | None
    """What is tone-mapped, "PQ" or "HLG"; None for pictures of standard range."""

    def __init__(
        self,
        first: VideoFrame,
        turn: Orientation,
        resize: Callable[[tuple[int, int]], tuple[int, int]],
    ) -> None:
        from av.video.reformatter import VideoReformatter

        self.turn = turn
        coded = (first.height, first.width)
        self.size = resize(coded[::-1] if turn.transposes else coded)
        components = (first.sw_format or first.format).components
        self.bit_depth = max(component.bits for component in components)
        self.has_alpha = any(component.is_alpha for component in components)
        self.coding = coding_of(first)
        self.hdr_transfer = self.coding.hdr_transfer
        self._tone_mapping = ToneMapping(self.hdr_transfer) if self.hdr_transfer else None
        if self._tone_mapping:
            self.coding = ColorCoding(BT709, False, BT709, BT709)
            self.bit_depth = 8
        self._reformatter = VideoReformatter()  # one for all frames: one per frame would leak

    def convert(self, picture: VideoFrame) -> tuple[Pixels, np.ndarray | None]:
        """Return the RGB, (H, W, 3) uint8, and the alpha, (H, W) uint8, if there is any.

        What is transparent often has any colour, so all is laid over white.
        """
        if is_on_gpu(picture):
            return pixels_of(picture, coding_of(picture), self.turn, self.size), None
        if not self.has_alpha:
            return self._reformat(picture, "rgb24"), None
        pixels = self._reformat(picture, "rgba")
        alpha = pixels[..., 3:].astype(np.uint16)
        over_white = (pixels[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255
        return over_white.astype(np.uint8), np.ascontiguousarray(pixels[..., 3])

    def _reformat(self, picture: VideoFrame, pixel_format: str) -> np.ndarray:
        from av.video.reformatter import Colorspace, Interpolation

        height, width = self.size[::-1] if self.turn.transposes else self.size
        coding = coding_of(picture)
        if self._tone_mapping:
            picture = self._tone_mapping.apply(picture, coding)
        shrinks = height <= picture.height and width <= picture.width
        resizes = (height, width) != (picture.height, picture.width)
        way = Interpolation.AREA if shrinks and resizes else Interpolation.BICUBIC
        if self.bit_depth > 8:
            # Without these flags swscale's conversion of deep pictures is two levels too dark.
            way |= Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
        rgb = self._reformatter.reformat(
            picture,
            width=width,
            height=height,
            format=pixel_format,
            src_colorspace=None if is_rgb(picture) else Colorspace[coding.swscale_matrix],
            src_color_range=None if is_rgb(picture) else coding.av_range,
            dst_color_range="JPEG",
            interpolation=way,
        )
        return self.turn.apply(rgb.to_ndarray())
