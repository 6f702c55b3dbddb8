"""Plays the sound of a film to the speakers, in step with its painting; SDL's, as the window is."""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable

import numpy as np

from engines.errors import LivebrushError, SinkError, UsageError
from realtime.frame import LiveFrame
from realtime.live.clean_sink import CleanSink
from realtime.live.desktop import import_pygame
from realtime.live.latest import Latest
from realtime.live.live_source import LiveSource
from realtime.live.sound import CHANNELS, RATE, Sound
from realtime.timing import Clock

_BLOCK = 512  # samples that the device asks for at once
_DEVICE_S = 0.03  # from there to the ear, about
_LEAST_S = 0.06  # frames come with jitter, and a gap is heard
_APART_S = 0.1  # so far pictures and sound may drift apart: less is not noticed
_SHARE = 0.1  # of a new lateness in the mean


class Waiting:
    """Samples on their way to the device, (n, 2) float32, as late as the pictures are."""

    def __init__(self) -> None:
        self.late_s = 0.0
        """How long after a frame was due its painting is there."""
        self._lock = threading.Lock()
        self._samples = np.zeros((0, CHANNELS), np.float32)
        self._fills = True

    def add(self, samples: np.ndarray) -> None:
        """Take what comes next."""
        with self._lock:
            self._samples = np.concatenate([self._samples, samples])

    def take(self, count: int) -> np.ndarray:
        """Return the next ``count`` samples; silence until enough are there."""
        wanted = count + round(max(_LEAST_S, self.late_s - _DEVICE_S) * RATE)
        apart = round(_APART_S * RATE)
        with self._lock:
            there = len(self._samples)
            if there < count or there < wanted - apart:
                self._fills = True
            if self._fills and there < wanted:
                return np.zeros((count, CHANNELS), np.float32)
            self._fills = False
            begin = there - wanted if there > wanted + apart else 0
            taken = self._samples[begin : begin + count]
            self._samples = self._samples[begin + count :]
            return taken


class Speakers(CleanSink):
    """Plays ``sound`` on what ``open_device`` opens.

    That is given what returns the next samples, (count, 2) float32, and returns what closes it.
    """

    def __init__(
        self,
        sound: Sound,
        open_device: Callable[[Callable[[int], np.ndarray]], Callable[[], None]],
        clock: Clock = time.monotonic,
    ) -> None:
        super().__init__()
        self._sound, self._clock, self.waiting = sound, clock, Waiting()
        self._frames: Latest[LiveFrame] = Latest()
        self._close_device = open_device(self.waiting.take)
        self._thread = threading.Thread(target=self._follow_frames, name="speakers", daemon=True)
        self._thread.start()

    @classmethod
    def add_flags(cls, group: argparse._ArgumentGroup) -> None:
        """Add --speakers."""
        group.add_argument("--speakers", action="store_true", help="let a film's sound be heard")

    @classmethod
    def from_args(
        cls, args: argparse.Namespace, source: LiveSource, size: tuple[int, int]
    ) -> Speakers | None:
        """Open the speakers, if --speakers asks for it."""
        if not args.speakers:
            return None
        sound = source.sound()
        if sound is None:
            raise UsageError(f"--speakers: {source.name} has no sound. Leave it out.")
        try:
            return cls(sound, _open_speakers)
        except SinkError:
            sound.close()
            raise

    def see(self, frame: LiveFrame) -> None:
        """Have the sound up to ``frame`` played next."""
        self._frames.put(frame)

    def put(self, frame: LiveFrame, painting: np.ndarray) -> None:
        """Note how late the picture is."""
        late_s = self._clock() - frame.captured_s
        self.waiting.late_s += _SHARE * (late_s - self.waiting.late_s)

    def close(self) -> None:
        """Be silent."""
        self._frames.close()
        self._thread.join(1.0)
        self._close_device()

    def _follow_frames(self) -> None:
        import av

        try:
            while not self._frames.finished:
                frame = self._frames.get(0.5)
                if frame is not None:
                    self.waiting.add(self._sound.until(frame))
        except (av.error.FFmpegError, OSError, ValueError, LivebrushError) as error:
            self.answers.put(f"sound ended: {getattr(error, 'strerror', None) or error}")
        finally:
            self._sound.close()


def _open_speakers(take: Callable[[int], np.ndarray]) -> Callable[[], None]:
    """Open the system's sound device. Raises SinkError."""
    pygame = import_pygame()
    from pygame import _sdl2
    from pygame._sdl2 import audio

    def fill(_: object, memory: memoryview) -> None:
        count = len(memory) // (4 * CHANNELS)
        memory[:] = np.ascontiguousarray(take(count), np.float32).tobytes()

    try:
        _sdl2.init_subsystem(_sdl2.INIT_AUDIO)
        form = {"frequency": RATE, "audioformat": audio.AUDIO_F32, "numchannels": CHANNELS}
        device = audio.AudioDevice(
            devicename=None,
            iscapture=False,
            chunksize=_BLOCK,
            allowed_changes=0,
            callback=fill,
            **form,
        )
    except pygame.error as error:
        raise SinkError(f"--speakers: this machine plays no sound ({error}).") from error
    device.pause(0)
    closed = threading.Event()

    def close() -> None:
        if not closed.is_set():
            closed.set()
            device.close()

    return close
