"""Writes the painted video to standard output, as yuv4mpeg or as bare pixels, for ffmpeg, mpv, OBS
and the like to read.
"""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from engines.errors import SinkError
from realtime.frame import FileFrame
from realtime.media.disk import write_errors
from realtime.media.info import VideoInfo
from realtime.media.pipes import STDIO
from realtime.picture.sizes import size_text

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.frame import VideoFrame


class PipeOutput:
    """The painted version of ``source`` on ``pipe``, in (height, width) ``size``; ``raw``: rgb24
    without a header.

    Neither form has times: frames come at the constant rate of the source, repeated or left out
    where its own times ask for it. Use from one thread. A reader that goes away is a
    BrokenPipeError, which is how a pipeline ends; else SinkError.
    """

    def __init__(self, pipe: BinaryIO, source: VideoInfo, size: tuple[int, int], raw: bool) -> None:
        self.frames = self.resumed = 0
        self.notes: list[str] = []
        self._pipe, self._source, self._size, self._raw = pipe, source, size, raw
        self._output: OutputContainer | None = None
        self._held: np.ndarray | None = None
        self._written = 0
        if raw:
            self.notes.append(
                f"standard output: rgb24 {size_text(size)} at {source.rate} frames per second, without a header."
            )
            if source.pixel_aspect != 1:
                self.notes.append(
                    f"standard output: its pixels are {source.pixel_aspect} times as wide as high."
                )
        if source.has_alpha:
            self.notes.append(
                "standard output: what is transparent is white, since pipes have no transparency."
            )

    def write(self, frame: FileFrame, pixels: np.ndarray) -> None:
        """pixels: (H, W, 3) uint8 RGB.

        The frame is written when it is known until when it is shown.
        """
        slot = round((frame.pts - self._source.first_pts) * frame.time_base * self._source.rate)
        self._fill_up_to(slot)
        self._held = pixels
        self.frames += 1

    def finish(self, last_duration: int, name: Path | None = None) -> Path:
        """Write the last frame for as long as it is shown, and what is buffered."""
        end = round(last_duration * self._source.time_base * self._source.rate)
        self._fill_up_to(self._written + max(1, end))
        with _errors():
            if self._output is not None:
                self._output.mux(self._stream.encode(None))
                self._output.close()
                self._output = None
            self._pipe.flush()
        return STDIO

    def discard(self) -> int:
        """Stop.

        What was written was written; nothing is kept for --resume. Harmless after ``finish``.
        """
        if self._output is not None:
            with contextlib.suppress(BrokenPipeError, SinkError), _errors():
                self._output.close()
            self._output = None
        return 0

    def _fill_up_to(self, slot: int) -> None:
        while self._held is not None and self._written < slot:
            with _errors():
                if self._raw:
                    self._pipe.write(np.ascontiguousarray(self._held))
                else:
                    self._write_y4m(self._held)
            self._written += 1

    def _write_y4m(self, pixels: np.ndarray) -> None:
        import av

        if self._output is None:
            self._output = av.open(self._pipe, "w", format="yuv4mpegpipe")
            self._stream = self._output.add_stream("wrapped_avframe", rate=self._source.rate)
            self._stream.height, self._stream.width = self._size
            self._stream.pix_fmt = "yuv420p"
            self._stream.codec_context.sample_aspect_ratio = self._source.pixel_aspect
            self._stream.codec_context.color_range = self._source.coding.av_range
            self._reformatter = av.video.reformatter.VideoReformatter()
        picture = self._picture(pixels)
        picture.pts, picture.time_base = self._written, 1 / Fraction(self._source.rate)
        self._output.mux(self._stream.encode(picture))

    def _picture(self, pixels: np.ndarray) -> VideoFrame:
        from av.video.frame import VideoFrame
        from av.video.reformatter import Interpolation

        return self._reformatter.reformat(
            VideoFrame.from_ndarray(pixels, "rgb24"),
            format="yuv420p",
            src_color_range="JPEG",
            dst_colorspace=self._source.coding.swscale_matrix,
            dst_color_range=self._source.coding.av_range,
            interpolation=Interpolation.BICUBIC
            | Interpolation.ACCURATE_RND
            | Interpolation.FULL_CHR_H_INP,
        )


@contextlib.contextmanager
def _errors():
    """A reader that has gone stays a BrokenPipeError, the rest becomes SinkError."""
    try:
        with write_errors(Path("standard output")):
            yield
    except SinkError as error:
        if isinstance(error.__cause__, BrokenPipeError):
            raise error.__cause__ from None
        raise
