"""Writes the painted video to standard output, for ffmpeg, mpv, OBS and the like to read.

As yuv4mpeg, or as bare pixels.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

import numpy as np

from engines.errors import SinkError
from realtime.frame import FileFrame
from realtime.media.disk import write_errors
from realtime.media.info import VideoInfo
from realtime.media.pipes import STDIO
from realtime.media.writing.segments import Resume
from realtime.picture.gpu.tensors import on_host
from realtime.picture.sizes import size_text

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from realtime.frame import Pixels


class PipeOutput:
    """The painted version of ``source`` on ``pipe``, in (height, width) ``size``.

    ``raw``: rgb24 without a header. Neither form has times: frames come at the constant rate of the
    source, repeated or left out where its own times ask for it. Use from one thread. A reader that
    goes away is a BrokenPipeError, which is how a pipeline ends; else SinkError.
    """

    frames: int
    """How many came in."""

    resume: Resume
    """Nothing to go on from: what has passed a pipe is gone."""

    notes: list[str]
    """Lines that the user should see."""

    def __init__(self, pipe: BinaryIO, source: VideoInfo, size: tuple[int, int], raw: bool) -> None:
        self.frames = 0
        self.resume = Resume()
        self.notes = []
        self._pipe, self._source = pipe, source
        self._form: _Form = _BarePixels(pipe) if raw else _Y4m(pipe, source, size)
        self._shown: np.ndarray | None = None
        self._written = 0
        if raw:
            self.notes.append(
                f"standard output: rgb24 {size_text(size)} at {source.rate} frames per second, "
                "without a header."
            )
            if source.pixel_aspect != 1:
                self.notes.append(
                    f"standard output: its pixels are {source.pixel_aspect} times as wide as high."
                )
        if source.has_alpha:
            self.notes.append(
                "standard output: what is transparent is white, since pipes have no transparency."
            )

    def write(self, frame: FileFrame, pixels: Pixels) -> None:
        """Take ``pixels``, (H, W, 3) uint8 RGB.

        The frame is written when it is known until when it is shown.
        """
        slot = round((frame.pts - self._source.first_pts) * frame.time_base * self._source.rate)
        self._fill_up_to(slot)
        self._shown = on_host(pixels)
        self.frames += 1

    def finish(self, last_duration: int, _name: Path | None = None) -> Path:
        """Write the last frame for as long as it is shown, and what is buffered."""
        end = round(last_duration * self._source.time_base * self._source.rate)
        self._fill_up_to(self._written + max(1, end))
        with _translate_errors():
            self._form.finish()
            self._pipe.flush()
        return STDIO

    def discard(self) -> int:
        """Stop.

        What was written was written; nothing is kept for --resume. Harmless after ``finish``.
        """
        with contextlib.suppress(BrokenPipeError, SinkError), _translate_errors():
            self._form.close()
        return 0

    def _fill_up_to(self, slot: int) -> None:
        while self._shown is not None and self._written < slot:
            with _translate_errors():
                self._form.write(self._shown, self._written)
            self._written += 1


class _Form(Protocol):
    """How pictures stand in a pipe. Raises what PyAV and the system raise."""

    def write(self, pixels: np.ndarray, number: int, /) -> None:
        """Write picture ``number``."""

    def finish(self) -> None:
        """Write what is buffered, and close."""

    def close(self) -> None:
        """Stop. Harmless after ``finish``."""


class _BarePixels:
    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe

    def write(self, pixels: np.ndarray, _number: int, /) -> None:
        self._pipe.write(np.ascontiguousarray(pixels).data)

    def finish(self) -> None:
        pass

    def close(self) -> None:
        pass


class _Y4m:
    """yuv4mpeg; the pipe gets nothing before the first picture."""

    def __init__(self, pipe: BinaryIO, source: VideoInfo, size: tuple[int, int]) -> None:
        import av
        from av.video.reformatter import VideoReformatter

        self._coding = source.coding
        self._tick_s = 1 / Fraction(source.rate)
        self._output = av.open(pipe, "w", format="yuv4mpegpipe")
        self._stream = stream = self._output.add_stream("wrapped_avframe", rate=source.rate)
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.sample_aspect_ratio = source.pixel_aspect
        stream.codec_context.color_range = source.coding.av_range
        self._reformatter = VideoReformatter()

    def write(self, pixels: np.ndarray, number: int, /) -> None:
        picture = self._picture(pixels)
        picture.pts, picture.time_base = number, self._tick_s
        self._output.mux(self._stream.encode(picture))

    def finish(self) -> None:
        self._output.mux(self._stream.encode(None))
        self._output.close()

    def close(self) -> None:
        self._output.close()

    def _picture(self, pixels: np.ndarray) -> VideoFrame:
        from av.video.frame import VideoFrame
        from av.video.reformatter import Colorspace, Interpolation

        return self._reformatter.reformat(
            VideoFrame.from_ndarray(pixels, "rgb24"),
            format="yuv420p",
            src_color_range="JPEG",
            dst_colorspace=Colorspace[self._coding.swscale_matrix],
            dst_color_range=self._coding.av_range,
            interpolation=Interpolation.BICUBIC
            | Interpolation.ACCURATE_RND
            | Interpolation.FULL_CHR_H_INP,
        )


@contextlib.contextmanager
def _translate_errors() -> Iterator[None]:
    """Let a reader that has gone stay a BrokenPipeError; the rest becomes SinkError."""
    try:
        with write_errors(Path("standard output")):
            yield
    except SinkError as error:
        if isinstance(error.__cause__, BrokenPipeError):
            raise error.__cause__ from None
        raise
