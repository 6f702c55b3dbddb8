"""How steady one style is on a few frames: of a clip, or of a photo under a moving camera."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines import EngineOptions, ModelFile
from training.data import read_photo, resize_short_side
from training.evaluate.candidates import ModelCandidate, Paint, PaintedStyle, paint
from training.evaluate.clips import ClipSource, static_level, warp_rms
from training.evaluate.figures import OTHER, SYNTHETIC
from training.motion import Motion

_FRAMES, _STILL_FRAMES = 12, 6
_LINES_PX = 480
_NOISE_LEVELS = 1.0  # standard deviation of the noise of a webcam in a lit room, of 255


@dataclass(frozen=True)
class Moving:
    """Frames that move, with their motion, and frames that stand still but for noise."""

    frames: list[np.ndarray]
    motions: list[tuple[int, Motion]]
    still: list[np.ndarray]


@dataclass(frozen=True)
class Steadiness:
    """ratio: warp error over the input's own, next frame.

    still: mean change of 255 where the input stands still. frame_ms: of one frame, median.
    """

    ratio: float
    still: float
    frame_ms: float


def read_moving(clip: Path | None, photo: Path) -> Moving:
    """Return frames of ``clip``, or without one of ``photo`` under a camera whose motion is drawn.

    Both at 480 lines. Those that stand still are of the photo. Raises SourceError or UsageError.
    """
    source = ClipSource(photo.name, SYNTHETIC, photo)
    if clip is not None:
        source = ClipSource(clip.name, OTHER, clip)
    frames = [resize_short_side(frame, _LINES_PX) for frame in source.frames(_FRAMES)]
    motions = [(t, source.motion(frames, t, t - 1)) for t in range(1, len(frames))]
    picture, random = resize_short_side(read_photo(photo), _LINES_PX), np.random.default_rng(0)
    still = [
        np.clip(np.rint(picture + random.normal(0, _NOISE_LEVELS, picture.shape)), 0, 255)
        for _ in range(_STILL_FRAMES)
    ]
    return Moving(frames, motions, [frame.astype(np.uint8) for frame in still])


@contextmanager
def open_paint(model: ModelFile, style: str, size: tuple[int, int]) -> Iterator[Paint]:
    """Give what paints frames of (height, width) one after the other, as the programs show them."""
    candidate = ModelCandidate(
        model, [PaintedStyle(style, model.name, None)], "auto", EngineOptions(precision="auto")
    )
    with candidate.start(size) as open_style:
        yield open_style(candidate.styles[0])


def measure_steadiness(model: ModelFile, style: str, moving: Moving) -> Steadiness:
    """Paint the frames in a style and measure them."""
    with open_paint(model, style, moving.frames[0].shape[:2]) as stylize:
        painted, times_ms = paint(moving.frames, stylize)
    with open_paint(model, style, moving.still[0].shape[:2]) as stylize:
        resting, _ = paint(moving.still, stylize)
    own = warp_rms(moving.frames, moving.motions, 1)
    return Steadiness(
        ratio=warp_rms(painted, moving.motions, 1) / own if own > 0 else float("nan"),
        still=static_level(resting, moving.still),
        frame_ms=float(np.median(times_ms)),
    )


def paint_alone(model: ModelFile, style: str, pictures: list[np.ndarray]) -> list[np.ndarray]:
    """Return each picture painted by itself, (H, W, 3) uint8 RGB."""
    painted = []
    for picture in pictures:
        with open_paint(model, style, picture.shape[:2]) as stylize:
            painted.append(stylize(picture))
    return painted
