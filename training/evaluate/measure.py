"""Every number of one painted clip."""

from __future__ import annotations

import math

import numpy as np

from training.evaluate.clips import MeasuringClip, static_level, warp_rms
from training.evaluate.figures import SYNTHETIC, ClipFigures, mean
from training.evaluate.likeness import Features, Likeness, content_distance, style_distance
from training.faces import Box, FaceFinder, same_face


def measure(
    painted: list[np.ndarray],
    times_ms: list[float],
    clip: MeasuringClip,
    painting: Features | None,
    likeness: Likeness,
    faces: FaceFinder,
) -> ClipFigures:
    """Measure one style on one clip.

    painted: the clip's frames, each (H, W, 3) uint8 RGB of the input's size.

    painting: None if it is not known, then nothing is said of the style. The synthetic clip is
    measured for its motion and speed only.
    """
    warp = {gap: warp_rms(painted, motions, gap) for gap, motions in clip.motions.items()}
    seen = {t: likeness.features(painted[t]) for t in clip.features}
    style: list[float] = []
    relative: list[float] = []
    if painting:
        style = [style_distance(f, painting) for f in seen.values()]
        untouched = (style_distance(clip.features[t], painting) for t in seen)
        relative = [one / other for one, other in zip(style, untouched, strict=True)]
    kept = [_face_kept(boxes, faces.find(painted[t])) for t, boxes in clip.faces.items()]
    return ClipFigures(
        style=mean(style),
        style_rel=mean(relative),
        content=mean(content_distance(f, clip.features[t]) for t, f in seen.items()),
        face=mean(map(float, kept)),
        faces=len(kept),
        warp_1=warp[1],
        warp_8=warp[8],
        ratio_1=_ratio(warp[1], clip.warp[1]),
        ratio_8=_ratio(warp[8], clip.warp[8]),
        static=math.nan if clip.source.kind == SYNTHETIC else static_level(painted, clip.frames),
        frame_ms=float(np.median(times_ms)),
    )


def _ratio(warp: float, of_input: float) -> float:
    # A still picture has nothing to be compared with.
    return warp / of_input if of_input > 0 else math.nan


def _face_kept(before: list[Box], after: list[Box]) -> bool:
    return any(same_face(one, other) for one in before for other in after)
