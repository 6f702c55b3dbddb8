"""A camera or stream through OpenCV, on a thread of its own.

It may block, freeze or go away, and the program goes on. Whether a device is lost is decided in
``Camera.read``, which never touches the device itself.
"""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass
from typing import Self

import numpy as np

from engines.errors import SourceError
from realtime.frame import LiveFrame
from realtime.live.camera_devices import Capture, OpenCapture, camera_list, open_opencv
from realtime.live.capture_format import CaptureFormat
from realtime.live.latest import Latest
from realtime.live.live_source import DEVICE_OR_ADDRESS, LiveSource
from realtime.timing import Clock

FIRST_PICTURE_S = 8.0  # some cameras take seconds to wake up
SILENT_S = 2.0
# Sensors are noisy: equal pictures for so long come from a driver that hangs, or from no sensor.
FROZEN_S = 3.0
BLACK_S = 2.0
FAILING_S = 0.5
BACK_OFF_S = (0.5, 1.0, 2.0, 4.0)
MAX_STUCK_THREADS = 3
_BLACK_LEVEL = 16
_ASLEEP_S = 1.0  # between two looks of a thread that is not asleep there is less
_CREDENTIALS = re.compile(r"//[^/@]*@")


@dataclass(frozen=True)
class _Shot:
    """What the device's thread hands over."""

    pixels: np.ndarray
    """(H, W, 3) uint8 BGR, as OpenCV gives it."""
    number: int
    """Counts from 0 since the device was opened."""
    taken_s: float


class Camera(LiveSource):
    """A device by its number, path or address; it is opened again when it stops.

    device: a number, a path such as /dev/video0, or a URL that OpenCV can open. That goes on with
    growing pauses until ``close``. A camera that gives the same picture for ``FROZEN_S`` is
    reopened once; if the picture is still the same, it is taken for a still picture and only a
    warning remains. ``may_stand_still``: nothing is wrong with that, nor with black, as on a
    screen.
    """

    summary = "stream"
    precedence = DEVICE_OR_ADDRESS

    def __init__(
        self,
        device: int | str,
        wanted: CaptureFormat | None = None,
        clock: Clock = time.monotonic,
        open_capture: OpenCapture = open_opencv,
        may_stand_still: bool = False,
    ) -> None:
        super().__init__()
        if isinstance(device, int) or device.startswith("/dev/"):
            self.name, self.mirrored = f"camera {device}", True
        else:  # the name is shown, and goes into reports
            self.name, self.mirrored = _CREDENTIALS.sub("//", device), False
        self._device, self._wanted, self._clock = device, wanted or CaptureFormat(), clock
        self._open_capture = open_capture
        self.expected_size = self._wanted.size
        self._grabber: _Grabber | None = None  # none before ``open``, and while the device is lost
        self._stuck: list[_Grabber] = []
        self._first: _Shot | None = None
        self._newest = -1
        self._attempts = 0
        self._retry_s = 0.0
        self._asked_s = self._awake_s = clock()
        self._problem: str | None = None
        self._closed = threading.Event()
        self._picture = None if may_stand_still else _PictureWatch()

    @classmethod
    def claims(cls, text: str) -> bool:
        """Claim a number, a device and an address."""
        return text.isdecimal() or text.startswith("/dev/") or "://" in text

    @classmethod
    def from_text(cls, text: str, wanted: CaptureFormat, loop: bool) -> Self:
        """Return the camera or stream, which has no end."""
        return cls(int(text) if text.isdecimal() else text, wanted)

    def open(self) -> tuple[int, int]:
        """Open the device and wait for its first picture, ``FIRST_PICTURE_S`` at most.

        Raises SourceError with what the device says, and which others there are.
        """
        grabber = self._start()
        deadline_s = time.monotonic() + FIRST_PICTURE_S
        first = None
        while first is None and grabber.is_alive() and time.monotonic() < deadline_s:
            first = grabber.slot.get(0.05)
        if first is None:
            reason = grabber.failure or (
                f"it opens but gives no picture within {FIRST_PICTURE_S:.0f} s; "
                "is another program using it?"
            )
            self.close()
            others = camera_list() + " " if self.mirrored else ""
            raise SourceError(f"{self.name}: {reason} {others}Without a camera: --source test")
        self._first = first
        return first.pixels.shape[0], first.pixels.shape[1]

    def read(self, timeout_s: float) -> LiveFrame | None:
        """Return the newest picture; without one, decide whether the device is lost."""
        now_s = self._clock()
        if now_s - self._asked_s > _ASLEEP_S:
            self._awake_s = now_s  # a machine that slept asked nobody for pictures
        self._asked_s = now_s
        grabber = self._grabber
        if grabber is None:
            self._closed.wait(min(timeout_s, max(0.01, self._retry_s - now_s)))
            self._reopen(self._clock())
            return None
        shot, self._first = self._first, None
        shot = shot or grabber.slot.get(timeout_s)
        now_s = self._clock()
        if now_s - self._asked_s > timeout_s + _ASLEEP_S:
            self._awake_s = now_s
        self._asked_s = now_s
        if shot is None:
            self._watch(grabber, now_s)
            return None
        if self._picture and self._picture.freezes(shot.pixels, now_s):
            self._lose(grabber, f"frozen: the same picture for {FROZEN_S:g} s.", now_s)
            return None
        self._attempts, self._problem, self.note = 0, None, grabber.note
        self._newest = grabber.first_index + shot.number
        started_s = time.perf_counter()
        pixels = _to_rgb(shot.pixels)
        self.busy.add((time.perf_counter() - started_s) * 1000)
        return LiveFrame(pixels, self._newest, captured_s=shot.taken_s)

    def close(self) -> None:
        """Leave the device."""
        self._closed.set()
        if self._grabber:
            self._grabber.abandon()
            # A polite wait only: a blocked driver keeps its (daemon) thread.
            self._grabber.join(0.5)

    @property
    def finished(self) -> bool:
        """True once it is closed: a device may come back."""
        return self._closed.is_set()

    @property
    def problem(self) -> str | None:
        """How the device was lost, while it is."""
        return self._problem

    @property
    def warning(self) -> str | None:
        """That the picture is black or stands still."""
        return self._picture.warning if self._picture else None

    def _start(self) -> _Grabber:
        grabber = self._grabber = _Grabber(
            self._device, self._wanted, self._open_capture, self._newest + 1, self._clock
        )
        grabber.start()
        return grabber

    def _reopen(self, now_s: float) -> None:
        """Try again when it is time, and not while too many threads hang in the driver."""
        self._stuck = [grabber for grabber in self._stuck if grabber.is_alive()]
        waits = now_s < self._retry_s or len(self._stuck) >= MAX_STUCK_THREADS
        if not waits and not self._closed.is_set():
            self._start()

    def _watch(self, grabber: _Grabber, now_s: float) -> None:
        """Decide whether the device is lost; called whenever no picture came."""
        if self._closed.is_set():
            return
        patience_s = SILENT_S if grabber.last_s else FIRST_PICTURE_S
        if not grabber.is_alive():
            self._lose(grabber, f"lost: {grabber.failure or 'unplugged?'}", now_s)
        elif now_s - max(grabber.begun_s, grabber.last_s, self._awake_s) > patience_s:
            self._lose(grabber, "silent: it gives no pictures any more.", now_s)

    def _lose(self, grabber: _Grabber, how: str, now_s: float) -> None:
        self._grabber = None
        grabber.abandon()
        self._stuck.append(grabber)
        self._retry_s = now_s + BACK_OFF_S[min(self._attempts, len(BACK_OFF_S) - 1)]
        self._attempts += 1
        self._problem = f"{self.name} {how} reopening" + (
            f" (attempt {self._attempts})" if self._attempts > 1 else ""
        )


class _PictureWatch:
    """Notices pictures that never change and pictures that are black."""

    def __init__(self) -> None:
        self.warning: str | None = None
        self._last: np.ndarray | None = None
        self._changed_s = self._bright_s = 0.0
        self._still = False

    def freezes(self, pixels: np.ndarray, now_s: float) -> bool:
        """Look at a picture; True once, when the pictures have been equal for too long.

        pixels: (H, W, 3) uint8, kept.
        """
        sample = pixels[::8]
        if (
            self._last is None
            or sample.shape != self._last.shape
            or not np.array_equal(sample, self._last)
        ):
            self._changed_s, self._still = now_s, False
            self._last = sample
        if pixels[::16, ::16].max() >= _BLACK_LEVEL or not self._bright_s:
            self._bright_s = now_s
        frozen = now_s - self._changed_s > FROZEN_S
        self.warning = None
        if now_s - self._bright_s > BLACK_S:
            self.warning = "the picture is black: lens cover? another camera?"
        elif frozen:
            self.warning = "the picture stands still"
        newly, self._still = frozen and not self._still, frozen
        return newly


class _Grabber(threading.Thread):
    """Opens one device and puts its pictures into ``slot`` until abandoned.

    ``first_index``: of the frame that its first picture becomes. Daemon: a blocked driver must not
    hold the exit.
    """

    def __init__(
        self,
        device: int | str,
        wanted: CaptureFormat,
        open_capture: OpenCapture,
        first_index: int,
        clock: Clock,
    ) -> None:
        super().__init__(name=f"camera {device}", daemon=True)
        self.slot: Latest[_Shot] = Latest()
        self.failure: str | None = None
        self.begun_s, self.last_s = clock(), 0.0
        self.first_index, self.note = first_index, ""
        self._device, self._wanted, self._clock = device, wanted, clock
        self._open_capture = open_capture
        self._abandoned = threading.Event()

    def abandon(self) -> None:
        """End as soon as the driver lets it. Returns at once."""
        self._abandoned.set()
        self.slot.close()

    def run(self) -> None:
        """Open the device and grab until abandoned; ``failure`` says why it ended before."""
        try:
            capture = self._open_capture(self._device, self._wanted.size, self._wanted.fps)
        except SourceError as error:
            self.failure = str(error)
            return
        try:
            self.note = capture.note
            self._grab(capture)
        except Exception as error:  # noqa: BLE001 (a driver may raise anything: it is then lost)
            self.failure = f"stopped with an error: {error}"
        finally:
            capture.release()

    def _grab(self, capture: Capture) -> None:
        number, good_s = 0, time.monotonic()
        while not self._abandoned.is_set():
            pixels = capture.read()
            now_s = time.monotonic()
            if pixels is None:
                if now_s - good_s > (FAILING_S if number else FIRST_PICTURE_S / 2):
                    self.failure = (
                        "it stopped giving pictures."
                        if number
                        else "it gives no picture; is another program using it?"
                    )
                    return
                self._abandoned.wait(0.02)
                continue
            good_s, self.last_s = now_s, self._clock()
            self.slot.put(_Shot(pixels, number, self.last_s))
            number += 1


def _to_rgb(bgr: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
