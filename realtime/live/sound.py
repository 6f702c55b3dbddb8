"""Sound that goes with live pictures, for recordings.

It is the sound track of a file that plays, or a microphone.
"""

from __future__ import annotations

import sys
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from engines.errors import SourceError, UsageError
from realtime.frame import LiveFrame
from realtime.media.clock import may_step, origin_of
from realtime.media.packets import (
    MAX_DAMAGED_IN_A_ROW,
    PacketReader,
    name_layout,
    open_container,
    time_of,
)

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet

RATE = 48_000
CHANNELS = 2
_DEFAULT_MICROPHONES = {"linux": "alsa:default", "darwin": "avfoundation::0"}
_WAITING_S = 5.0  # of a microphone that nobody listens to
_OPEN_S = 5.0
_EARLY_S = 1.0  # decoded before a place that is jumped to, for codecs that need what was before
_JITTER_S = 0.01  # of rounding to whole samples: a frame that is held is no jump back
_LEAP_S = 1.0  # so much further on in the file than time went on is a jump


class Sound(ABC):
    """Samples as (n, 2) float32 in -1..1 at ``RATE``. Call every method from one thread."""

    @abstractmethod
    def until(self, frame: LiveFrame) -> np.ndarray:
        """Return what is to be heard from the frame of the last call to ``frame``.

        The first call returns nothing.
        """

    @abstractmethod
    def close(self) -> None:
        """Stop listening. Closing twice is harmless."""


class FileSound(Sound):
    """The first sound track of the file that the frames come from.

    It is found by their time in the file; after a jump it goes on from there. Raises SourceError
    for a file that cannot be read, and for one without sound.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._input = open_container(path)
        if not self._input.streams.audio:
            self._input.close()
            raise SourceError(f"{path}: has no sound.")
        self._samples: Iterator[tuple[float, np.ndarray]] = iter(())
        self._at_s = self._captured_s = 0.0
        self._left = np.zeros((0, CHANNELS), np.float32)
        self._begun = False

    def until(self, frame: LiveFrame) -> np.ndarray:
        """Return the samples up to the time of ``frame`` in the file; none of a jump.

        Raises ValueError for a frame of a source that is no file.
        """
        time_s = frame.file_s
        if time_s is None:
            raise ValueError("a frame that comes from no file has no sound in one")
        passed_s = max(0.0, frame.captured_s - self._captured_s)
        self._captured_s = frame.captured_s
        leaps = not -_JITTER_S <= time_s - self._at_s <= passed_s + _LEAP_S
        if not self._begun or leaps:
            self._begun = True
            self._jump(time_s)
            return self._left[:0]
        wanted = max(0, round((time_s - self._at_s) * RATE))
        parts = [self._left]
        while sum(map(len, parts)) < wanted and (block := next(self._samples, None)) is not None:
            parts.append(block[1])
        samples = np.concatenate(parts)
        self._left = samples[wanted:]
        self._at_s += wanted / RATE
        return samples[:wanted]

    def close(self) -> None:
        """Close the file."""
        self._input.close()

    def _jump(self, time_s: float) -> None:
        if not may_step(self._input):
            place_s = time_s + float(origin_of(self._input))
            self._input.seek(int(place_s * 1_000_000))
        elif self._at_s > 0:  # where times may step a seek lands anywhere
            self._input.close()
            self._input = open_container(self._path)
        self._samples, self._at_s = _decode_blocks(self._input, time_s), time_s
        self._left = np.zeros((0, CHANNELS), np.float32)
        for begin_s, block in self._samples:
            skip = round((time_s - begin_s) * RATE)
            if skip < len(block):
                silence = np.zeros((max(0, -skip), CHANNELS), np.float32)
                self._left = np.concatenate([silence, block[max(0, skip) :]])
                return


class Microphone(Sound):
    """A device that is listened to on a thread of its own.

    name: FORMAT:DEVICE as FFmpeg calls them, for example alsa:default. Raises UsageError for
    another form, SourceError if it cannot be opened. A microphone that stops gives no samples any
    more; ``problem`` then says why.
    """

    def __init__(self, name: str | None = None) -> None:
        self.problem: str | None = None
        self.name = name or _find_default_microphone()
        self._format, colon, self._device = self.name.partition(":")
        if not colon:
            raise UsageError(
                f"--microphone {name!r}: is not FORMAT:DEVICE, for example alsa:default"
            )
        self._blocks: deque[np.ndarray] = deque()
        self._waiting = 0
        self._lock = threading.Lock()
        self._stop, self._opened = threading.Event(), threading.Event()
        self._begun = False
        self._thread = threading.Thread(target=self._listen, name="microphone", daemon=True)
        self._thread.start()
        if not self._opened.wait(_OPEN_S) or self.problem:
            self.close()
            raise SourceError(
                f"--microphone {self.name}: {self.problem or 'does not answer'}. "
                "Leave the flag out to record without sound."
            )

    def until(self, frame: LiveFrame) -> np.ndarray:
        """Return all that was heard since the last call; ``frame`` is taken to be of now."""
        with self._lock:
            blocks, self._blocks, self._waiting = list(self._blocks), deque(), 0
        if not self._begun or not blocks:
            self._begun = True
            return np.zeros((0, CHANNELS), np.float32)
        return np.concatenate(blocks)

    def close(self) -> None:
        """Stop listening."""
        self._stop.set()
        self._thread.join(1.0)  # a polite wait only: a blocked driver keeps its (daemon) thread

    def _listen(self) -> None:
        import av

        try:
            with av.open(self._device, format=self._format) as device:
                for _, block in _decode_blocks(device):
                    self._opened.set()
                    if self._stop.is_set():
                        return
                    self._keep(block)
        except (av.error.FFmpegError, OSError, ValueError, IndexError) as error:
            self.problem = f"cannot be heard ({getattr(error, 'strerror', None) or error})"
        finally:
            self._opened.set()

    def _keep(self, block: np.ndarray) -> None:
        with self._lock:
            self._blocks.append(block)
            self._waiting += len(block)
            while self._waiting > _WAITING_S * RATE:
                self._waiting -= len(self._blocks.popleft())


class SoundOfFiles(Sound):
    """The sound of files that play one after the other, silence for one without.

    first: that of the first one.
    """

    def __init__(self, paths: Sequence[Path], first: FileSound | None) -> None:
        self._paths = paths
        self._sound, self._file = first, 0

    def until(self, frame: LiveFrame) -> np.ndarray:
        """Return the samples of the file that ``frame`` comes from."""
        if frame.file != self._file:
            self.close()
            self._sound, self._file = _file_sound(self._paths[frame.file]), frame.file
        return self._sound.until(frame) if self._sound else np.zeros((0, CHANNELS), np.float32)

    def close(self) -> None:
        """Close the file."""
        if self._sound:
            self._sound.close()


def sound_of_files(paths: Sequence[Path]) -> Sound | None:
    """Open the sound of files that play one after the other.

    None if none of them has any that can be read.
    """
    first = _file_sound(paths[0])
    if len(paths) == 1:
        return first
    return SoundOfFiles(paths, first) if first or any(map(_has_sound, paths[1:])) else None


def _has_sound(path: Path) -> bool:
    if sound := _file_sound(path):
        sound.close()
    return sound is not None


def _file_sound(path: Path) -> FileSound | None:
    try:
        return FileSound(path)
    except SourceError:
        return None


def _find_default_microphone() -> str:
    if sys.platform not in _DEFAULT_MICROPHONES:
        raise UsageError(
            "--microphone needs a name here: FORMAT:DEVICE, for example dshow:audio=Microphone"
        )
    return _DEFAULT_MICROPHONES[sys.platform]


def _decode_blocks(
    container: InputContainer, from_s: float = 0.0
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield when each block begins, in seconds of the container's clock, and its samples.

    Those that end before about ``from_s`` are left out. Damaged places are passed as far as they
    are for the pictures.
    """
    import av
    from av.audio.resampler import AudioResampler

    resampler = AudioResampler(format="fltp", layout="stereo", rate=RATE)
    stream = container.streams.audio[0]
    name_layout(stream)
    reader = PacketReader(container, {stream.index})
    damaged = 0
    while damaged <= MAX_DAMAGED_IN_A_ROW:
        try:
            packet = reader.next()
            if packet is None:
                return
            if (time_of(packet) + (packet.duration or 0)) * packet.time_base < from_s - _EARLY_S:
                continue
            frames = cast("Packet[AudioStream]", packet).decode()  # of this track alone
        except (av.error.FFmpegError, OSError):
            damaged += 1
            continue
        damaged = 0
        for frame in frames:
            yield frame.time or 0.0, _join_blocks(resampler.resample(frame))


def _join_blocks(frames: list[AudioFrame]) -> np.ndarray:
    parts = [frame.to_ndarray().T for frame in frames]
    return (
        np.concatenate(parts).astype(np.float32) if parts else np.zeros((0, CHANNELS), np.float32)
    )
