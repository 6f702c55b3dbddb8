"""Reads a video or picture file frame by frame: upright, full-range RGB, at the file's times."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Self

from engines.errors import SourceError
from realtime.frame import FileFrame, Moment
from realtime.media.info import VideoInfo
from realtime.media.packets import open_container, open_pipe
from realtime.media.pipes import STDIO, RawVideo, StandardInput
from realtime.media.reading.converter import PixelConverter
from realtime.media.reading.cuts import CutDetector
from realtime.media.reading.decoder import VideoDecoder
from realtime.media.reading.picture_files import PillowDecoder, pillow_format
from realtime.media.reading.picture_tags import PictureTags, read_tags
from realtime.picture.gpu.decoding import decoder_on, is_on_gpu, tensors_problem
from realtime.picture.orientation import orientation_of

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame


class VideoFile:
    """One video or picture file, opened and looked at up to its first frame.

    Use as a context manager; iterate ``frames()`` once. ``STDIO`` means standard input; ``raw`` is
    then what its pictures are if they come without a header.

    ``start_s`` and ``end_s`` count from the file's first moment. ``resize`` maps the upright
    (height, width) to the size that frames shall have; ``deinterlace``: what is interlaced comes
    deinterlaced; ``seeks``: as for VideoDecoder. Raises SourceError if there is no picture to be
    had.
    """

    info: VideoInfo
    """What is known of it before its frames."""

    cuts: list[Fraction]
    """When scenes have changed so far, in seconds from the file's first moment."""

    last_duration: int
    """How long the newest frame is shown, in units of the time base; 0 before the first."""

    def __init__(
        self,
        path: Path,
        start_s: Fraction | None = None,
        end_s: Fraction | None = None,
        resize: Callable[[tuple[int, int]], tuple[int, int]] = lambda size: size,
        raw: RawVideo | None = None,
        deinterlace: bool = True,
        seeks: bool = False,
    ) -> None:
        self.cuts = []
        self.last_duration = 0
        self._wanted = _Wanted(path, start_s, end_s, resize, deinterlace, seeks)
        self._pipe = StandardInput() if path == STDIO else None
        self._decoder: VideoDecoder | PillowDecoder
        form = None if self._pipe else pillow_format(path)
        if form:
            self._decoder = PillowDecoder(path, form, start_s, end_s)
        else:
            container = open_pipe(self._pipe, raw) if self._pipe else open_container(path)
            self._decoder = _open_decoder(container, self._wanted)
        self._converter, self.info = _look_into(self._decoder, self._wanted)

    @property
    def damaged(self) -> int:
        """How many packets could not be decoded so far."""
        return self._decoder.damaged

    @property
    def truncated(self) -> str | None:
        """Why it is only a part of what it was, known at the end; None if it is whole."""
        return self._decoder.truncated

    @property
    def notes(self) -> list[str]:
        """Lines that the user should see."""
        return self._decoder.notes

    def decode_on(self, device: str) -> None:
        """Decode on the GPU ``device`` ("cuda:0"), so that pixels are tensors that live there.

        To be called before ``frames()``. Where the GPU or its decoder cannot, all stays as it is
        and ``notes`` says why.
        """
        path = self.info.path
        problem = self._gpu_problem() or tensors_problem(device)
        if problem is None:
            problem = "its decoder does not take this video"
            try:
                with decoder_on(device) as decoder:
                    self._start_over(open_container(path, decoder), device)
                if self.info.device:
                    return
            except (SourceError, RuntimeError) as error:  # PyAV's and PyTorch's
                problem = str(error)
            self._start_over(open_container(path))
        self.notes.append(
            f"{path.name}: is decoded on the CPU, not on the GPU: {problem.rstrip('.')}."
        )

    def frames(self, skip: Callable[[int], bool] = lambda _: False) -> Iterator[FileFrame]:
        """Yield every frame once, in order of presentation.

        Those whose index ``skip`` names are only decoded. pts strictly rise: a missing or repeated
        one is put right. Damage is read past as far as the container can; where the file ends
        early or much of it is lost, ``truncated`` says so.
        """
        import av

        for picture, moment in self._pictures_in_order():
            if skip(moment.index):
                continue
            try:
                pixels, alpha = self._converter.convert(picture)
            except (av.error.FFmpegError, ValueError, RuntimeError) as error:
                raise SourceError(
                    f"{self.info.path}: a frame of it cannot be converted ({error})."
                ) from error
            yield FileFrame(
                pixels,
                moment.index,
                moment.pts,
                self.info.time_base,
                is_cut=moment.is_cut,
                alpha=alpha,
                mark=moment.mark,
            )

    def moments(self) -> Iterator[Moment]:
        """Yield what ``frames`` gives, and find out all that it does, without making pixels.

        Iterate one of the two, once.
        """
        return (moment for _, moment in self._pictures_in_order())

    def interrupt(self) -> None:
        """End ``frames()``, from another thread, if it waits for a pipe."""
        if self._pipe:
            self._pipe.stop()

    def close(self) -> None:
        """End ``frames()`` and close the file; closing twice is harmless."""
        self._decoder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _pictures_in_order(self) -> Iterator[tuple[VideoFrame, Moment]]:
        info = self.info
        step = max(1, round(1 / info.rate / info.time_base))
        pts: int | None = None
        detector = CutDetector()
        for index, picture in enumerate(self._decoder.pictures()):
            pts = next_pts(picture.pts, pts, step)
            self.last_duration = picture.duration or step
            is_cut = detector.is_cut(picture)
            if is_cut:
                self.cuts.append(pts * info.time_base)
            yield picture, Moment(index, pts, is_cut, detector.mark)

    def _gpu_problem(self) -> str | None:
        """Say why a GPU's decoder, or what follows it there, would not take this video, or None."""
        first = self._decoder.first
        if self._pipe or self.info.is_picture:
            return "it is no video file"
        fits = first.format.name in ("yuv420p", "yuvj420p", "nv12")
        if not fits or first.width % 2 or first.height % 2:
            coded = f"{first.width}x{first.height} {first.format.name}"
            return f"it is {coded}, not of even size in 8-bit 4:2:0"
        if first.interlaced_frame:
            return "it is interlaced"
        return "it is HDR" if self._converter.hdr_transfer else None

    def _start_over(self, container: InputContainer, device: str | None = None) -> None:
        self.close()
        self._decoder = _open_decoder(container, self._wanted)
        self._converter, self.info = _look_into(self._decoder, self._wanted, device)


def next_pts(stated: int | None, last: int | None, step: int) -> int:
    """Return when a picture is shown whose file says ``stated``, so that times strictly rise.

    ``last``: when the one before is shown, None for the first; ``step``: the usual distance.
    """
    if last is None:
        return stated or 0
    return last + step if stated is None else max(stated, last + 1)


@dataclass(frozen=True)
class _Wanted:
    """What shall be read of a file, and how; as ``VideoFile`` is told."""

    path: Path
    start_s: Fraction | None
    end_s: Fraction | None
    resize: Callable[[tuple[int, int]], tuple[int, int]]
    deinterlace: bool
    seeks: bool


def _open_decoder(container: InputContainer, wanted: _Wanted) -> VideoDecoder:
    """Decode up to the first frame. Raises SourceError; the container is then closed."""
    try:
        return VideoDecoder(
            wanted.path,
            container,
            wanted.start_s,
            wanted.end_s,
            wanted.deinterlace,
            wanted.seeks,
        )
    except BaseException:
        container.close()
        raise


def _look_into(
    decoder: VideoDecoder | PillowDecoder, wanted: _Wanted, device: str | None = None
) -> tuple[PixelConverter, VideoInfo]:
    """Tell what is known by the first frame, and how it is converted.

    ``device``: the GPU that was asked to decode. Raises SourceError; the decoder is then closed.
    """
    try:
        has_tags = decoder.is_picture or isinstance(decoder, PillowDecoder)
        tags = read_tags(wanted.path) if has_tags else PictureTags()
        turn = tags.orientation or orientation_of(decoder.first, decoder.codec)
        converter = PixelConverter(decoder.first, turn, wanted.resize)
    except BaseException:
        decoder.close()
        raise
    if converter.hdr_transfer:
        decoder.notes.append(
            f"{wanted.path.name}: is HDR ({converter.hdr_transfer}); it is painted tone-mapped to "
            "BT.709."
        )
    aspect = decoder.pixel_aspect
    info = VideoInfo(
        path=wanted.path,
        size=converter.size,
        coding=converter.coding,
        profile=tags.profile,
        pixel_aspect=1 / aspect if turn.transposes else aspect,
        bit_depth=converter.bit_depth,
        has_alpha=converter.has_alpha,
        device=device if is_on_gpu(decoder.first) else None,
        deinterlace=wanted.deinterlace,
        time_base=decoder.time_base,
        first_pts=decoder.first.pts or 0,
        rate=decoder.rate,
        is_picture=decoder.is_picture,
        duration_s=decoder.duration_s,
        is_cut=decoder.is_cut,
        start_s=decoder.start_s,
        end_s=decoder.end_s,
        timescale=decoder.timescale,
        metadata=decoder.metadata,
        language=decoder.language,
        chapters=decoder.chapters,
    )
    return converter, info
