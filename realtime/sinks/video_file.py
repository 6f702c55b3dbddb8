"""Writes a painted video: the input's timestamps, colour coding, pixel shape, sound and metadata around new pictures."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines.errors import SinkError
from realtime.frame import Frame
from realtime.sinks.audio_tracks import AudioTracks
from realtime.sinks.encoding import CONTAINERS, Encoding
from realtime.sinks.pending_file import PendingFile
from realtime.sources.video_file import VideoFile

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_MAX_TIMESCALE = 10_000_000
_DROPPED_METADATA = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration"}


class VideoOutput:
    """The painted version of ``source`` at ``path``. Call every method from one thread; end with ``finish`` or ``discard``.

    Frames keep their pts. With ``--ss``, and where the first pts is negative (a player would skip such frames), pictures and
    sound move together so that the first frame is at 0. A size that is odd, which 4:2:0 video cannot be, gets its last row
    or column repeated; ``notes`` says so. Raises SinkError, with nothing left behind after ``discard``.
    """

    def __init__(self, path: Path, source: VideoFile, encoding: Encoding) -> None:
        self.frames = 0
        self.notes: list[str] = []
        self._source = source
        self._encoding = encoding
        self._codec = encoding.codec_for(path)
        self._options = encoding.options_for(path)
        self._file = PendingFile(path)
        self._output: OutputContainer | None = None
        self._audio: AudioTracks | None = None

    def write(self, frame: Frame, pixels: np.ndarray) -> None:
        """Encode ``pixels``, (H, W, 3) uint8 RGB of the source's size, at the time of ``frame``."""
        with self._errors():
            if self._output is None:
                self._open(frame)
            picture = self._to_picture(pixels)
            picture.pts = frame.pts - self._shift
            picture.time_base = frame.time_base
            packets = self._stream.encode(picture)
            if self._audio:
                self._audio.advance(picture.pts * frame.time_base)
            self._output.mux(packets)
            self.frames += 1

    def finish(self, name: Path | None = None) -> Path:
        """Flush, prove that everything arrived, put the file under its name, or ``name`` in the same folder; return that."""
        with self._errors():
            if self._output is None:
                raise SinkError(f"{self._file.path}: no frame was written.")
            self._output.mux(self._stream.encode(None))
            if self._audio:
                self._audio.advance(None)
            self._output.close()
            self._prove()
        self._close_audio()
        return self._file.commit(name)

    def discard(self) -> None:
        """Stop and leave nothing. Harmless after ``finish``."""
        self._close_audio()
        if self._output is not None:
            with contextlib.suppress(OSError, ValueError):  # it is thrown away, and what went wrong has been raised already
                self._output.close()
        self._file.discard()

    def _close_audio(self) -> None:
        if self._audio:
            self._audio.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """PyAV's errors of writing as SinkError."""
        import av

        try:
            yield
        except (av.error.FFmpegError, OSError, ValueError) as error:
            full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
            reason = "the disk is full" if full else f"{self._codec} failed: {getattr(error, 'strerror', None) or error}"
            raise SinkError(f"{self._file.path}: cannot be written: {reason}.") from error

    def _open(self, first: Frame) -> None:
        import av
        from av.video.reformatter import VideoReformatter

        path, source = self._file.path, self._source
        name = CONTAINERS[path.suffix.lower()]
        options = {}
        if name in ("mp4", "mov"):  # in FFmpeg's default of 1000 the beginning of each track would be rounded to milliseconds
            timescale = source.timescale if source.timescale <= _MAX_TIMESCALE else source.time_base.denominator
            options = {"movflags": "+faststart", "movie_timescale": str(timescale)}
        self._output = av.open(f"file:{self._file.temporary}", "w", format=name, options=options)
        self._output.metadata.update({k: v for k, v in source.metadata.items() if k.lower() not in _DROPPED_METADATA})
        self._reformatter = VideoReformatter()
        self._shift = first.pts if source.is_cut or first.pts < 0 else 0
        self._stream = self._add_video()
        if self._encoding.audio != "none":
            start_s = first.pts * first.time_base if source.is_cut else None
            self._audio = AudioTracks(
                source.path,
                self._output,
                offset_s=self._shift * first.time_base,
                start_s=start_s,
                end_s=source.end_s,
                convert=self._encoding.audio == "aac",
            )
            self.notes += self._audio.notes
        if source.chapters and not source.is_cut:
            self._output.set_chapters(source.chapters)

    def _add_video(self) -> VideoStream:
        source, coding = self._source, self._source.coding
        height, width = source.size
        stream = self._output.add_stream(self._codec, rate=source.rate, options=dict(self._options))
        formats = [pixel_format.name for pixel_format in stream.codec_context.codec.video_formats or ()]
        stream.pix_fmt = "yuv420p" if "yuv420p" in formats or not formats else formats[0]
        subsampled = "420" in stream.pix_fmt or stream.pix_fmt == "nv12"
        stream.height, stream.width = (height + height % 2, width + width % 2) if subsampled else (height, width)
        if (stream.height, stream.width) != (height, width):
            self.notes.append(
                f"{width}x{height} is odd: written as {stream.width}x{stream.height}, the last row or column twice."
            )
        context = stream.codec_context
        context.time_base = source.time_base
        context.sample_aspect_ratio = source.pixel_aspect
        context.colorspace, context.color_range = coding.matrix, coding.av_range
        context.color_primaries, context.color_trc = coding.primaries, coding.sdr_transfer
        if source.language:
            stream.metadata["language"] = source.language
        return stream

    def _to_picture(self, pixels: np.ndarray) -> VideoFrame:
        from av.video.frame import VideoFrame
        from av.video.reformatter import Interpolation

        height, width = pixels.shape[:2]
        stream, coding = self._stream, self._source.coding
        if (stream.height, stream.width) != (height, width):
            pixels = np.pad(pixels, ((0, stream.height - height), (0, stream.width - width), (0, 0)), mode="edge")
        return self._reformatter.reformat(
            VideoFrame.from_ndarray(pixels, "rgb24"),
            format=stream.pix_fmt,
            src_color_range="JPEG",
            dst_colorspace=coding.swscale_matrix,
            dst_color_range=coding.av_range,
            # Without these flags swscale is up to a code off in full range, for the same time.
            interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP,
        )

    def _prove(self) -> None:
        """Read the finished file again and count: what went in must be there."""
        import av

        counts = {"video": 0, "audio": 0}
        with av.open(f"file:{self._file.temporary}") as written:
            for packet in written.demux():
                if packet.size:
                    counts[packet.stream.type] = counts.get(packet.stream.type, 0) + 1
        expected = {"video": self.frames, "audio": self._audio.written if self._audio else 0}
        for kind, count in expected.items():
            if counts[kind] != count:
                raise SinkError(f"{self._file.path}: {count} {kind} packets were written, but {counts[kind]} can be read back.")
