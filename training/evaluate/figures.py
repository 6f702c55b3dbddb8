"""The numbers of an evaluation.

They are of one style on one clip and of one style on all; and here is what each is called.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from training.evaluate.gradients import Texture

WEBCAM, HANDHELD, OTHER, SYNTHETIC = "webcam", "handheld", "other clips", "exact motion"
KINDS = (WEBCAM, HANDHELD, OTHER, SYNTHETIC)
STILL = "photo"
"""A clip of one frame, of which nothing is said that takes two."""
# Paintings of even areas themselves: what comes near to them leaves a wall even. So their figure
# for even areas has a name of its own, and is in no mean with that of others.
EVEN_PAINTINGS = ("great_wave", "udnie")
STYLE_FACE, STYLE_EVEN, STYLE_REST = "style_rel face", "style_rel even", "style_rel rest"
STYLE_EVEN_PAINTING = f"{STYLE_EVEN}, even painting"
_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")


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
    Measure(STYLE_FACE, "face", "distance to the painting inside faces"),
    Measure(
        STYLE_EVEN,
        "even areas",
        "distance to the painting where the input is even; of "
        f"{' and '.join(EVEN_PAINTINGS)}, even themselves, in no mean",
    ),
    Measure(
        STYLE_EVEN_PAINTING,
        "even areas, even painting",
        "the same of paintings that are even themselves",
    ),
    Measure(STYLE_REST, "rest", "distance to the painting in all that is neither"),
    *(Measure(layer, f"style at {layer}", "the part of one layer") for layer in _LAYERS),
    Measure("content", "content", "distance to the input; 0 is the untouched input"),
    Measure("tone", "tone", "light and dark stay where they are; 1 is the input", better=1),
    Measure(
        "face",
        "faces found",
        "of the frames with a face, those in which it is still found",
        better=1,
        percent=True,
    ),
    Measure("detail", "face detail, photo", "correlation of a face's fine detail with the photo's"),
    Measure(
        "detail_between", "face detail, styles", "the same with that of the model's other styles"
    ),
    Measure("contrast", "contrast", "deviation of luma over the input's", better=1),
    Measure(
        "colourfulness", "colourful", "0 grey, 33 averagely, 59 quite colourful", better=1, digits=0
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
    Measure("lattice", "lattice", "share of what is drawn on smooth gradients that repeats"),
    Measure("texture", "texture", "levels of 255 drawn on smooth gradients", better=1, digits=1),
    Measure("fps", "fps", "640x480, network and everything around it", better=1, digits=1),
)


@dataclass(frozen=True)
class ClipFigures:
    """One style on one clip, in the units of docs/training.md.

    A number is NaN where it has no meaning, as the faces of a landscape.
    """

    style: float = math.nan
    style_rel: float = math.nan
    style_face: float = math.nan
    style_even: float = math.nan
    style_rest: float = math.nan
    relu1_2: float = math.nan
    relu2_2: float = math.nan
    relu3_3: float = math.nan
    relu4_3: float = math.nan
    content: float = math.nan
    tone: float = math.nan
    detail: float = math.nan
    detail_between: float = math.nan
    contrast: float = math.nan
    colourfulness: float = math.nan
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
    textures: list[Texture] = field(default_factory=list)
    """Of each smooth gradient."""
    even_painting: bool = False
    """Whether the painting is one of ``EVEN_PAINTINGS``."""

    def measured(self) -> dict[str, float]:
        """Return what could be measured, by the keys of ``MEASURES``.

        They are means over clips, of one kind where the key names it. Faces count alike whichever
        clip they are in; fps is that of the synthetic clip, whose size is always 640x480.
        """
        figures = list(self.clips.values())
        over_clips = {
            key: mean(getattr(f, name) for _, f in figures) for key, name in _OVER_CLIPS.items()
        }
        found = dict.fromkeys((m.key for m in MEASURES), math.nan) | over_clips
        if self.even_painting:
            found[STYLE_EVEN_PAINTING], found[STYLE_EVEN] = found[STYLE_EVEN], math.nan
        found["lattice"] = mean(texture.lattice for texture in self.textures)
        found["texture"] = mean(texture.levels for texture in self.textures)
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


# Measures that are means over all real clips, and their fields in ``ClipFigures``.
_OVER_CLIPS = {
    STYLE_FACE: "style_face",
    STYLE_EVEN: "style_even",
    STYLE_REST: "style_rest",
    **{
        name: name
        for name in (
            *_LAYERS,
            *("style_rel", "content", "tone"),
            *("detail", "detail_between", "contrast", "colourfulness"),
        )
    },
}


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
