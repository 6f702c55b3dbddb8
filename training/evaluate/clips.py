"""The clips that styles are measured on.

Of each: its frames, their motion, and what the untouched input measures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from engines.errors import UsageError
from realtime.media.reading.video_file import VideoFile
from training.data import read_photo, resize_short_side
from training.evaluate.figures import HANDHELD, OTHER, STILL, SYNTHETIC, WEBCAM, mean
from training.evaluate.likeness import Features, Likeness, at_size_seen
from training.evaluate.regions import find_regions
from training.evaluate.synthetic import exact_motion, synthetic_clip
from training.faces import Box, FaceFinder
from training.motion import Motion, estimate_motion, static_change, warp_error

# For measuring only: nothing is ever trained on them.
CLIPS = {
    "talking_head_indoor.mp4": WEBCAM,
    "webcam_sign_book.mkv": WEBCAM,
    "desk_pan_short.mp4": HANDHELD,
}
PHOTO = (
    "coco_000000000139.jpg"  # one of the previews of training/configs, likewise never trained on
)
GAPS = (1, 8)
_EVERY = {1: 1, 8: 4}  # of the pairs of each gap, one in so many
PICTURES_SEEN = 3  # frames of each clip that are looked at one by one
FACES_SOUGHT = 6
_STILL_PX = 480  # of a photo's short side


@dataclass(frozen=True)
class ClipSource:
    """What a clip is made of: a video file, or for the kinds SYNTHETIC and STILL a photo."""

    name: str
    kind: str
    path: Path

    def frames(self, count: int) -> list[np.ndarray]:
        """Return at most ``count`` frames, (H, W, 3) uint8 RGB.

        Raises SourceError, and UsageError if there are too few to measure.
        """
        if self.kind == STILL:
            return [resize_short_side(read_photo(self.path), _STILL_PX)]
        if self.kind == SYNTHETIC:
            return synthetic_clip(read_photo(self.path), count)
        with VideoFile(self.path) as video:
            frames = [frame.pixels for frame in islice(video.frames(), count)]
        if len(frames) <= max(GAPS):
            raise UsageError(
                f"{self.path}: has {len(frames)} frames; at least {max(GAPS) + 1} are needed to "
                "measure drift."
            )
        return frames

    def motion(self, frames: list[np.ndarray], now: int, before: int) -> Motion:
        """Return the motion from frame number ``before`` to frame number ``now``."""
        return (
            exact_motion(now, before)
            if self.kind == SYNTHETIC
            else estimate_motion(frames[now], frames[before])
        )


@dataclass(frozen=True)
class SeenFrame:
    """A frame of the input at the size at which it is seen.

    faces: boxes in its pixels; regions: masks (H, W) bool of those that there are.
    """

    features: Features
    faces: list[Box]
    regions: dict[str, np.ndarray]


@dataclass(frozen=True)
class MeasuringClip:
    """A clip and all that is the same for every style.

    motions: by gap, the later frame's number and the motion; seen: of the input, by frame number;
    faces: in the input, by frame number; warp, static: the input's own.
    """

    source: ClipSource
    frames: list[np.ndarray]
    motions: dict[int, list[tuple[int, Motion]]]
    seen: dict[int, SeenFrame]
    faces: dict[int, list[Box]]
    warp: dict[int, float]
    static: float

    @property
    def size(self) -> tuple[int, int]:
        """Return (height, width) of the frames."""
        return self.frames[0].shape[:2]


def find_clips(data: Path, clips: list[Path] | None, photo: Path | None) -> list[ClipSource]:
    """Find the clips to measure on.

    They are ``clips``, or those of ``CLIPS`` in the folder ``data``, and one made from ``photo``.
    Raises UsageError, naming the flag, for what is not there.
    """
    paths = clips or [data / "clips" / name for name in CLIPS]
    photo = photo or data / "content" / PHOTO
    for path, flag in [*((path, "--clips FILE...") for path in paths), (photo, "--photo FILE")]:
        if not path.is_file():
            raise UsageError(
                f"{path}: no such file. Give the folder that holds it with --data DIR, or your own "
                f"with {flag}."
            )
    real = [ClipSource(path.name, CLIPS.get(path.name, OTHER), path) for path in paths]
    if len({clip.name for clip in real}) < len(real):
        raise UsageError("--clips: two of them have the same name.")
    return [*real, ClipSource(f"{photo.stem} in motion", SYNTHETIC, photo)]


def prepare(source: ClipSource, count: int, likeness: Likeness, faces: FaceFinder) -> MeasuringClip:
    """Read ``source`` and measure what every style is compared with."""
    frames = source.frames(count)
    motions = {
        gap: [(t, source.motion(frames, t, t - gap)) for t in range(gap, len(frames), _EVERY[gap])]
        for gap in GAPS
    }
    real = source.kind != SYNTHETIC
    seen = (
        {t: _see(frames[t], likeness, faces) for t in _spread(PICTURES_SEEN, len(frames))}
        if real
        else {}
    )
    found = {t: faces.find(frames[t]) for t in _spread(FACES_SOUGHT, len(frames))} if real else {}
    warp = {gap: warp_rms(frames, motions[gap], gap) for gap in GAPS}
    static = static_level(frames, frames) if real else math.nan
    return MeasuringClip(
        source,
        frames,
        motions,
        seen,
        {t: boxes for t, boxes in found.items() if boxes},
        warp,
        static,
    )


def _see(frame: np.ndarray, likeness: Likeness, faces: FaceFinder) -> SeenFrame:
    small = at_size_seen(frame)
    scale = small.shape[0] / frame.shape[0]
    boxes: list[Box] = [tuple(round(side * scale) for side in box) for box in faces.find(frame)]
    regions = find_regions(small, boxes)
    return SeenFrame(likeness.features(small, regions), boxes, regions)


def warp_rms(frames: list[np.ndarray], motions: list[tuple[int, Motion]], gap: int) -> float:
    """Return how much pictures change along the input's motion, RGB 0..1.

    It is the root of the mean over pairs of ``warp_error``.
    """
    return math.sqrt(mean(warp_error(frames[t], frames[t - gap], motion) for t, motion in motions))


def static_level(frames: list[np.ndarray], inputs: list[np.ndarray]) -> float:
    """Return the mean over neighbouring frames of ``static_change``, 0..255."""
    return mean(
        static_change(frames[t], frames[t - 1], inputs[t], inputs[t - 1])
        for t in range(1, len(frames))
    )


def _spread(count: int, frames: int) -> list[int]:
    """Return ``count`` frame numbers, or all, evenly spread and away from the ends."""
    return sorted({int((i + 0.5) * frames / count) for i in range(count)})
