"""What a painting shall look like: which styles, how strong, how broad the strokes.

Knows names and numbers, not pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engines import ModelFile
from engines.canvas import MOST_STRENGTH
from engines.errors import UsageError

Mix = tuple[tuple[str, float], ...]
"""Names of styles and their weights, of any positive sum."""

STRENGTH_RANGE = (0.0, 1.0)
BRUSH_RANGE = (0.5, 2.0)
STABILITY_RANGE = (0.0, 1.0)
CANVAS_RANGE = (0.0, MOST_STRENGTH)
_EXAMPLE = "great_wave:0.6,starry_night:0.4"


@dataclass(frozen=True)
class Look:
    """One look. Raises UsageError, naming the flag, for numbers out of range."""

    mix: Mix
    strength: float = 1.0
    """0..1; at 0 the frame is untouched."""
    brush: float = 1.0
    """0.5..2, breadth of the strokes; at 1 they look as at 480 lines, at 2 twice as broad."""
    keep_color: bool = False
    """Whether only the brightness is taken from the painting."""
    stability: float = 0.0
    """0..1, how much still areas are held still."""
    denoise: bool = True
    """Whether the network is spared the noise of the camera."""
    canvas: float = 1.0
    """0..1.5, how rough the canvas is that even areas are painted from; 1 is as a style is made."""
    canvas_seed: int = 1
    """Which canvas it is."""

    def __post_init__(self) -> None:
        _check_range("--strength", self.strength, STRENGTH_RANGE)
        _check_range("--brush", self.brush, BRUSH_RANGE)
        _check_range("--stability", self.stability, STABILITY_RANGE)
        _check_range("--canvas", self.canvas, CANVAS_RANGE)
        if not 0 <= self.canvas_seed < 2**31:
            raise UsageError(
                f"--canvas-seed must be a whole number of 0 to {2**31 - 1}, not {self.canvas_seed}."
            )
        for name, weight in self.mix:
            if not (math.isfinite(weight) and weight >= 0):
                raise UsageError(
                    f"-s: the weight of {name} must be a number of at least 0, not {weight:g}."
                )
        if not sum(weight for _, weight in self.mix) > 0:
            raise UsageError(
                f"-s: at least one style must have a weight above 0, for example -s {_EXAMPLE}"
            )

    @property
    def style_names(self) -> list[str]:
        """The names in the mix, in its order."""
        return [name for name, _ in self.mix]

    @property
    def label(self) -> str:
        """Short name for file names and the HUD, without weights: "great_wave+starry_night"."""
        return "+".join(self.style_names)


def parse_mix(text: str) -> Mix:
    """Read ``great_wave`` or ``great_wave:0.6,starry_night:0.4``.

    A name without a weight has weight 1, the weights of a repeated name add up. Raises UsageError
    for an empty name and for a weight that is not a number.
    """
    mix: dict[str, float] = {}
    for part in text.split(","):
        name, colon, weight = (piece.strip() for piece in part.partition(":"))
        if not name:
            raise UsageError(f"-s {text!r}: a style's name is missing. Write it like {_EXAMPLE}")
        try:
            mix[name] = mix.get(name, 0.0) + (float(weight) if colon else 1.0)
        except ValueError:
            raise UsageError(
                f"-s {text!r}: {weight!r} is not a number. Write it like {_EXAMPLE}"
            ) from None
    return tuple(mix.items())


def mix_text(mix: Mix) -> str:
    """Return what ``parse_mix`` reads back, with weights of six digits."""
    return ",".join(f"{name}:{weight:g}" for name, weight in mix)


def style_vector(look: Look, model: ModelFile) -> np.ndarray:
    """Return the engine's style input: (S,) float32, non-negative, of sum 1.

    Column 0 is the original, with weight 1 - strength. ``original`` may be part of the mix; its
    share then adds to column 0. Raises UnknownStyle for a name that ``model`` lacks.
    """
    vector = np.zeros(len(model.styles), np.float64)
    total = sum(weight for _, weight in look.mix)
    for name, weight in look.mix:
        vector[model.index(name)] += look.strength * weight / total
    vector[0] += 1.0 - look.strength
    return vector.astype(np.float32)


def _check_range(flag: str, value: float, allowed: tuple[float, float]) -> None:
    if not allowed[0] <= value <= allowed[1]:  # written so that NaN fails too
        raise UsageError(
            f"{flag} must lie between {allowed[0]:g} and {allowed[1]:g}, not {value:g}."
        )
