"""Keeps the source as it came, with its times, so that a show can be painted again from it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from engines.errors import PartialResult, SinkError, UsageError
from realtime.controls.show import TAG
from realtime.frame import LiveFrame
from realtime.live.clean_sink import CleanSink
from realtime.live.live_source import LiveSource
from realtime.live.sinks.recording import Recording, check_recording, sound_of
from realtime.live.sound import Sound

_END_S = 2.0
# Hardly to be told from what came, and little work for a processor that has to paint.
_CODING = {"preset": "ultrafast", "crf": "10", "tune": "zerolatency"}


class SourceRecorder(CleanSink):
    """Records the source into ``path`` for the show ``show``, from its first frame to its last."""

    def __init__(self, path: Path, open_sound: Callable[[], Sound | None], show: str) -> None:
        super().__init__()
        # AAC would begin before the pictures, which would move them.
        form = (_CODING, "flac", f"{TAG}{show}")
        self._recording = Recording(path, open_sound, self.answers.put, *form)

    @classmethod
    def add_flags(cls, group: argparse._ArgumentGroup) -> None:
        """Add --record-source."""
        group.add_argument(
            "--record-source",
            type=Path,
            metavar="FILE.mp4",
            help="keep the untouched source, with its times and sound, for --replay",
        )

    @classmethod
    def check(cls, args: argparse.Namespace) -> None:
        """Look at the name. Raises UsageError or SinkError."""
        if not args.record_source:
            return
        check_recording(args.record_source, "--record-source")
        if args.record_source == args.record:
            raise UsageError(f"--record-source {args.record}: is where --record records to.")

    @classmethod
    def from_args(
        cls, args: argparse.Namespace, source: LiveSource, size: tuple[int, int]
    ) -> SourceRecorder | None:
        """Record, if --record-source asks for it."""
        if not args.record_source:
            return None
        return cls(args.record_source, sound_of(args, source), args.show)

    def see(self, frame: LiveFrame) -> None:
        """Record ``frame``."""
        self._recording.put(frame, frame.pixels)

    def put(self, frame: LiveFrame, painting: np.ndarray) -> None:
        """Leave the painting."""

    def results(self) -> dict[str, object]:
        """Return the file, its length, and whether it is whole."""
        kept = self._recording
        length_s = round(kept.seconds, 3)
        return {"source_kept": {"file": str(kept.path), "seconds": length_s, "saved": kept.saved}}

    def check_result(self) -> None:
        """Raise for a file that is not there: PartialResult if a part of it is."""
        kept = self._recording
        if kept.saved:
            return
        if kept.partial.exists():
            raise PartialResult(
                f"--record-source {kept.path}: was not finished; a part is in {kept.partial}"
            )
        raise SinkError(f"--record-source {kept.path}: nothing of it was saved.")

    def close(self) -> None:
        """Finish the file, waiting at most two seconds."""
        self._recording.finish()
        self._recording.join(_END_S)
