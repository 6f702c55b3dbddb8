"""Records paintings as they come, with sound, into a file that is whole at every second, so that no
crash loses it.
"""

from __future__ import annotations

import itertools
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines.errors import LivebrushError, SinkError, UsageError
from realtime.frame import LiveFrame
from realtime.live.clean_sink import CleanSink
from realtime.live.sound import CHANNELS, RATE, Sound

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.frame import VideoFrame

_TIME_BASE = Fraction(1, 90_000)
_WAITING = 30  # frames, a second of them; a disk or encoder that is further behind loses frames
_FRAGMENT_FRAMES = 30
_DRIFT_S = 0.1  # between sound and picture, before silence is put in or sound left out
_AAC_FRAME = 1024
_END_S = 2.0
SUFFIXES = (".mp4", ".mov", ".m4v")


class Recorder(CleanSink):
    """Starts and ends recordings.

    ``follow`` is called from the main thread, ``put`` from the one that paints.

    first: name of the first recording; later ones, and without it all, are named after style and
    time in ``folder``. ``open_sound``: called once for each recording, in its own thread; None or a
    returned None records without sound.
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
        self.failed = False

    def follow(self, wanted: bool, label: str) -> None:
        """Record from now on, or do not.

        ``failed`` turns true when a recording has ended by itself.
        """
        current = self._current
        if current is not None and current.failed:
            self._current, self.failed = None, True
            return
        self.failed = False
        if wanted and current is None:
            path, self._first = (
                self._first or free_name(self._folder, label, [begun.path for begun in self._all]),
                None,
            )
            self._current = Recording(path, self._open_sound, self.answers.put)
            self._all.append(self._current)
        elif not wanted and current is not None:
            self._current = None
            current.finish()

    @property
    def seconds(self) -> float | None:
        """How long the current recording is, None if there is none."""
        return self._current.seconds if self._current else None

    def put(self, frame: LiveFrame, painting: np.ndarray) -> None:
        current = self._current  # the main thread may take it away meanwhile
        if current:
            current.put(frame, painting)

    def close(self) -> None:
        self._current = None
        deadline_s = time.monotonic() + _END_S
        for begun in self._all:
            begun.finish()
            begun.join(max(0.0, deadline_s - time.monotonic()))
            if begun.is_alive():
                self.answers.put(
                    f"no time to finish {begun.path.name}: {begun.partial.name} plays up to about its end"
                )


class Recording(threading.Thread):
    """One file.

    Until it is finished it is called NAME.partial.EXT, which plays up to its last full second
    whatever happens.

    Frames keep the distances of their ``captured_s``. Ends with ``finish``, or by itself when it
    cannot go on; ``say`` gets the line for the user in both cases.
    """

    def __init__(
        self, path: Path, open_sound: Callable[[], Sound | None] | None, say: Callable[[str], None]
    ) -> None:
        super().__init__(name="recording", daemon=True)
        self.failed = False
        self.seconds = 0.0
        self.path, self.partial = path, path.with_name(f"{path.stem}.partial{path.suffix}")
        self._open_sound, self._say = open_sound, say
        self._frames: queue.Queue[tuple[LiveFrame, np.ndarray] | None] = queue.Queue(_WAITING)
        self._dropped = 0
        self._ending = threading.Event()
        self.start()

    def put(self, frame: LiveFrame, painting: np.ndarray) -> None:
        try:
            if not self._ending.is_set():
                self._frames.put_nowait((frame, painting))
        except queue.Full:
            self._dropped += 1

    def finish(self) -> None:
        """Write what has come so far, and end. Returns at once."""
        self._ending.set()

    def run(self) -> None:
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
            while (item := self._next()) is not None:
                if writer is None:
                    writer = _Writer(self.partial, item[1].shape[:2], sound)
                    self._say(f"recording {self.path.name}" + ("" if sound else ", without sound"))
                self.seconds = writer.write(*item)
            if writer is None:
                self._say("nothing was recorded: no frame came")
                return
            writer.close()
        finally:
            if sound:
                sound.close()
        with open(self.partial, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(self.partial, self.path)
        lost = f", {self._dropped} frames left out" if self._dropped else ""
        self._say(f"saved {self.path.name}, {self.seconds:.1f} s{lost}")

    def _next(self) -> tuple[LiveFrame, np.ndarray] | None:
        """The next frame; None once it shall end and every frame that had come is written."""
        while True:
            try:
                return self._frames.get(timeout=0.05)
            except queue.Empty:
                if self._ending.is_set():
                    return None


class _Writer:
    """The open file: FFmpeg's hybrid MP4, fragments while it grows and an index of all when it is
    closed.
    """

    def __init__(self, path: Path, size: tuple[int, int], sound: Sound | None) -> None:
        import av
        from av.video.reformatter import VideoReformatter

        options = {
            "movflags": "+hybrid_fragmented+frag_keyframe+default_base_moof",
            "flush_packets": "1",
        }
        self._output: OutputContainer = av.open(f"file:{path}", "w", format="mp4", options=options)
        height, width = size
        # zerolatency holds no frame back in the encoder, where a crash would lose it, and needs no
        # shifted timestamps.
        settings = {"preset": "veryfast", "crf": "18", "tune": "zerolatency"}
        self._video = self._output.add_stream("libx264", rate=30, options=settings)
        self._video.pix_fmt = "yuv420p"
        self._video.height, self._video.width = height + height % 2, width + width % 2
        context = self._video.codec_context
        context.time_base, context.gop_size = _TIME_BASE, _FRAGMENT_FRAMES
        context.colorspace = context.color_primaries = context.color_trc = (
            6 if height < 720 else 1
        )  # H.273: BT.601, BT.709
        context.color_range = 1
        self._matrix = "SMPTE170M" if height < 720 else "ITU709"
        self._sound, self._audio = sound, None
        if sound:
            self._audio = self._output.add_stream("aac", rate=RATE, layout="stereo")
        self._reformatter = VideoReformatter()
        self._begin_s: float | None = None
        self._newest = -1
        self._samples = np.zeros((0, CHANNELS), np.float32)
        self._heard = self._written = 0

    def write(self, frame: LiveFrame, painting: np.ndarray) -> float:
        """Encode a frame and the sound before it; returns the length so far, in seconds."""
        if self._begin_s is None:
            self._begin_s = frame.captured_s
        time_s = frame.captured_s - self._begin_s
        pts = round(time_s / _TIME_BASE)
        if pts > self._newest:  # a frame painted once more may carry the same time
            self._newest = pts
            picture = self._picture(painting)
            picture.pts, picture.time_base = pts, _TIME_BASE
            self._output.mux(self._video.encode(picture))
        if self._audio:
            self._hear(self._sound.until(frame), time_s)
        return max(time_s, 0.0)

    def close(self) -> None:
        self._output.mux(self._video.encode(None))
        if self._audio:
            self._encode_sound(self._samples)
            self._output.mux(self._audio.encode(None))
        self._output.close()

    def _picture(self, painting: np.ndarray) -> VideoFrame:
        from av.video.frame import VideoFrame
        from av.video.reformatter import Interpolation

        pad = (self._video.height - painting.shape[0], self._video.width - painting.shape[1])
        if pad in ((0, 1), (1, 0), (1, 1)):
            painting = np.pad(painting, ((0, pad[0]), (0, pad[1]), (0, 0)), mode="edge")
        return self._reformatter.reformat(
            VideoFrame.from_ndarray(np.ascontiguousarray(painting), "rgb24"),
            width=self._video.width,  # a camera that came back in another size is brought to the first one
            height=self._video.height,
            format="yuv420p",
            src_color_range="JPEG",
            dst_colorspace=self._matrix,
            dst_color_range=1,
            interpolation=Interpolation.BICUBIC,
        )

    def _hear(self, samples: np.ndarray, time_s: float) -> None:
        """Keep sound and picture together: their clocks differ, and sources pause, jump and loop."""
        behind = round(time_s * RATE) - self._heard - len(samples)
        if behind > _DRIFT_S * RATE:
            samples = np.concatenate([np.zeros((behind, CHANNELS), np.float32), samples])
        elif behind < -_DRIFT_S * RATE:
            samples = samples[: max(0, len(samples) + behind)]
        self._heard += len(samples)
        self._samples = np.concatenate([self._samples, samples])
        whole = len(self._samples) // _AAC_FRAME * _AAC_FRAME
        for begin in range(0, whole, _AAC_FRAME):
            self._encode_sound(self._samples[begin : begin + _AAC_FRAME])
        self._samples = self._samples[whole:]

    def _encode_sound(self, samples: np.ndarray) -> None:
        from av.audio.frame import AudioFrame

        if len(samples):
            block = AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), "fltp", "stereo")
            block.sample_rate, block.pts, block.time_base = RATE, self._written, Fraction(1, RATE)
            self._written += len(samples)
            self._output.mux(self._audio.encode(block))


def free_name(folder: Path, label: str, taken: Sequence[Path] = ()) -> Path:
    """livebrush-LABEL-TIME.mp4 under a name that is still free and not ``taken``, as is that of its
    unfinished form.
    """
    stem = f"livebrush-{label[:80]}-{datetime.now():%Y%m%d-%H%M%S}"
    for number in itertools.count(1):
        path = folder / f"{stem}{'' if number == 1 else f'-{number}'}.mp4"
        if (
            path not in taken
            and not path.exists()
            and not path.with_name(f"{path.stem}.partial.mp4").exists()
        ):
            return path


def check_recording(path: Path) -> None:
    """Before a run: UsageError for a name that exists or has another ending, SinkError for a folder
    that there is not.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--record {path}: must end in {', '.join(SUFFIXES)}.")
    if not path.parent.is_dir():
        raise SinkError(f"--record {path}: the folder {path.parent} does not exist.")
    for taken in (path, path.with_name(f"{path.stem}.partial{path.suffix}")):
        if taken.exists():
            raise UsageError(
                f"--record {taken}: exists already. Choose another name, or move it away."
            )
