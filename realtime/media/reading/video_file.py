"""Reads a video or picture file frame by frame: upright, full-range RGB, with the timestamps that
the file has.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from engines.errors import SourceError
from realtime.frame import FileFrame, Moment
from realtime.media.pipes import STDIO, RawVideo, StandardInput
from realtime.media.reading.cuts import CutDetector
from realtime.media.reading.packets import PacketReader, open_container, open_pipe
from realtime.media.reading.picture_filters import ToneMapping, deinterlaced
from realtime.media.reading.picture_tags import PictureTags, read_tags
from realtime.picture.color import BT709, ColorCoding, coding_of, is_rgb
from realtime.picture.gpu.decoding import decoder_on, is_on_gpu, pixels_of, tensors_problem
from realtime.picture.orientation import orientation_of

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from torch import Tensor

MAX_PIXELS = 8192 * 8192
MAX_DAMAGED_IN_A_ROW = 8
_EARLY_S = (1, 20, None)  # before --ss; frames between are only decoded
_FINGERPRINT_SAMPLES = 16
_SAMPLE_BYTES = 65_536
COVER_PICTURE = 0x400  # AV_DISPOSITION_ATTACHED_PIC: the cover of a sound file, which is no video
# FFmpeg's own decoders of these pass over the transparency, which WebM keeps as a second picture
# beside each.
_DECODERS_OF_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


class VideoFile:
    """One video file, opened and looked at up to its first frame.

    Use as a context manager; iterate ``frames()`` once. ``STDIO`` means standard input; ``raw`` is
    then what its pictures are if they come without a header.

    ``start_s`` and ``end_s`` count from the file's first moment. ``resize`` maps the upright
    (height, width) to the size that frames shall have; ``deinterlace`` weaves what is interlaced.
    Raises SourceError if there is no picture to be had.

    Attributes of the pictures: ``size`` (height, width); ``coding`` of their colours; ``profile``,
    the ICC profile of a picture file, None without one; ``pixel_aspect``, upright; ``bit_depth``
    and ``has_alpha``, as coded; ``device``, the card that decodes them, None for the CPU;
    ``time_base`` of their pts; ``first_pts``; ``rate``, the average frames per second, never to be
    trusted for time; ``is_picture``.

    Attributes of the file: ``duration_s`` of what will be read, None if unknown; ``is_cut``: it
    begins later than the file; ``origin_s``, its first moment on its own clock, on which
    ``start_s`` and ``end_s`` are too; ``timescale``, a rate of which every time of picture and
    sound is a whole multiple; ``metadata``, ``language`` and ``chapters``, to be carried over;
    ``notes``, lines that the user should see.

    While iterating: ``damaged``, the number of packets that could not be decoded; ``truncated``,
    None or why the end of the file is missing; ``cuts``, when scenes have changed, in seconds from
    the file's first moment; ``last_duration``, how long the newest frame is shown, in units of
    ``time_base``.
    """

    def __init__(
        self,
        path: Path,
        start_s: Fraction | None = None,
        end_s: Fraction | None = None,
        resize: Callable[[tuple[int, int]], tuple[int, int]] = lambda size: size,
        raw: RawVideo | None = None,
        deinterlace: bool = True,
    ) -> None:
        self.path = path
        self.device: str | None = None
        self._asked = start_s, end_s, resize
        self.damaged = 0
        self.truncated: str | None = None
        self.notes: list[str] = []
        self.deinterlace = deinterlace
        self.cuts: list[Fraction] = []
        self._pictures: Iterator[VideoFrame] = iter(())
        self._pipe = StandardInput() if path == STDIO else None
        self._container = open_pipe(self._pipe, raw) if self._pipe else open_container(path)
        self._look_into()

    def decode_on(self, device: str) -> None:
        """To be called before ``frames()``: decode on the card ``device`` ("cuda:0") from here on,
        so that pixels are tensors that live there.

        Where the card or its decoder cannot, all stays as it is and ``notes`` says why.
        """
        problem = self._gpu_problem() or tensors_problem(device)
        if problem is None:
            problem = "its decoder does not take this video"
            try:
                with decoder_on(device) as decoder:
                    self._start_over(open_container(self.path, decoder))
                if is_on_gpu(self._first):
                    self.device = device
                    return
            except (SourceError, RuntimeError) as error:  # PyAV's and PyTorch's
                problem = str(error)
            self._start_over(open_container(self.path))
        self.notes.append(
            f"{self.path.name}: is decoded on the CPU, not on the GPU: {problem.rstrip('.')}."
        )

    def _gpu_problem(self) -> str | None:
        """Why a card's decoder, or what follows it there, would not take this video, or None."""
        first = self._first
        if self._pipe or self.is_picture:
            return "it is no video file"
        if (
            first.format.name not in ("yuv420p", "yuvj420p", "nv12")
            or first.width % 2
            or first.height % 2
        ):
            return f"it is {first.width}x{first.height} {first.format.name}, not of even size in 8-bit 4:2:0"
        return (
            "it is interlaced"
            if first.interlaced_frame
            else "it is HDR"
            if self._tone_mapping
            else None
        )

    def _start_over(self, container: InputContainer) -> None:
        self.close()
        self._container, self.notes = container, []
        self._look_into()

    def _look_into(self) -> None:
        start_s, end_s, resize = self._asked
        try:
            self._open_stream(start_s, end_s)
            self._find_first_frame()
            self._look_at_first_frame(resize)
        except BaseException:
            self._container.close()
            raise

    def _open_stream(self, start_s: Fraction | None, end_s: Fraction | None) -> None:
        container = self._container
        streams = [
            stream
            for stream in container.streams.video
            if not int(stream.disposition) & COVER_PICTURE
        ]
        if not streams:
            raise SourceError(f"{self.path}: has no video track.")
        self._stream = stream = streams[0]
        context = stream.codec_context
        if context is None:
            raise SourceError(f"{self.path}: its video is coded in a way that is not known here.")
        if context.width * context.height > MAX_PIXELS:
            raise SourceError(
                f"{self.path}: {context.width}x{context.height} is more than {MAX_PIXELS >> 20} megapixels. A picture of that "
                "size is painted with --tile 1024, and with libvips (pip install 'livebrush[large]')."
            )
        self._decoder = context = self._decoder_for(stream)
        context.options = {
            "max_pixels": str(MAX_PIXELS)
        }  # the decoder checks each frame: sizes may change midway
        context.thread_type = "NONE" if context.is_hwaccel else "AUTO"
        self.time_base: Fraction = stream.time_base
        self.rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
        self.is_picture = container.format.name == "image2" or container.format.name.endswith(
            "_pipe"
        )
        self.origin_s = origin_s = Fraction(container.start_time or 0, 1_000_000)
        self.is_cut = bool(start_s)
        self.start_s = None if start_s is None else origin_s + start_s
        self.end_s = None if end_s is None else origin_s + end_s
        self.metadata = dict(container.metadata)
        self.timescale = math.lcm(
            *(s.time_base.denominator for s in (stream, *container.streams.audio))
        )
        self.language = stream.metadata.get("language")
        self.chapters = container.chapters()
        self.duration_s = self._planned_duration(start_s or Fraction(0), end_s)

    def _decoder_for(self, stream: VideoStream) -> VideoCodecContext:
        import av

        name = _DECODERS_OF_ALPHA.get(stream.codec_context.name)
        tags = {key.lower(): value for key, value in stream.metadata.items()}
        if name is None or tags.get("alpha_mode") != "1":
            return stream.codec_context
        try:
            decoder = av.CodecContext.create(name, "r")
        except (av.error.FFmpegError, ValueError):
            self.notes.append(
                f"{self.path.name}: its transparency is lost, because this FFmpeg has no {name}."
            )
            return stream.codec_context
        decoder.extradata = stream.codec_context.extradata
        return decoder

    def _planned_duration(self, start_s: Fraction, end_s: Fraction | None) -> float | None:
        whole_s = (
            Fraction(self._container.duration, 1_000_000) if self._container.duration else None
        )
        if whole_s is not None and start_s >= whole_s:
            raise SourceError(
                f"--ss {float(start_s):g}: {self.path} ends at {float(whole_s):.2f} s."
            )
        ends = [end for end in (whole_s, end_s) if end is not None]
        return float(min(ends) - start_s) if ends else None

    def _find_first_frame(self) -> None:
        """Decode up to the first frame from ``start_s`` on.

        A seek early enough lands on a keyframe before it; MPEG-TS and -PS land anywhere and then
        decode from the next keyframe on, so it is tried from further and further back.
        """
        noted, damaged = len(self.notes), self.damaged
        sought = (
            self._asked[0] and self._container.duration
        )  # bare H.264, which has no times, has no length either
        for early_s in _EARLY_S if sought else (None,):
            seeks = sought and self._seek(early_s)
            self._earliest_s = None
            self._pictures = self._decode()
            self._first = next(self._pictures, None)
            if not seeks or (self._earliest_s is not None and self._earliest_s <= self.start_s):
                return
            if early_s is not _EARLY_S[-1]:
                del self.notes[noted:]
                self.damaged = damaged

    def _seek(self, early_s: int | None) -> bool:
        """To so many seconds before ``start_s``, None: to the file's start. Whether it can."""
        import av

        try:
            self._container.seek(
                0 if early_s is None else max(0, int((self.start_s - early_s) * 1_000_000))
            )
        except av.error.FFmpegError:
            self.notes.append(f"{self.path.name}: cannot seek, so it is read from its start.")
            return False
        self._decoder.flush_buffers()
        return True

    def _look_at_first_frame(self, resize: Callable[[tuple[int, int]], tuple[int, int]]) -> None:
        from av.video.reformatter import VideoReformatter

        if self._first is None:
            raise SourceError(f"{self.path}: no frame of it can be decoded.")
        self.first_pts: int = self._first.pts or 0
        self.coding: ColorCoding = coding_of(self._first)
        tags = read_tags(self.path) if self.is_picture else PictureTags()
        self.profile = tags.profile
        self._turn = tags.orientation or orientation_of(
            self._first, self._stream.codec_context.name
        )
        self._reformatter = VideoReformatter()  # one for all frames: a context per frame would leak
        coded = (self._first.height, self._first.width)
        self.size = resize(coded[::-1] if self._turn.transposes else coded)
        aspect = self._stream.sample_aspect_ratio or Fraction(1)
        self.pixel_aspect = (
            (1 / aspect if self._turn.transposes else aspect) if aspect > 0 else Fraction(1)
        )
        components = (self._first.sw_format or self._first.format).components
        self.bit_depth = max(component.bits for component in components)
        self.has_alpha = any(component.is_alpha for component in components)
        self._tone_mapping = (
            ToneMapping(self.coding.hdr_transfer) if self.coding.hdr_transfer else None
        )
        if self._tone_mapping:
            self.notes.append(
                f"{self.path.name}: is HDR ({self.coding.hdr_transfer}); it is painted tone-mapped to BT.709."
            )
            self.coding = ColorCoding(BT709, False, BT709, BT709)
            self.bit_depth = 8

    def frames(self, skip: Callable[[int], bool] = lambda index: False) -> Iterator[FileFrame]:
        """Every frame once, in order of presentation; those whose index ``skip`` names are only
        decoded.

        pts strictly rise: a missing or repeated one is put right.

        After more than 8 damaged packets in a row, or a file that ends early, it stops and sets
        ``truncated``.
        """
        import av

        for picture, moment in self._in_order():
            if skip(moment.index):
                continue
            try:
                pixels, alpha = self._to_pixels(picture)
            except (av.error.FFmpegError, ValueError, RuntimeError) as error:
                raise SourceError(
                    f"{self.path}: a frame of it cannot be converted ({error})."
                ) from error
            yield FileFrame(
                pixels,
                moment.index,
                moment.pts,
                self.time_base,
                is_cut=moment.is_cut,
                alpha=alpha,
                mark=moment.mark,
            )

    def moments(self) -> Iterator[Moment]:
        """What ``frames`` gives, and all that it finds out, without making pixels of it.

        Iterate one of the two, once.
        """
        return (moment for _, moment in self._in_order())

    def _in_order(self) -> Iterator[tuple[VideoFrame, Moment]]:
        last: int | None = None
        step = max(1, round(1 / self.rate / self.time_base))
        picture, index = self._first, 0
        detector = CutDetector()
        while picture is not None:
            pts = picture.pts if picture.pts is not None else (0 if last is None else last + step)
            last = pts if last is None else max(pts, last + 1)
            self.last_duration = picture.duration or step
            is_cut = detector.is_cut(picture)
            if is_cut:
                self.cuts.append(last * self.time_base - self.origin_s)
            yield picture, Moment(index, last, is_cut, detector.mark)
            picture, index = next(self._pictures, None), index + 1

    def interrupt(self) -> None:
        """End ``frames()``, from another thread, if it waits for a pipe."""
        if self._pipe:
            self._pipe.stop()

    def fingerprint(self) -> str:
        """Tells this file from others without reading all of it: its length and a hash of samples
        from everywhere in it.

        A pipe, which cannot be read again, is equal to none.
        """
        if self._pipe:
            return os.urandom(16).hex()
        length = self.path.stat().st_size
        digest = hashlib.sha256(str(length).encode())
        with open(self.path, "rb") as file:
            for place in range(_FINGERPRINT_SAMPLES):
                file.seek(place * max(0, length - _SAMPLE_BYTES) // (_FINGERPRINT_SAMPLES - 1))
                digest.update(file.read(_SAMPLE_BYTES))
        return digest.hexdigest()[:32]

    def _decode(self) -> Iterator[VideoFrame]:
        """Decoded pictures between ``start_s`` and ``end_s``, unconverted.

        Those without times are counted from the start.
        """
        for index, picture in enumerate(self._progressive(self._decode_all())):
            timed = picture.pts is not None
            time_s = picture.pts * self.time_base if timed else self.origin_s + index / self.rate
            if timed and self._earliest_s is None:
                self._earliest_s = time_s
            if self.end_s is not None and time_s >= self.end_s:
                return
            if self.start_s is None or time_s >= self.start_s:
                yield picture

    def _progressive(self, pictures: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
        """Woven if the first of them is interlaced: combs would be painted as strokes."""
        first = next(pictures, None)
        if first is None:
            return
        pictures = itertools.chain([first], pictures)
        if first.interlaced_frame and self.deinterlace:
            self.notes.append(f"{self.path.name}: is interlaced; it is painted deinterlaced.")
            pictures = deinterlaced(pictures, self.time_base)
        yield from pictures

    def _decode_all(self) -> Iterator[VideoFrame]:
        import av

        in_a_row = 0
        reader = PacketReader(self._container, {self._stream.index})
        while in_a_row <= MAX_DAMAGED_IN_A_ROW:
            try:
                packet = reader.next()
                pictures = self._decoder.decode(packet)
            except av.error.EOFError:
                break
            except (av.error.FFmpegError, OSError):
                self.damaged += 1
                in_a_row += 1
                continue
            in_a_row = 0
            yield from pictures
            if packet is None:
                break
        self.truncated = self._missing_end(in_a_row, reader)

    def _missing_end(self, damaged_in_a_row: int, reader: PacketReader) -> str | None:
        if damaged_in_a_row > MAX_DAMAGED_IN_A_ROW:
            return f"{damaged_in_a_row} damaged packets in a row"
        if (
            "mov" in self._container.format.name and not self.is_cut
        ):  # its index, less what an edit list hides
            stated = min(self._stream.frames, len(self._stream.index_entries))
            if reader.count < stated:
                return f"the last {stated - reader.count} of {stated} frames are missing"
            if reader.cut_off:
                return "a part of the last frame or of its sound is missing"
        duration = self._container.duration
        if not duration or reader.count == self._stream.frames:
            return None
        end_s = Fraction((self._container.start_time or 0) + duration, 1_000_000)
        missing_s = float(end_s - reader.end_s)
        return (
            f"the last {missing_s:.2f} of {duration / 1e6:.2f} s are missing"
            if missing_s > max(0.25, 3 / self.rate)
            else None
        )

    def _to_pixels(self, picture: VideoFrame) -> tuple[np.ndarray | Tensor, np.ndarray | None]:
        """RGB, and alpha if there is any: what is transparent often has any colour, so all is laid
        over white.
        """
        if is_on_gpu(picture):
            return pixels_of(picture, coding_of(picture), self._turn, self.size), None
        if not self.has_alpha:
            return self._convert(picture, "rgb24"), None
        pixels = self._convert(picture, "rgba")
        alpha = pixels[..., 3:].astype(np.uint16)
        over_white = (pixels[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255
        return over_white.astype(np.uint8), np.ascontiguousarray(pixels[..., 3])

    def _convert(self, picture: VideoFrame, pixel_format: str) -> np.ndarray:
        from av.video.reformatter import Interpolation

        size = self.size[::-1] if self._turn.transposes else self.size
        coding = coding_of(picture)
        if self._tone_mapping:
            picture = self._tone_mapping.apply(picture, coding.swscale_matrix, coding.av_range)
        matrix = (
            {}
            if is_rgb(picture)
            else {"src_colorspace": coding.swscale_matrix, "src_color_range": coding.av_range}
        )
        shrinks = size[0] <= picture.height and size[1] <= picture.width
        way = (
            Interpolation.AREA
            if shrinks and size != (picture.height, picture.width)
            else Interpolation.BICUBIC
        )
        if (
            self.bit_depth > 8
        ):  # without these flags swscale's conversion of deep pictures is two levels too dark
            way |= Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
        rgb = self._reformatter.reformat(
            picture,
            width=size[1],
            height=size[0],
            format=pixel_format,
            dst_color_range="JPEG",
            interpolation=way,
            **matrix,
        )
        return self._turn.apply(rgb.to_ndarray())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closing twice is harmless; ``frames()`` ends."""
        self._pictures = iter(
            ()
        )  # the generator holds the decoder's frames, and this object: a circle that only gc would free
        self._container.close()
