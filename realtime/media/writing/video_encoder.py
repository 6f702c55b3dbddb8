"""Turns painted pixels into an encoder's pictures and packets, coded in the input's colours."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from engines.errors import SinkError
from realtime.media.format_registry import video_format
from realtime.media.info import VideoInfo
from realtime.media.writing.encoding import Encoding
from realtime.picture.gpu.decoding import encoder_context
from realtime.picture.gpu.nv12 import from_rgb, picture_of
from realtime.picture.sizes import size_text

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from torch import Tensor

    from realtime.frame import Pixels

# What these keep of transparency stands beside the packet, which few containers have room for.
_ALPHA_BESIDE = ("libvpx", "libvpx-vp9")
_COARSE_TIMES = ("mpeg4", "libxvid")  # MPEG-4 part 2 has 16 bits for ticks a second
_MAX_COARSE = 65_535
_FEW_OF_X265 = 3


class VideoEncoder:
    """How pictures of (height, width) ``size`` are encoded for a file called ``path``.

    They are painted from ``source``. A size that is odd, which 4:2:0 video cannot be, gets its last
    row or column repeated, and ``notes`` says so. ``threads`` is fixed, because x264 and its like
    give other bits with another number. One thread.

    Raises UsageError if ``encoding`` cannot be, and SinkError if not for this source.
    """

    codec: str
    """FFmpeg's name of the encoder."""

    options: dict[str, str]
    """The encoder's options."""

    pixel_format: str
    """FFmpeg's name of the format that the encoder takes."""

    keeps_alpha: bool
    """Whether transparency is encoded, too."""

    keeps_alpha_beside: bool
    """Whether it then stands beside the packets."""

    size: tuple[int, int]
    """(height, width) of what is encoded."""

    notes: list[str]
    """Lines that the user should see."""

    def __init__(
        self, path: Path, source: VideoInfo, encoding: Encoding, size: tuple[int, int], threads: int
    ) -> None:
        import av
        from av.video.reformatter import VideoReformatter

        self.notes = []
        self.codec = encoding.codec_for(path)
        self.options = encoding.options_for(path)
        self.threads = threads
        if self.codec in _COARSE_TIMES and source.time_base.denominator > _MAX_COARSE:
            raise SinkError(
                f"{path}: {self.codec} cannot tell times as fine as the input's "
                f"(1/{source.time_base.denominator} s). Another --vcodec can, for example libx264."
            )
        self._source = source
        # What the GPU has painted, its encoder takes from there.
        device = source.device if self.codec.endswith("_nvenc") else None
        self._context = encoder_context(device) if device else None
        self._reformatter = VideoReformatter()
        formats = [known.name for known in av.Codec(self.codec, "w").video_formats or ()]
        takes_alpha = source.has_alpha and size == source.size
        alpha = alpha_format(self.codec, path, source.bit_depth) if takes_alpha else None
        self.keeps_alpha = alpha is not None
        self.keeps_alpha_beside = self.keeps_alpha and self.codec in _ALPHA_BESIDE
        self.pixel_format = alpha or _pixel_format(formats, source.bit_depth)
        if source.has_alpha and not alpha:
            self.notes.append(
                f"transparent places are painted on white, since {self.codec} in {path.suffix} "
                "keeps none. An output ending in .webm does, or --vcodec prores_ks in .mov, or "
                "--vcodec ffv1 in .mkv."
            )
        height, width = size
        subsampled = "420" in self.pixel_format or self.pixel_format == "nv12"
        self.size = (height + height % 2, width + width % 2) if subsampled else (height, width)
        if self.size != size:
            self.notes.append(
                f"{width}x{height} is odd: written as {size_text(self.size)}, the last row or "
                "column twice."
            )

    @property
    def few_frames(self) -> int:
        """Up to how many frames of a segment must be told to ``add_stream`` as few."""
        return _FEW_OF_X265 if self.codec == "libx265" else 0

    def add_stream(self, output: OutputContainer, has_few_frames: bool = False) -> VideoStream:
        """Add a stream of its own encoder to ``output`` and return it."""
        source, coding = self._source, self._source.coding
        options = dict(self.options)
        if self.codec == "libx265":
            # It tells forty lines of each segment, past FFmpeg's own log.
            params = ["log-level=error"]
            # Without this it fails now and then at the end of one or two frames.
            params += ["bframes=0"] if has_few_frames else []
            options["x265-params"] = ":".join(params)
        os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1's errors; it tells as much
        stream = cast(
            "VideoStream",  # which PyAV's types know only for encoders that they list
            output.add_stream(self.codec, rate=source.rate, options=options),
        )
        stream.pix_fmt = "cuda" if self._context else self.pixel_format
        stream.height, stream.width = self.size
        context = stream.codec_context
        context.thread_count = self.threads
        context.time_base = source.time_base
        context.sample_aspect_ratio = source.pixel_aspect
        context.colorspace, context.color_range = coding.matrix, coding.av_range
        context.color_primaries, context.color_trc = coding.primaries, coding.sdr_transfer
        return stream

    def picture(self, pixels: Pixels, alpha: np.ndarray | None = None) -> VideoFrame:
        """Return pixels as the encoder takes them, without a time.

        ``pixels``: (H, W, 3) uint8 RGB of the given size. ``alpha``: (H, W) uint8, if that is kept;
        the fourth of the pixels, where they have it, goes before.
        """
        if isinstance(pixels, np.ndarray) and pixels.shape[2] == 4:
            pixels, alpha = pixels[..., :3], pixels[..., 3]
        if self._context is None and isinstance(pixels, np.ndarray):
            return self._picture_of_array(pixels, alpha)
        if self.pixel_format in ("yuv420p", "nv12"):
            return self._picture_of_tensor(pixels)
        if isinstance(pixels, np.ndarray):
            return self._picture_of_array(pixels)
        return self._picture_of_array(pixels.cpu().numpy())

    def _picture_of_tensor(self, pixels: Pixels) -> VideoFrame:
        import torch

        # An array among tensors is a frame that the GPU's decoder left to the CPU's.
        tensor: Tensor = torch.as_tensor(pixels, device=self._source.device)
        nv12 = from_rgb(tensor, self._source.coding)
        if self._context is None:
            return picture_of(nv12.cpu(), None)
        with torch.cuda.device(nv12.device):
            torch.cuda.current_stream().synchronize()  # NVENC need not read in its order
            return picture_of(nv12, self._context)

    def _picture_of_array(self, pixels: np.ndarray, alpha: np.ndarray | None = None) -> VideoFrame:
        from av.video.frame import VideoFrame
        from av.video.reformatter import Colorspace, Interpolation

        coding = self._source.coding
        if self.keeps_alpha:
            opaque = np.full(pixels.shape[:2], 255, np.uint8)
            pixels = np.dstack([pixels, opaque if alpha is None else alpha])
        missing = (self.size[0] - pixels.shape[0], self.size[1] - pixels.shape[1])
        if any(missing):
            pixels = np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
        return self._reformatter.reformat(
            VideoFrame.from_ndarray(pixels, "rgba" if self.keeps_alpha else "rgb24"),
            format=self.pixel_format,
            src_color_range="JPEG",
            dst_colorspace=Colorspace[coding.swscale_matrix],
            dst_color_range=coding.av_range,
            # Without these flags swscale is up to a code off in full range, for the same time.
            interpolation=Interpolation.BICUBIC
            | Interpolation.ACCURATE_RND
            | Interpolation.FULL_CHR_H_INP,
        )


def alpha_format(codec: str, path: Path, bit_depth: int) -> str | None:
    """Return in which format ``codec`` keeps transparency in a file called ``path``; None: none."""
    import av

    if codec in _ALPHA_BESIDE and not video_format(path).has_alpha_beside:
        return None
    formats = [known.name for known in av.Codec(codec, "w").video_formats or ()]
    deep = ["yuva420p10le", "yuva422p10le", "yuva444p10le"]
    plain = ["yuva420p", "yuva444p", "rgba", "argb", "bgra"]
    wanted = [*deep, *plain] if bit_depth > 8 else [*plain, *deep]
    return next((name for name in wanted if name in formats), None)


def _pixel_format(formats: list[str], bit_depth: int) -> str:
    """Return what most players take.

    With more than 8 bits if the input has them and the encoder can: less banding in flat colours.
    """
    deep = ["yuv420p10le", "yuv422p10le"] if bit_depth > 8 else []
    usual = (name for name in (*deep, "yuv420p") if name in formats)
    return next(usual, formats[0] if formats else "yuv420p")
