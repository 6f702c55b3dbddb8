"""The evaluation as one HTML page that needs nothing beside itself: page.html filled in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engines.errors import EngineUnavailable
from engines.install import install_line
from training.evaluate.charts import Scatter, scatter
from training.evaluate.clips import FACES_SOUGHT, PICTURES_SEEN
from training.evaluate.evaluation import Evaluation, StyleResult
from training.evaluate.figures import EVEN_PAINTINGS, KINDS, MEASURES, Measure, mean_and_worst
from training.evaluate.likeness import SHORT_SIDE_PX
from training.evaluate.pictures import DIFFERENCE_GAIN, STRIP_FRAMES

try:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
except ImportError as error:
    raise EngineUnavailable(
        f"the page is filled in by Jinja, which is not installed ({error}). Type: "
        f"{install_line('train', 'evaluate')}"
    ) from error


@dataclass(frozen=True)
class Bar:
    """One style in a panel."""

    result: StyleResult
    text: str
    share: float | None
    """Of the longest, 0..1; None where it was not measured."""


@dataclass(frozen=True)
class Panel:
    """The bars of one measure."""

    measure: Measure
    bars: list[Bar]


def page(evaluation: Evaluation) -> str:
    """Return the HTML text."""
    folder = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    measured = [result.figures.measured() for result in evaluation.ours]
    average, worst = mean_and_worst(measured)
    columns = [measure for measure in MEASURES if measure.key in average]
    against = next((m for m in columns if m.key.startswith("ratio_1")), None)
    return environment.get_template("page.html").render(
        e=evaluation,
        columns=columns,
        average=average,
        worst=worst,
        others={
            name: found["mean"]
            for name, found in evaluation.by_candidate().items()
            if name != evaluation.ours[0].style.of
        },
        against=against,
        plot=_plot(evaluation, against),
        panels=[_panel(measure, evaluation.results) for measure in columns],
        groups=_by_painting(evaluation),
        clip_columns=_CLIP_COLUMNS,
        kinds=[kind for kind in KINDS if any(clip.kind == kind for clip in evaluation.clips)],
        short_side_px=SHORT_SIDE_PX,
        even_paintings=EVEN_PAINTINGS,
        pictures_seen=PICTURES_SEEN,
        faces_sought=FACES_SOUGHT,
        gain=DIFFERENCE_GAIN,
        strip_frames=STRIP_FRAMES,
    )


# Of the tables by clip: fields of ClipFigures.
_CLIP_COLUMNS = (
    Measure("style_rel", "style", ""),
    Measure("style_face", "face", ""),
    Measure("style_even", "even areas", ""),
    Measure("style_rest", "rest", ""),
    Measure("content", "content", ""),
    Measure("tone", "tone", ""),
    Measure("detail", "face detail", ""),
    Measure("contrast", "contrast", ""),
    Measure("colourfulness", "colourful", "", digits=0),
    Measure("face", "faces found", "", percent=True),
    Measure("ratio_1", "flicker", "", digits=1),
    Measure("ratio_8", "drift", "", digits=1),
    Measure("warp_1", "warp, next frame", "", digits=4),
    Measure("warp_8", "warp, eight frames", "", digits=4),
    Measure("static", "still", ""),
    Measure("frame_ms", "ms a frame", "", digits=0),
)


def _plot(evaluation: Evaluation, against: Measure | None) -> Scatter | None:
    """Style against flicker: what both models and peers have."""
    if against is None:
        return None
    rows = [(result, result.figures.measured()) for result in evaluation.results]
    known = [(r, m) for r, m in rows if "style_rel" in m and against.key in m]
    return scatter(
        [(r.style.name, r.style.of, r.is_peer, m["style_rel"], m[against.key]) for r, m in known]
    )


def _panel(measure: Measure, results: list[StyleResult]) -> Panel:
    values = [result.figures.measured().get(measure.key) for result in results]
    longest = max((value for value in values if value is not None), default=0) or 1
    return Panel(
        measure,
        [
            Bar(r, measure.text(v), None if v is None else v / longest)
            for r, v in zip(results, values, strict=True)
        ],
    )


def _by_painting(evaluation: Evaluation) -> list[tuple[StyleResult | None, list[StyleResult]]]:
    """Return each style of ours with the peers' versions of the same painting.

    At the end, without one of ours, come the peers' other styles.
    """
    ours = {result.style.painting for result in evaluation.ours if result.style.painting}
    groups: list[tuple[StyleResult | None, list[StyleResult]]] = [
        (
            result,
            [
                peer
                for peer in evaluation.peers
                if peer.style.painting and peer.style.painting == result.style.painting
            ],
        )
        for result in evaluation.ours
    ]
    rest = [peer for peer in evaluation.peers if peer.style.painting not in ours]
    return [*groups, (None, rest)] if rest else groups
