"""The numbers of an evaluation.

They are of one style on one clip and of one style on all; and here is what each is called.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

WEBCAM, HANDHELD, OTHER, SYNTHETIC = "webcam", "handheld", "other clips", "exact motion"
KINDS = (WEBCAM, HANDHELD, OTHER, SYNTHETIC)


@dataclass(frozen=True)
class Measure:
    """A column of the tables."""

    key: str
    """Its key in what ``StyleFigures.measured`` returns."""
    label: str
    """Its heading."""
    says: str
    """In a few words what it says."""
    better: int = -1
    """1 where more is better, -1 where less is."""
    digits: int = 2
    """After the point."""
    percent: bool = False
    """Whether it is a share, shown times 100."""

    def text(self, value: float | None) -> str:
        """Return ``value`` as the tables show it; a dash for what could not be measured."""
        if value is None or math.isnan(value):
            return "–"
        return f"{100 * value:.0f} %" if self.percent else f"{value:.{self.digits}f}"


MEASURES = (
    Measure("style_rel", "style", "distance to the painting; 1 is the untouched input"),
    Measure("content", "content", "distance to the input; 0 is the untouched input"),
    Measure(
        "face",
        "face",
        "of the frames with a face, those in which it is still found",
        better=1,
        percent=True,
    ),
    *(
        Measure(
            f"ratio_1 {k}", f"flicker, {k}", "warp error over the input's own, next frame", digits=1
        )
        for k in KINDS
    ),
    *(
        Measure(f"ratio_8 {k}", f"drift, {k}", "the same over eight frames", digits=1)
        for k in KINDS
    ),
    *(
        Measure(f"static {k}", f"still, {k}", "mean change of 255 where the input stands still")
        for k in KINDS[:-1]
    ),
    Measure("fps", "fps", "640x480, network and everything around it", better=1, digits=1),
)


@dataclass(frozen=True)
class ClipFigures:
    """One style on one clip, in the units of docs/training.md.

    A number is NaN where it has no meaning, as the faces of a landscape.
    """

    style: float = math.nan
    style_rel: float = math.nan
    content: float = math.nan
    face: float = math.nan
    """Share of the ``faces`` frames."""
    faces: int = 0
    warp_1: float = math.nan
    """RMS, RGB 0..1."""
    warp_8: float = math.nan
    """RMS, RGB 0..1."""
    ratio_1: float = math.nan
    ratio_8: float = math.nan
    static: float = math.nan
    """0..255."""
    frame_ms: float = math.nan
    """Median of all frames."""


@dataclass
class StyleFigures:
    """One style of one model."""

    clips: dict[str, tuple[str, ClipFigures]] = field(default_factory=dict)
    """The clip's kind and the figures, by the clip's name."""

    def measured(self) -> dict[str, float]:
        """Return what could be measured, by the keys of ``MEASURES``.

        They are means over clips, of one kind where the key names it. Faces count alike whichever
        clip they are in; fps is that of the synthetic clip, whose size is always 640x480.
        """
        figures = list(self.clips.values())
        found = {
            name: mean(getattr(f, name) for _, f in figures) for name in ("style_rel", "content")
        }
        faces = [(f.face * f.faces, f.faces) for _, f in figures if f.faces]
        found["face"] = (
            sum(kept for kept, _ in faces) / sum(count for _, count in faces) if faces else math.nan
        )
        for name in ("ratio_1", "ratio_8", "static"):
            found |= {
                f"{name} {kind}": mean(getattr(f, name) for k, f in figures if k == kind)
                for kind in KINDS
            }
        found["fps"] = 1000 / mean(f.frame_ms for kind, f in figures if kind == SYNTHETIC)
        return {m.key: found[m.key] for m in MEASURES if not math.isnan(found[m.key])}


def mean(values: Iterable[float]) -> float:
    """Return the mean of what could be measured; NaN if nothing could."""
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def mean_and_worst(styles: Iterable[dict[str, float]]) -> tuple[dict[str, float], dict[str, float]]:
    """Return mean and worst of what ``StyleFigures.measured`` returned for several styles."""
    styles = list(styles)
    values = {m: [style[m.key] for style in styles if m.key in style] for m in MEASURES}
    known = {m: found for m, found in values.items() if found}
    return {m.key: mean(v) for m, v in known.items()}, {
        m.key: max(v) if m.better < 0 else min(v) for m, v in known.items()
    }
