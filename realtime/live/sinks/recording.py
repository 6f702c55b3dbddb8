"""Records paintings as they come, with sound.

The file is whole at every second, so that no crash loses it.
"""

from __future__ import annotations

import argparse
import itertools
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from engines.atomic_write import commit_file
from engines.errors import LivebrushError, PartialResult, SinkError, UsageError
from realtime.controls.desk import Desk
from realtime.frame import LiveFrame
from realtime.live.clean_sink import CleanSink
from realtime.live.live_source import LiveSource
from realtime.live.sound import CHANNELS, RATE, Microphone, Sound
from realtime.look import ALPHA

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_TIME_BASE = Fraction(1, 90_000)
_WAITING = 30  # frames, a second of them; a disk or encoder that is further behind loses frames
_FRAGMENT_FRAMES = 30
_DRIFT_S = 0.1  # between sound and picture, before silence is put in or sound left out
_AAC_FRAME = 1024
_END_S = 2.0
SUFFIXES = (".mp4", ".mov", ".m4v")
_PAINTING_SUFFIXES = (*SUFFIXES, ".webm")
_ALPHA_SUFFIXES = (".webm", ".mov")
# Of x264; zerolatency holds no frame back in the encoder, where a crash would lose it, and needs no
# shifted timestamps.
_PAINTING_CODING = {"preset": "veryfast", "crf": "18", "tune": "zerolatency"}
# lag-in-frames: as for x264, no frame is held back.
_LIVE_VP9 = {
    "crf": "24",
    "b": "0",
    "deadline": "realtime",
    "cpu-used": "8",
    "row-mt": "1",
    "lag-in-frames": "0",
}
_HYBRID = "+hybrid_fragmented+default_base_moof"
# Options of each container, with which a file is whole at every second.
_GROWING = {
    "mp4": {"movflags": f"{_HYBRID}+frag_keyframe", "flush_packets": "1"},
    # Every picture of ProRes is a key frame.
    "mov": {"movflags": _HYBRID, "frag_duration": "1000000", "flush_packets": "1"},
    "webm": {"cluster_time_limit": "1000", "flush_packets": "1"},
}


class Recorder(CleanSink):
    """Starts and ends recordings.

    ``record`` is called from the main thread, ``put`` from the one that paints. first: name of the
    first recording; later ones, and without it all, are named after style and time in ``folder``.
    ``open_sound``: called once for each recording, in its own thread; None or a returned None
    records without sound.
    """

    def __init__(
        self,
        folder: Path,
        first: Path | None = None,
        open_sound: Callable[[], Sound | None] | None = None,
    ) -> None:
        super().__init__()
        self._folder, self._first, self._open_sound = folder, first, open_sound
        self._current: Recording | None = None
        self._all: list[Recording] = []
        self._asked = first
        self._closed = False
        self.failed = False
        """Whether a recording has ended by itself, as ``record`` found."""

    @classmethod
    def add_flags(cls, group: argparse._ArgumentGroup) -> None:
        """Add --record and --microphone."""
        group.add_argument(
            "--record",
            type=Path,
            metavar="FILE.mp4",
            help="record from the start; the key r starts and stops, too. FILE.webm and FILE.mov "
            "keep the transparency of --behind alpha",
        )
        group.add_argument(
            "--microphone",
            nargs="?",
            const="",
            metavar="FORMAT:DEVICE",
            help="record its sound (default: the source's own, if any)",
        )

    @classmethod
    def check(cls, args: argparse.Namespace) -> None:
        """Look at the name, and listen to the microphone for a moment.

        Raises UsageError, SinkError, or SourceError for a microphone.
        """
        if args.record:
            check_recording(args.record, "--record", _PAINTING_SUFFIXES)
            if args.behind == ALPHA and args.record.suffix.lower() not in _ALPHA_SUFFIXES:
                raise UsageError(
                    f"--record {args.record}: keeps no transparency, as --behind alpha needs. "
                    f"Name it {args.record.stem}.webm, or {args.record.stem}.mov for ProRes 4444."
                )
        if args.microphone is not None:  # one that does not answer is known before the show
            Microphone(args.microphone).close()

    @classmethod
    def from_args(
        cls, args: argparse.Namespace, source: LiveSource, size: tuple[int, int]
    ) -> Recorder:
        """Return what records whenever the controls say so."""
        return cls(Path("."), args.record, sound_of(args, source))

    def follow(self, desk: Desk) -> None:
        """Record as the controls say; a recording that has ended by itself turns them off."""
        look = desk.state.look
        self.record(desk.state.recording, look.label, ".webm" if look.behind == ALPHA else ".mp4")
        if self.failed:
            desk.perform("record", False)

    def record(self, wanted: bool, label: str, suffix: str = ".mp4") -> None:
        """Record from now on, or do not. suffix: of a name that nobody has given.

        ``failed`` turns true when a recording has ended by itself.
        """
        current = self._current
        if current is not None and current.failed:
            self._current, self.failed = None, True
            return
        self.failed = False
        if wanted and current is None:
            taken = [begun.path for begun in self._all]
            own_name = free_name(self._folder, label, suffix, taken)
            path, self._first = self._first or own_name, None
            self._current = Recording(path, self._open_sound, self.answers.put)
            self._all.append(self._current)
        elif not wanted and current is not None:
            self._current = None
            current.finish()

    @property
    def note(self) -> str:
        """How long the current recording is, in minutes and seconds."""
        seconds = self.seconds
        return "" if seconds is None else f"● REC {int(seconds) // 60}:{int(seconds) % 60:02}"

    @property
    def seconds(self) -> float | None:
        """How long the current recording is, None if there is none."""
        return self._current.seconds if self._current else None

    def put(self, frame: LiveFrame, painting: np.ndarray) -> None:
        """Hand the painting to the current recording, if there is one."""
        current = self._current  # the main thread may take it away meanwhile
        if current:
            current.put(frame, painting)

    def close(self) -> None:
        """Finish every recording, and say which could not be finished in time."""
        self._current = None
        deadline_s = time.monotonic() + _END_S
        unfinished = [] if self._closed else self._all
        self._closed = True
        for begun in unfinished:
            begun.finish()
            begun.join(max(0.0, deadline_s - time.monotonic()))
            if begun.is_alive():
                self.answers.put(
                    f"no time to finish {begun.path.name}: "
                    f"{begun.partial.name} plays up to about its end"
                )

    def results(self) -> dict[str, object]:
        """Return every recording: its file, its length, and whether it is whole."""
        recordings = [
            {"file": str(begun.path), "seconds": round(begun.seconds, 3), "saved": begun.saved}
            for begun in self._all
        ]
        return {"recordings": recordings} if recordings else {}

    def check_result(self) -> None:
        """Raise for a --record that is not there: PartialResult if a part of it is."""
        asked = [begun for begun in self._all if begun.path == self._asked]
        if self._asked is None or any(begun.saved for begun in asked):
            return
        partial = next((b.partial for b in asked if b.partial.exists()), None)
        if partial is not None:
            raise PartialResult(f"--record {self._asked}: was not finished; a part is in {partial}")
        raise SinkError(f"--record {self._asked}: nothing of it was saved.")


class Recording(threading.Thread):
    """The recording of one file, on a thread of its own.

    Until it is finished it is called NAME.partial.EXT, which plays up to its last full second
    whatever happens. Frames keep the distances of their ``captured_s``. It ends with ``finish``, or
    by itself when it cannot go on; ``say`` gets the line for the user in both cases. ``coding``: of
    x264. ``sound_codec``: of FFmpeg. ``comment``: what the file says of itself.
    """

    def __init__(
        self,
        path: Path,
        open_sound: Callable[[], Sound | None] | None,
        say: Callable[[str], None],
        coding: Mapping[str, str] = _PAINTING_CODING,
        sound_codec: str = "aac",
        comment: str = "",
    ) -> None:
        super().__init__(name="recording", daemon=True)
        self.failed = self.saved = False
        self.seconds = 0.0
        self.path, self.partial = path, path.with_name(f"{path.stem}.partial{path.suffix}")
        self._open_sound, self._say = open_sound, say
        self._form = (coding, sound_codec, comment)
        self._frames: queue.Queue[tuple[LiveFrame, np.ndarray] | None] = queue.Queue(_WAITING)
        self._dropped = 0
        self._ending = threading.Event()
        self.start()

    def put(self, frame: LiveFrame, painting: np.ndarray) -> None:
        """Take a painting, or leave it out if too many wait."""
        try:
            if not self._ending.is_set():
                self._frames.put_nowait((frame, painting))
        except queue.Full:
            self._dropped += 1

    def finish(self) -> None:
        """Write what has come so far, and end. Returns at once."""
        self._ending.set()

    def run(self) -> None:
        """Record until ``finish``, or until it fails."""
        import av

        try:
            self._record()
        except (av.error.FFmpegError, OSError, ValueError, LivebrushError) as error:
            self.failed = True
            kept = f"; {self.partial.name} holds what was written" if self.partial.exists() else ""
            self._say(f"recording ended: {getattr(error, 'strerror', None) or error}{kept}")

    def _record(self) -> None:
        sound = self._open_sound() if self._open_sound else None
        try:
            writer = None
            while (item := self._take_next()) is not None:
                if writer is None:
                    first, painting = item
                    writer = _Writer(self.partial, first, painting, sound, *self._form)
                    is_filled = first.cutout is not None and not writer.keeps_alpha
                    self._say(
                        f"recording {self.path.name}"
                        + ("" if sound else ", without sound")
                        + (", without transparency, which .webm and .mov keep" if is_filled else "")
                    )
                self.seconds = writer.write(*item)
            if writer is None:
                self._say("nothing was recorded: no frame came")
                return
            writer.close()
        finally:
            if sound:
                sound.close()
        commit_file(self.partial, self.path)
        self.saved = True
        lost = f", {self._dropped} frames left out" if self._dropped else ""
        folder = self.path.absolute().parent
        self._say(f"saved {self.path.name}, {self.seconds:.1f} s{lost} in {folder}")

    def _take_next(self) -> tuple[LiveFrame, np.ndarray] | None:
        """Return the next frame; None once all are written and it shall end."""
        while True:
            try:
                return self._frames.get(timeout=0.05)
            except queue.Empty:
                if self._ending.is_set():
                    return None


@dataclass(frozen=True)
class _Form:
    """How a recording is coded."""

    container: str
    """FFmpeg's name, as of the next."""
    codec: str
    options: Mapping[str, str]
    pixels: str
    sound: str
    has_alpha: bool = False


def _form_of(path: Path, has_alpha: bool, coding: Mapping[str, str], sound: str) -> _Form:
    """Return how ``path`` is coded: with transparency where there is any and it can.

    coding: of x264. sound: the codec in MP4 and MOV.
    """
    suffix = path.suffix.lower()
    if suffix == ".webm":
        pixels = "yuva420p" if has_alpha else "yuv420p"
        return _Form("webm", "libvpx-vp9", _LIVE_VP9, pixels, "libopus", has_alpha)
    if suffix == ".mov" and has_alpha:
        return _Form("mov", "prores_ks", {}, "yuva444p10le", sound, has_alpha)
    return _Form("mp4", "libx264", coding, "yuv420p", sound)


class _Writer:
    """The open file, for frames like the first one.

    MP4 and MOV are FFmpeg's hybrid: fragments while it grows, and an index of all when it is
    closed. WebM is written second by second as it is.
    """

    def __init__(
        self,
        path: Path,
        first: LiveFrame,
        painting: np.ndarray,
        sound: Sound | None,
        coding: Mapping[str, str],
        sound_codec: str,
        comment: str,
    ) -> None:
        import av
        from av.video.reformatter import Colorspace, VideoReformatter

        form = _form_of(path, first.cutout is not None, coding, sound_codec)
        self.keeps_alpha = form.has_alpha
        self._output: OutputContainer = av.open(
            f"file:{path}", "w", format=form.container, options=_GROWING[form.container]
        )
        if comment:
            self._output.metadata["comment"] = comment
        height, width = painting.shape[:2]
        stream = self._output.add_stream(form.codec, rate=30, options=dict(form.options))
        self._video = cast("VideoStream", stream)  # which PyAV's types know only for some encoders
        self._video.pix_fmt = form.pixels
        self._video.height, self._video.width = height + height % 2, width + width % 2
        context = self._video.codec_context
        context.time_base, context.gop_size = _TIME_BASE, _FRAGMENT_FRAMES
        tag = 6 if height < 720 else 1  # H.273: BT.601, BT.709
        context.colorspace = context.color_primaries = context.color_trc = tag
        context.color_range = 1
        self._matrix = Colorspace.SMPTE170M if height < 720 else Colorspace.ITU709
        self._track = _SoundTrack(self._output, sound, form.sound) if sound else None
        self._reformatter = VideoReformatter()
        self._begin_s: float | None = None
        self._newest = -1

    def write(self, frame: LiveFrame, painting: np.ndarray) -> float:
        """Encode a frame and the sound before it; return the length so far, in seconds."""
        if self._begin_s is None:
            self._begin_s = frame.captured_s
        time_s = frame.captured_s - self._begin_s
        pts = round(time_s / _TIME_BASE)
        if pts > self._newest:  # a frame painted once more may carry the same time
            self._newest = pts
            picture = self._convert(self._pixels_of(frame, painting))
            picture.pts, picture.time_base = pts, _TIME_BASE
            self._output.mux(self._video.encode(picture))
        if self._track:
            self._output.mux(self._track.follow(frame, time_s))
        return max(time_s, 0.0)

    def close(self) -> None:
        """Write what the encoders hold back, and the index."""
        self._output.mux(self._video.encode(None))
        if self._track:
            self._output.mux(self._track.finish())
        self._output.close()

    def _pixels_of(self, frame: LiveFrame, painting: np.ndarray) -> np.ndarray:
        """Return what of a painting is kept, with alpha where the file has it."""
        if not self.keeps_alpha:
            return painting
        if frame.cutout is not None:
            return frame.cutout
        return np.dstack([painting, np.full(painting.shape[:2], 255, np.uint8)])

    def _convert(self, painting: np.ndarray) -> VideoFrame:
        from av.video.frame import VideoFrame
        from av.video.reformatter import Interpolation

        pad = (self._video.height - painting.shape[0], self._video.width - painting.shape[1])
        if pad in ((0, 1), (1, 0), (1, 1)):
            painting = np.pad(painting, ((0, pad[0]), (0, pad[1]), (0, 0)), mode="edge")
        # A camera that came back in another size is brought to the first one.
        return self._reformatter.reformat(
            VideoFrame.from_ndarray(
                np.ascontiguousarray(painting), "rgba" if self.keeps_alpha else "rgb24"
            ),
            width=self._video.width,
            height=self._video.height,
            format=self._video.pix_fmt,
            src_color_range="JPEG",
            dst_colorspace=self._matrix,
            dst_color_range=1,
            interpolation=Interpolation.BICUBIC,
        )


class _SoundTrack:
    """The sound beside the pictures of ``output``, in blocks as AAC has them."""

    def __init__(self, output: OutputContainer, sound: Sound, codec: str) -> None:
        stream = output.add_stream(codec, rate=RATE, layout="stereo")
        self._stream = cast("AudioStream", stream)
        self._sound = sound
        self._waiting = np.zeros((0, CHANNELS), np.float32)
        self._heard = self._written = 0  # samples

    def follow(self, frame: LiveFrame, time_s: float) -> list[Packet[AudioStream]]:
        """Encode what is to be heard until ``frame``, which lies at ``time_s`` of the recording.

        Sound and picture are kept together: their clocks differ, and sources pause, jump and loop.
        """
        samples = self._sound.until(frame)
        behind = round(time_s * RATE) - self._heard - len(samples)
        if behind > _DRIFT_S * RATE:
            samples = np.concatenate([np.zeros((behind, CHANNELS), np.float32), samples])
        elif behind < -_DRIFT_S * RATE:
            samples = samples[: max(0, len(samples) + behind)]
        self._heard += len(samples)
        self._waiting = np.concatenate([self._waiting, samples])
        whole = len(self._waiting) // _AAC_FRAME * _AAC_FRAME
        now, self._waiting = self._waiting[:whole], self._waiting[whole:]
        return [
            packet
            for begin in range(0, whole, _AAC_FRAME)
            for packet in self._stream.encode(self._make_block(now[begin : begin + _AAC_FRAME]))
        ]

    def finish(self) -> list[Packet[AudioStream]]:
        """Encode what is left."""
        rest = self._stream.encode(self._make_block(self._waiting)) if len(self._waiting) else []
        return [*rest, *self._stream.encode(None)]

    def _make_block(self, samples: np.ndarray) -> AudioFrame:
        from av.audio.frame import AudioFrame

        block = AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), "fltp", "stereo")
        block.sample_rate, block.pts, block.time_base = RATE, self._written, Fraction(1, RATE)
        self._written += len(samples)
        return block


def free_name(folder: Path, label: str, suffix: str, taken: Sequence[Path] = ()) -> Path:
    """Return livebrush-LABEL-TIME.SUFFIX under a name that is still free and not ``taken``.

    The name of its unfinished form is free too.
    """
    stem = f"livebrush-{label[:80]}-{datetime.now():%Y%m%d-%H%M%S}"
    names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    return next(
        path
        for path in (folder / f"{name}{suffix}" for name in names)
        if path not in taken
        and not path.exists()
        and not path.with_name(f"{path.stem}.partial{suffix}").exists()
    )


def sound_of(args: argparse.Namespace, source: LiveSource) -> Callable[[], Sound | None]:
    """Return what opens the sound that goes with the pictures: --microphone, or the source's."""
    microphone: str | None = args.microphone
    return source.sound if microphone is None else lambda: Microphone(microphone)


def check_recording(path: Path, flag: str, suffixes: Sequence[str] = SUFFIXES) -> None:
    """Refuse a name that cannot be recorded to, before a run.

    Raises UsageError for a name that exists or has another ending, SinkError for a folder that
    there is not.
    """
    if path.suffix.lower() not in suffixes:
        raise UsageError(f"{flag} {path}: must end in {', '.join(suffixes)}.")
    if not path.parent.is_dir():
        raise SinkError(f"{flag} {path}: the folder {path.parent} does not exist.")
    for taken in (path, path.with_name(f"{path.stem}.partial{path.suffix}")):
        if taken.exists():
            raise UsageError(
                f"{flag} {taken}: exists already. Choose another name, or move it away."
            )
