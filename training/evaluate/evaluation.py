"""A whole evaluation: every style of every candidate on every clip, and the JSON of it."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engines.machine import cpu_threads
from realtime.picture.sizes import size_text
from training.data import read_photo
from training.evaluate.candidates import Candidate, Paint, PaintedStyle, paint
from training.evaluate.clips import ClipSource, MeasuringClip, prepare
from training.evaluate.figures import EVEN_PAINTINGS, SYNTHETIC, StyleFigures, mean, mean_and_worst
from training.evaluate.gradients import Texture, smooth_gradients, texture
from training.evaluate.likeness import Features, Likeness
from training.evaluate.looks import colourfulness
from training.evaluate.measure import alike, details_of, measure
from training.evaluate.pictures import clip_picture, frame_picture, strip
from training.evaluate.regions import EVEN
from training.faces import FaceFinder


@dataclass
class StyleResult:
    """One style of one candidate; all pictures are data URIs."""

    style: PaintedStyle
    is_peer: bool
    runtime: str = ""
    figures: StyleFigures = field(default_factory=StyleFigures)
    pictures: dict[str, str] = field(default_factory=dict)
    """One painted frame, by the clip's name."""
    strip: str = ""
    """A strip of the first clip."""
    painting: str = ""
    """What the style shall look like."""


@dataclass(frozen=True)
class ClipResult:
    """What the untouched input measures."""

    name: str
    kind: str
    size: str
    frames: int
    faces: int
    """Frames in which a face was found."""
    even: float
    """Share of the picture that is even."""
    colourfulness: float
    warp_1: float
    warp_8: float
    static: float


@dataclass
class Evaluation:
    """All that the page and the JSON say of one model."""

    model: str
    date: str
    processor: str
    cores: int
    load: float
    """Processes that ran or waited on average when it began, ours not counted; NaN if unknown."""
    clips: list[ClipResult]
    results: list[StyleResult]
    clip_pictures: dict[str, str]
    """As ``pictures`` of the styles, of the untouched input."""
    input_strip: str
    """As ``strip`` of the styles, of the untouched input."""

    @property
    def ours(self) -> list[StyleResult]:
        """Return the results of the model itself."""
        return [result for result in self.results if not result.is_peer]

    @property
    def peers(self) -> list[StyleResult]:
        """Return the results of those that it is compared with."""
        return [result for result in self.results if result.is_peer]

    def by_candidate(self) -> dict[str, dict[str, Any]]:
        """Return the means of each candidate, over its styles whose painting is known."""
        known = [result for result in self.results if result.style.painting]
        found = {}
        for name in dict.fromkeys(result.style.of for result in known):
            own = [result for result in known if result.style.of == name]
            average, _ = mean_and_worst(result.figures.measured() for result in own)
            found[name] = {"styles": len(own), "runtime": own[0].runtime, "mean": _rounded(average)}
        return found

    def summary(self) -> dict[str, Any]:
        """Return who was measured on what, where, and the means: what docs/pictures.json is."""
        head = {key: getattr(self, key) for key in ("model", "date", "processor", "cores", "load")}
        clips = [{"name": c.name, "kind": c.kind, "frames": c.frames} for c in self.clips]
        return {**_rounded(head), "clips": clips, "candidates": self.by_candidate()}

    def as_json(self) -> dict[str, Any]:
        """Return everything but the pictures.

        ``measured``: by style, what the model's metadata may carry.
        """
        average, worst = mean_and_worst(result.figures.measured() for result in self.ours)
        head = {key: getattr(self, key) for key in ("model", "date", "processor", "cores", "load")}
        return {
            **_rounded(head),
            "measured": {r.style.name: _rounded(r.figures.measured()) for r in self.ours},
            "mean": _rounded(average),
            "worst": _rounded(worst),
            "clips": [_rounded(asdict(clip)) for clip in self.clips],
            "styles": [_style_json(result) for result in self.ours],
            "peers": [_style_json(result) for result in self.peers],
        }


def evaluate(
    model: str,
    candidates: Sequence[Candidate],
    sources: list[ClipSource],
    count: int,
    likeness: Likeness,
    faces: FaceFinder,
    on_step: Callable[[str], None],
) -> Evaluation:
    """Measure every style of ``candidates`` on ``count`` frames of every clip.

    The first candidate is the model itself. ``on_step`` is told what is next: once for each clip,
    then once for each style on it. One clip is held at a time.
    """
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan
    results = [
        [
            StyleResult(
                style,
                candidate is not candidates[0],
                figures=StyleFigures(even_painting=style.name in EVEN_PAINTINGS),
            )
            for style in candidate.styles
        ]
        for candidate in candidates
    ]
    every = [result for of_candidate in results for result in of_candidate]
    paintings = {p: read_photo(p) for p in dict.fromkeys(r.style.painting for r in every) if p}
    features: dict[Path | None, Features] = {
        path: likeness.features(painting) for path, painting in paintings.items()
    }
    for result in every:
        if result.style.painting:
            result.painting = frame_picture(paintings[result.style.painting])
    clips: list[ClipResult] = []
    pictures: dict[str, str] = {}
    input_strip = ""
    for source in sources:
        on_step(source.name)
        clip = prepare(source, count, likeness, faces)
        clips.append(_clip_result(clip))
        pictures[source.name] = clip_picture(clip.frames)
        input_strip = input_strip or strip(clip.frames, clip)
        for candidate, of_candidate in zip(candidates, results, strict=True):
            _measure_candidate(candidate, of_candidate, clip, features, likeness, faces, on_step)
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    return Evaluation(
        model, date, _processor(), cpu_threads(), load, clips, every, pictures, input_strip
    )


def _measure_candidate(
    candidate: Candidate,
    results: list[StyleResult],
    clip: MeasuringClip,
    features: dict[Path | None, Features],
    likeness: Likeness,
    faces: FaceFinder,
    on_step: Callable[[str], None],
) -> None:
    """Add to ``results``, one for each style of ``candidate``, what it is on ``clip``."""
    name, kind = clip.source.name, clip.source.kind
    details = []
    with candidate.start(clip.size) as open_style:
        for result in results:
            on_step(f"{name}: {result.style.key}")
            painted, times_ms = paint(clip.frames, open_style(result.style))
            painting = features.get(result.style.painting)
            found = measure(painted, times_ms, clip, painting, likeness, faces)
            result.figures.clips[name] = (kind, found)
            result.pictures[name] = clip_picture(painted)
            result.strip = result.strip or strip(painted, clip)
            result.runtime = candidate.runtime
            details.append(details_of(painted, clip))
            if kind == SYNTHETIC:  # whose size is that of the gradients
                result.figures.textures = _textures(open_style(result.style), candidate)
    for result, between in zip(results, alike(details), strict=True):
        found = result.figures.clips[name][1]
        result.figures.clips[name] = (kind, replace(found, detail_between=between))


def _textures(stylize: Paint, candidate: Candidate) -> list[Texture]:
    own_px = [candidate.cell_px] if candidate.cell_px else []
    return [texture(stylize(gradient), own_px) for gradient in smooth_gradients()]


def _clip_result(clip: MeasuringClip) -> ClipResult:
    size = size_text(clip.size)
    return ClipResult(
        clip.source.name,
        clip.source.kind,
        size,
        len(clip.frames),
        len(clip.faces),
        mean(
            float(seen.regions[EVEN].mean()) if EVEN in seen.regions else 0.0
            for seen in clip.seen.values()
        ),
        mean(colourfulness(seen.features.picture) for seen in clip.seen.values()),
        clip.warp[1],
        clip.warp[8],
        clip.static,
    )


def _style_json(result: StyleResult) -> dict[str, Any]:
    style, figures = result.style, result.figures
    about = {key: getattr(style, key) for key in ("name", "of", "title", "artist", "year")}
    clips = {name: _rounded(asdict(found)) for name, (_, found) in figures.clips.items()}
    return {
        **about,
        "runtime": result.runtime,
        "measured": _rounded(figures.measured()),
        "textures": [_rounded(asdict(texture)) for texture in figures.textures],
        "clips": clips,
    }


def _rounded(figures: dict[str, Any]) -> dict[str, Any]:
    """Leave out what could not be measured, since JSON has no NaN.

    Numbers are rounded to four digits after the point.
    """
    known = {k: v for k, v in figures.items() if not (isinstance(v, float) and math.isnan(v))}
    return {
        key: round(value, 4) if isinstance(value, float) else value for key, value in known.items()
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
