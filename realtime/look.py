"""What a painting shall look like: which styles, how strong, how broad the strokes.

Knows names and numbers, not pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engines import ModelFile
from engines.errors import UsageError

STRENGTH_RANGE = (0.0, 1.0)
BRUSH_RANGE = (0.5, 2.0)
STABILITY_RANGE = (0.0, 1.0)


@dataclass(frozen=True)
class Look:
    """One look.

    ``mix``: style names and weights, of any positive sum; ``strength`` 0 is the untouched frame;
    ``brush`` 1 is the look that the style has at 480 lines, 2 is twice as broad; ``keep_color``
    takes only the brightness from the painting; ``stability`` holds still areas still; ``denoise``
    spares the network the noise of the camera.

    Raises UsageError, naming the flag, for numbers out of range.
    """

    mix: tuple[tuple[str, float], ...]
    strength: float = 1.0
    brush: float = 1.0
    keep_color: bool = False
    stability: float = 0.0
    denoise: bool = True

    def __post_init__(self) -> None:
        _check_range("--strength", self.strength, STRENGTH_RANGE)
        _check_range("--brush", self.brush, BRUSH_RANGE)
        _check_range("--stability", self.stability, STABILITY_RANGE)
        for name, weight in self.mix:
            if not (math.isfinite(weight) and weight >= 0):
                raise UsageError(
                    f"-s: the weight of {name} must be a number of at least 0, not {weight:g}."
                )
        if not sum(weight for _, weight in self.mix) > 0:
            raise UsageError(
                "-s: at least one style must have a weight above 0, for example -s great_wave:0.6,starry_night:0.4"
            )

    @property
    def style_names(self) -> list[str]:
        return [name for name, _ in self.mix]

    @property
    def label(self) -> str:
        """Short name for file names and the HUD, without weights: "great_wave" or
        "great_wave+starry_night".
        """
        return "+".join(self.style_names)


def parse_mix(text: str) -> tuple[tuple[str, float], ...]:
    """``great_wave`` or ``great_wave:0.6,starry_night:0.4``; a name without a weight has weight 1,
    a repeated name adds up.

    Raises UsageError for an empty name and for a weight that is not a number.
    """
    mix: dict[str, float] = {}
    for part in text.split(","):
        name, colon, weight = (piece.strip() for piece in part.partition(":"))
        if not name:
            raise UsageError(
                f"-s {text!r}: a style's name is missing. Write it like great_wave:0.6,starry_night:0.4"
            )
        try:
            mix[name] = mix.get(name, 0.0) + (float(weight) if colon else 1.0)
        except ValueError:
            raise UsageError(
                f"-s {text!r}: {weight!r} is not a number. Write it like great_wave:0.6,starry_night:0.4"
            ) from None
    return tuple(mix.items())


def mix_text(mix: tuple[tuple[str, float], ...]) -> str:
    """What ``parse_mix`` reads back."""
    return ",".join(f"{name}:{weight:g}" for name, weight in mix)


def style_vector(look: Look, model: ModelFile) -> np.ndarray:
    """The engine's style input: (S,) float32, non-negative, sum 1, column 0 the original with
    weight 1 - strength.

    ``original`` may be part of the mix; its share then adds to column 0. Raises UnknownStyle for a
    name that ``model`` lacks.
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
