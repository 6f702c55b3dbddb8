"""What is asked of a live source: a size and a rate."""

from __future__ import annotations

from dataclasses import dataclass

from engines.errors import UsageError

_MAX_SIDE_PX = 8192
_MAX_FPS = 1000


@dataclass(frozen=True)
class CaptureFormat:
    """What is asked of a source; a camera may give something else."""

    size: tuple[int, int] = (480, 640)
    """(height, width) in pixels."""
    fps: float = 30.0


def parse_capture(text: str) -> CaptureFormat:
    """Read ``1280x720@30`` or ``1280x720``.

    Raises UsageError for anything else.
    """
    size, _, fps = text.lower().partition("@")
    try:
        width, height = (int(part) for part in size.split("x"))
        wanted = CaptureFormat((height, width), float(fps) if fps else CaptureFormat.fps)
    except ValueError:
        raise UsageError(
            f"--capture {text!r} is not WIDTHxHEIGHT@FPS, for example 1280x720@30"
        ) from None
    if min(wanted.size) < 1 or max(wanted.size) > _MAX_SIDE_PX or not 0 < wanted.fps <= _MAX_FPS:
        raise UsageError(
            f"--capture {text!r}: sides go from 1 to 8192 pixels, rates up to 1000 frames a second."
        )
    return wanted
