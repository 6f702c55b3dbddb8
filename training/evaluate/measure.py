"""Every number of one painted clip."""

from __future__ import annotations

import math

import numpy as np

from training.evaluate import looks
from training.evaluate.clips import MeasuringClip, SeenFrame, static_level, warp_rms
from training.evaluate.figures import SYNTHETIC, ClipFigures, mean
from training.evaluate.likeness import (
    Features,
    Likeness,
    at_size_seen,
    content_distance,
    layer_distance,
    style_distance,
)
from training.faces import Box, FaceFinder, same_face
from training.losses import STYLE_LAYERS


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
    pictures = [
        _of_picture(likeness.features(painted[t], seen.regions), seen, painting)
        for t, seen in clip.seen.items()
    ]
    names = {name for picture in pictures for name in picture}
    kept = [_face_kept(boxes, faces.find(painted[t])) for t, boxes in clip.faces.items()]
    return ClipFigures(
        **{name: mean(picture.get(name, math.nan) for picture in pictures) for name in names},
        face=mean(map(float, kept)),
        faces=len(kept),
        warp_1=warp[1],
        warp_8=warp[8],
        ratio_1=_ratio(warp[1], clip.warp[1]),
        ratio_8=_ratio(warp[8], clip.warp[8]),
        static=math.nan if clip.source.kind == SYNTHETIC else static_level(painted, clip.frames),
        frame_ms=float(np.median(times_ms)),
    )


def _of_picture(after: Features, seen: SeenFrame, painting: Features | None) -> dict[str, float]:
    """Return what one painted frame says by itself, by the fields of ``ClipFigures``."""
    before, picture, photo = seen.features, after.picture, seen.features.picture
    details = zip(
        looks.face_details(picture, seen.faces), looks.face_details(photo, seen.faces), strict=True
    )
    found = {
        "content": content_distance(after, before),
        "tone": looks.tone(picture, photo),
        "contrast": looks.contrast(picture, photo),
        "colourfulness": looks.colourfulness(picture),
        "detail": mean(looks.correlation(one, other) for one, other in details),
    }
    if painting is None:
        return found
    found["style"] = style_distance(after, painting)
    found["style_rel"] = found["style"] / style_distance(before, painting)
    for region in before.regions:
        untouched = style_distance(before, painting, region)
        found[f"style_{region}"] = style_distance(after, painting, region) / untouched
    for layer in STYLE_LAYERS:
        untouched = layer_distance(before, painting, layer)
        found[layer] = layer_distance(after, painting, layer) / untouched
    return found


def details_of(painted: list[np.ndarray], clip: MeasuringClip) -> list[np.ndarray]:
    """Return the fine detail of every face in the frames of ``clip`` that are seen."""
    return [
        detail
        for t, seen in clip.seen.items()
        for detail in looks.face_details(at_size_seen(painted[t]), seen.faces)
    ]


def alike(styles: list[list[np.ndarray]]) -> list[float]:
    """Return for each style the mean correlation of its faces with those of the others.

    styles: what ``details_of`` returned for each on one clip. NaN without faces or others.
    """
    return [
        mean(
            looks.correlation(one, other)
            for k, others in enumerate(styles)
            if k != i
            for one, other in zip(own, others, strict=True)
        )
        for i, own in enumerate(styles)
    ]


def _ratio(warp: float, of_input: float) -> float:
    # A still picture has nothing to be compared with.
    return warp / of_input if of_input > 0 else math.nan


def _face_kept(before: list[Box], after: list[Box]) -> bool:
    return any(same_face(one, other) for one in before for other in after)
