"""What noise reduction and stability buy, and what they cost in truth.

They are measured on the measuring clips, in every style.

python -m bench.targets.steadiness --data DATA
    the table of docs/live.md; a few minutes on a CPU
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench import ROOT
from bench.tools.markdown import fill, markdown_table
from engines import Engine, EngineOptions, find_model, open_engine
from realtime import cli
from realtime.frame import Frame
from realtime.look import Look
from realtime.picture.sizes import network_size
from realtime.stylizer import Stylizer
from training.evaluate.clips import CLIPS, ClipSource, static_level, warp_rms
from training.evaluate.figures import HANDHELD, WEBCAM
from training.motion import Motion

FRAMES = 16
_GHOST_LEVELS = 4  # of 255: what stability may change where the picture's motion is not known
_CALMER = 1 / 3
# Name of a row, whether noise is taken out, stability.
ROWS = (
    ("nothing", False, 0.0),
    ("noise taken out: the default", True, 0.0),
    ("and `--stability 0.25`", True, 0.25),
    ("and `--stability 0.5`", True, 0.5),
    ("and `--stability 1`", True, 1.0),
)
_DEFAULT, _HALF = 1, 3


@dataclass(frozen=True)
class MovingFrames:
    """Frames, (H, W, 3) uint8 RGB each, and their motion.

    The motion is from the frame before to each but the first.
    """

    frames: list[np.ndarray]
    motions: list[tuple[int, Motion]]


@dataclass(frozen=True)
class Steady:
    """How steady one row is."""

    warp: float
    """RMS along the input's motion, RGB 0..1."""
    static: float
    """0..255."""
    lost: float
    """Mean change against the default, 0..255, where the input's motion there and back disagrees.

    There a ghost would be seen.
    """


def main(argv: list[str]) -> int:
    """Measure and write the table; return 1 where a promise is broken."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.targets.steadiness",
        description="What noise reduction and stability buy.",
    )
    parser.add_argument("--data", type=Path, required=True, help="folder that holds clips/")
    parser.add_argument(
        "--frames", type=int, default=FRAMES, help=f"of each clip (default: {FRAMES})"
    )
    args = parser.parse_args(argv)
    model = find_model(None, [])
    found: dict[str, list[list[Steady]]] = {WEBCAM: [], HANDHELD: []}
    for name, kind in CLIPS.items():
        clip = _read(ClipSource(name, kind, args.data / "clips" / name), args.frames)
        with open_engine(
            "auto", model, EngineOptions(), network_size(clip.frames[0].shape[:2], 1.0)
        ) as engine:
            for style in model.style_names[1:]:
                found[kind].append(_measure(engine, style, clip))
                cli.say(f"{name}, {style}")
    rows = [_row(number, found) for number in range(len(ROWS))]
    header = (
        "",
        *(f"{what}, {kind}" for kind in found for what in ("flicker", "still")),
        "where motion is not known",
    )
    page = ROOT / "docs" / "live.md"
    page.write_text(
        fill(
            page.read_text(encoding="utf-8"),
            "steadiness",
            "\n".join(markdown_table(header, rows, 1)),
        ),
        encoding="utf-8",
    )
    default, half = (
        np.mean([steady[number].warp for steady in found[WEBCAM]]) for number in (_DEFAULT, _HALF)
    )
    ghosts = max(steady[_HALF].lost for kind in found.values() for steady in kind)
    cli.say(
        f"stability 0.5: flicker of webcams {1 - half / default:.0%} lower (wanted: {_CALMER:.0%})"
    )
    cli.say(f"where motion is not known: at most {ghosts:.1f} of 255 (wanted: {_GHOST_LEVELS})")
    return 0 if half <= default * (1 - _CALMER) and ghosts <= _GHOST_LEVELS else 1


def _read(source: ClipSource, count: int) -> MovingFrames:
    frames = source.frames(count)
    return MovingFrames(
        frames, [(t, source.motion(frames, t, t - 1)) for t in range(1, len(frames))]
    )


def _measure(engine: Engine, style: str, clip: MovingFrames) -> list[Steady]:
    """Return the figures of each of ``ROWS``."""
    painted = []
    for _, denoise, stability in ROWS:
        stylizer = Stylizer(engine, Look(((style, 1.0),), stability=stability, denoise=denoise))
        painted.append(
            [
                stylizer.stylize(Frame(pixels, index), 0.0)
                for index, pixels in enumerate(clip.frames)
            ]
        )
    return [
        Steady(
            warp_rms(p, clip.motions, 1),
            static_level(p, clip.frames),
            _lost(p, painted[_DEFAULT], clip),
        )
        for p in painted
    ]


def _lost(painted: list[np.ndarray], without: list[np.ndarray], clip: MovingFrames) -> float:
    changes = [
        np.abs(painted[t].astype(int) - without[t])[~motion.visible].mean()
        for t, motion in clip.motions
        if not motion.visible.all()
    ]
    return float(np.mean(changes)) if changes else 0.0


def _row(number: int, found: dict[str, list[list[Steady]]]) -> tuple[str, ...]:
    cells = []
    for kind in found.values():
        warp = np.mean([steady[number].warp for steady in kind])
        cells += [f"{255 * warp:.2f}", f"{np.mean([steady[number].static for steady in kind]):.2f}"]
    lost = max(steady[number].lost for kind in found.values() for steady in kind)
    return (ROWS[number][0], *cells, f"{lost:.1f}")


if __name__ == "__main__":
    cli.run(main)
