"""A camera or stream through OpenCV, on a thread of its own: it may block, freeze or go away, and
the program goes on.

Whether a device is lost is decided in ``Camera.read``, which never touches the device itself.
"""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass

import numpy as np

from engines.errors import SourceError, UsageError
from realtime.frame import LiveFrame
from realtime.live.sources.camera_devices import OpenCapture, camera_list, open_opencv
from realtime.live.sources.latest import Latest
from realtime.live.sources.live_source import LiveSource
from realtime.timing import Clock

FIRST_PICTURE_S = 8.0  # some cameras take seconds to wake up
SILENT_S = 2.0
FROZEN_S = 3.0  # sensors are noisy: equal pictures for so long come from a driver that hangs, or from no sensor at all
BLACK_S = 2.0
FAILING_S = 0.5
BACK_OFF_S = (0.5, 1.0, 2.0, 4.0)
MAX_STUCK_THREADS = 3
_BLACK_LEVEL = 16
_CREDENTIALS = re.compile(r"//[^/@]*@")


@dataclass(frozen=True)
class CaptureFormat:
    """What is asked of a camera; it may give something else. size: (height, width)."""

    size: tuple[int, int] = (480, 640)
    fps: float = 30.0


def parse_capture(text: str) -> CaptureFormat:
    """``1280x720@30`` or ``1280x720``. Raises UsageError for anything else."""
    size, _, fps = text.lower().partition("@")
    try:
        width, height = (int(part) for part in size.split("x"))
        wanted = CaptureFormat((height, width), float(fps) if fps else CaptureFormat.fps)
    except ValueError:
        raise UsageError(
            f"--capture {text!r} is not WIDTHxHEIGHT@FPS, for example 1280x720@30"
        ) from None
    if min(wanted.size) < 1 or max(wanted.size) > 8192 or not 0 < wanted.fps <= 1000:
        raise UsageError(
            f"--capture {text!r}: sides go from 1 to 8192 pixels, rates up to 1000 frames a second."
        )
    return wanted


@dataclass(frozen=True)
class _Shot:
    """What the device's thread hands over. pixels: (H, W, 3) uint8 BGR, as OpenCV gives it."""

    pixels: np.ndarray
    number: int
    taken_s: float


class Camera(LiveSource):
    """device: a number, a path such as /dev/video0, or a URL that OpenCV can open.

    A camera that stops is reopened with growing pauses until ``close``. One that gives the same
    picture for ``FROZEN_S`` is reopened once; if the picture is still the same, it is taken for a
    still picture and only a warning remains. ``may_stand_still``: nothing is wrong with that, nor
    with black, as on a screen.
    """

    def __init__(
        self,
        device: int | str,
        wanted: CaptureFormat | None = None,
        clock: Clock = time.monotonic,
        open_capture: OpenCapture = open_opencv,
        may_stand_still: bool = False,
    ) -> None:
        super().__init__()
        local = isinstance(device, int) or device.startswith("/dev/")
        self.name = (
            f"camera {device}" if local else _CREDENTIALS.sub("//", device)
        )  # it is shown, and goes into reports
        self.mirrored = self.name.startswith("camera ")
        self._device, self._wanted, self._clock, self._open_capture = (
            device,
            wanted or CaptureFormat(),
            clock,
            open_capture,
        )
        self.expected_size = self._wanted.size
        self._grabber: _Grabber | None = None
        self._stuck: list[_Grabber] = []
        self._slot: Latest[_Shot] = Latest()
        self._first: _Shot | None = None
        self._base, self._newest = 0, -1
        self._attempts = 0
        self._retry_s = 0.0
        self._problem: str | None = None
        self._closed = False
        self._picture = None if may_stand_still else _PictureWatch()

    def open(self) -> tuple[int, int]:
        self._start()
        deadline_s = time.monotonic() + FIRST_PICTURE_S
        while self._first is None and self._grabber.is_alive() and time.monotonic() < deadline_s:
            self._first = self._slot.get(0.05)
        if self._first is None:
            reason = (
                self._grabber.failure
                or f"it opens but gives no picture within {FIRST_PICTURE_S:.0f} s; is another program using it?"
            )
            self.close()
            others = camera_list() + " " if self.mirrored else ""
            raise SourceError(f"{self.name}: {reason} {others}Without a camera: --source test")
        return self._first.pixels.shape[0], self._first.pixels.shape[1]

    def read(self, timeout_s: float) -> LiveFrame | None:
        shot, self._first = self._first, None
        shot = shot or self._slot.get(timeout_s)
        now_s = self._clock()
        if shot is None:
            self._watch(now_s)
            return None
        verdict = self._picture and self._picture.look_at(shot.pixels, now_s)
        if verdict:
            self._lose(f"{verdict}: the same picture for {FROZEN_S:g} s.", now_s)
            return None
        self._attempts, self._problem = 0, None
        self.note = self._grabber.note if self._grabber else self.note
        self._newest = self._base + shot.number
        started_s = time.perf_counter()
        pixels = _to_rgb(shot.pixels)
        self.busy.add((time.perf_counter() - started_s) * 1000)
        return LiveFrame(pixels, self._newest, captured_s=shot.taken_s)

    def close(self) -> None:
        self._closed = True
        if self._grabber:
            self._grabber.abandon()
            self._grabber.join(
                0.5
            )  # a polite wait only: a blocked driver keeps its (daemon) thread

    @property
    def finished(self) -> bool:
        return self._closed

    @property
    def problem(self) -> str | None:
        return self._problem

    @property
    def warning(self) -> str | None:
        return self._picture and self._picture.warning

    def _start(self) -> None:
        self._slot = Latest()
        self._base = self._newest + 1
        self._grabber = _Grabber(
            self._device, self._wanted, self._open_capture, self._slot, self._clock
        )
        self._started_s = self._clock()
        self._grabber.start()

    def _watch(self, now_s: float) -> None:
        """Called whenever no picture came: decide whether the device is lost, or whether it is time
        to open it again.
        """
        if self._closed:
            return
        if self._grabber is None:
            self._stuck = [grabber for grabber in self._stuck if grabber.is_alive()]
            if now_s >= self._retry_s and len(self._stuck) < MAX_STUCK_THREADS:
                self._start()
        elif not self._grabber.is_alive():
            self._lose(f"lost: {self._grabber.failure or 'unplugged?'}", now_s)
        elif now_s - max(self._started_s, self._grabber.last_s) > (
            SILENT_S if self._grabber.last_s else FIRST_PICTURE_S
        ):
            self._lose("silent: it gives no pictures any more.", now_s)

    def _lose(self, how: str, now_s: float) -> None:
        grabber, self._grabber = self._grabber, None
        if grabber:
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

    def look_at(self, pixels: np.ndarray, now_s: float) -> str | None:
        """ "frozen" once, when the pictures have been equal for too long; else None.

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
        black = now_s - self._bright_s > BLACK_S
        frozen = now_s - self._changed_s > FROZEN_S
        self.warning = (
            "the picture is black: lens cover? another camera?"
            if black
            else "the picture stands still"
            if frozen
            else None
        )
        if frozen and not self._still:
            self._still = True
            return "frozen"
        return None


class _Grabber(threading.Thread):
    """Opens one device and puts its pictures into ``slot`` until abandoned.

    Daemon: a blocked driver must not hold the exit.
    """

    def __init__(
        self,
        device: int | str,
        wanted: CaptureFormat,
        open_capture: OpenCapture,
        slot: Latest[_Shot],
        clock: Clock,
    ) -> None:
        super().__init__(name=f"camera {device}", daemon=True)
        self.failure: str | None = None
        self.last_s = 0.0
        self.note = ""
        self._device, self._wanted, self._open_capture, self._slot, self._clock = (
            device,
            wanted,
            open_capture,
            slot,
            clock,
        )
        self._abandoned = threading.Event()

    def abandon(self) -> None:
        self._abandoned.set()
        self._slot.close()

    def run(self) -> None:
        try:
            capture = self._open_capture(self._device, self._wanted.size, self._wanted.fps)
        except SourceError as error:
            self.failure = str(error)
            return
        try:
            self.note = capture.note
            self._grab(capture)
        except (
            Exception
        ) as error:  # a driver may raise anything; the camera is then lost, and the program goes on
            self.failure = f"stopped with an error: {error}"
        finally:
            capture.release()

    def _grab(self, capture) -> None:
        number, good_s = 0, time.monotonic()
        while not self._abandoned.is_set():
            pixels = capture.read()
            now_s = time.monotonic()
            if pixels is None:
                if now_s - good_s > (FAILING_S if number else FIRST_PICTURE_S / 2):
                    self.failure = (
                        "it gives no picture; is another program using it?"
                        if not number
                        else "it stopped giving pictures."
                    )
                    return
                self._abandoned.wait(0.02)
                continue
            good_s, self.last_s = now_s, self._clock()
            self._slot.put(_Shot(pixels, number, self.last_s))
            number += 1


def _to_rgb(bgr: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
