"""Runs a program of which one stage hangs in native code, as a driver does.

python -m tests.hostile.hanging STAGE stylize_video.py clip.mp4 ...
"""

from __future__ import annotations

import ctypes
import itertools
import runpy
import sys
from collections.abc import Callable
from typing import Any

from tests.conftest import ROOT

# STAGE: the module, class and method, and which of its calls hangs.
STAGES = {
    "file open": ("realtime.media.reading.video_file", "VideoFile", "__init__", 0),
    "file engine": ("engines.runtimes.passthrough", "Passthrough", "__init__", 0),
    "file decode": ("realtime.media.reading.converter", "PixelConverter", "convert", 5),
    "file infer": ("engines.runtimes.passthrough", "Passthrough", "_infer", 5),
    "file encode": ("realtime.media.writing.segments", "SegmentEncoder", "write", 5),
    "file finish": ("realtime.media.writing.segments", "SegmentEncoder", "end", 0),
    "live open": ("realtime.live.sources.synthetic", "Synthetic", "open", 0),
    "live engine": ("engines.runtimes.passthrough", "Passthrough", "__init__", 0),
    "live capture": ("realtime.live.sources.synthetic", "Synthetic", "picture", 5),
    "live infer": ("engines.runtimes.passthrough", "Passthrough", "_infer", 5),
    "live display": ("realtime.live.sinks.null", "Null", "poll", 5),
    "live close": ("realtime.live.sinks.null", "Null", "close", 0),
}


def hang() -> None:
    """Lock a mutex twice: without the GIL, and deaf to signals."""
    library, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(128)
    print("hangs", file=sys.stderr, flush=True)
    while True:
        library.pthread_mutex_lock(mutex)


def hang_in(stage: str) -> None:
    """Have the stage's method hang in one of its calls."""
    module, owner, method, at = STAGES[stage]
    found = getattr(__import__(module, fromlist=[owner]), owner)
    original: Callable[..., Any] = getattr(found, method)
    calls = itertools.count()

    def hanging(*arguments: Any, **options: Any) -> Any:
        if next(calls) == at:
            hang()
        return original(*arguments, **options)

    setattr(found, method, hanging)


if __name__ == "__main__":
    stage, script, *sys.argv[1:] = sys.argv[1:]
    sys.argv[0] = script
    hang_in(stage)
    runpy.run_path(str(ROOT / script), run_name="__main__")
