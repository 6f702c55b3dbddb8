"""What a painting shall look like: which styles, how strong, how broad the strokes.

Knows names and numbers, not pixels.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from engines import ModelFile, Models
from engines.canvas import MOST_STRENGTH
from engines.errors import UsageError
from engines.model_file import ORIGINAL

Mix = tuple[tuple[str, float], ...]
"""Names of styles and their weights, of any positive sum."""

STRENGTH_RANGE = (0.0, 1.0)
BRUSH_RANGE = (0.5, 2.0)
STABILITY_RANGE = (0.0, 1.0)
CANVAS_RANGE = (0.0, MOST_STRENGTH)
FACE_RANGE = (0.0, 1.0)
PAINTED_PARTS = ("all", "person", "background")
PAINTING, BLUR, PICTURE, ALPHA = "painting", "blur", "picture", "alpha"
"""What may be behind a person beside styles and colours: what --paint leaves there, the room out of
focus, the picture of --behind FILE, and nothing, where what is written keeps that."""
GRADE = "grade:"
"""In front of the file that frames are graded by, in -s."""
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
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
    paint: str = "all"
    """One of ``PAINTED_PARTS``: who or what is painted; the rest is as the frame has it."""
    behind: str = PAINTING
    """What is behind a person: a word such as ``PAINTING``, a colour, or a mix as text."""
    face: float = 1.0
    """0..1, how strongly faces are painted against the rest."""
    grade: str = ""
    """What frames are graded by before they are painted, "" for nothing."""
    grade_strength: float = 1.0
    """0..1, how strongly."""
    grade_parts: bool = False
    """Whether people are graded by people, and what is behind them by what is behind those."""
    grade_hold: bool = False
    """Whether the grade stays as it is, and does not go by what the frames look like any more."""

    def __post_init__(self) -> None:
        if self.paint not in PAINTED_PARTS:
            raise UsageError(f"--paint takes {', '.join(PAINTED_PARTS)}, not {self.paint!r}.")
        _check_range("--face", self.face, FACE_RANGE)
        _check_range("--strength", self.strength, STRENGTH_RANGE)
        _check_range("-s grade:FILE:NUMBER: the number", self.grade_strength, STRENGTH_RANGE)
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
    def behind_color(self) -> tuple[int, int, int] | None:
        """Red, green and blue, 0..255 each, of a colour behind a person; None for anything else."""
        if not _COLOUR.fullmatch(self.behind):
            return None
        red, green, blue = bytes.fromhex(self.behind[1:])
        return red, green, blue

    @property
    def behind_mix(self) -> Mix | None:
        """The mix of styles that is behind a person; None for anything else."""
        return mix_behind(self.behind)

    @property
    def sees_people(self) -> bool:
        """Whether it has to be found where people are."""
        painted = self.paint != "all" or self.behind != PAINTING or self.face != 1
        return painted or self.grades_parts

    @property
    def grades_parts(self) -> bool:
        """Whether people are graded otherwise than what is behind them."""
        return bool(self.grade) and self.grade_parts

    @property
    def label(self) -> str:
        """Short name for file names and the HUD, without weights: "great_wave+starry_night"."""
        if not self.grade:
            return "+".join(self.style_names)
        painted = [name for name in self.style_names if name != ORIGINAL]
        return "+".join([f"grade_{self.grade}", *painted])


def parse_mix(text: str) -> Mix:
    """Read ``great_wave`` or ``great_wave:0.6,starry_night:0.4``.

    A name without a weight has weight 1, the weights of a repeated name add up. A name may be that
    of a file, with commas and colons in it if it stands alone. Raises UsageError for an empty name
    and for a weight that is not a number.
    """
    if any(part.strip().startswith(GRADE) for part in text.split(",")):
        raise UsageError(f"{text!r}: a grade is given to -s alone, once, and holds for all.")
    if _is_file(text):
        return ((text, 1.0),)
    mix: dict[str, float] = {}
    for part in text.split(","):
        cut = part.partition if not _is_file(part.rpartition(":")[0]) else part.rpartition
        parts = (part, "", "") if _is_file(part.strip()) else cut(":")
        name, colon, weight = (piece.strip() for piece in parts)
        if not name:
            raise UsageError(f"-s {text!r}: a style's name is missing. Write it like {_EXAMPLE}")
        try:
            mix[name] = mix.get(name, 0.0) + (float(weight) if colon else 1.0)
        except ValueError:
            raise UsageError(
                f"-s {text!r}: {weight!r} is not a number. Write it like {_EXAMPLE}"
            ) from None
    return tuple(mix.items())


def split_grade(text: str) -> tuple[str, tuple[str, float] | None]:
    """Return what -s says without ``grade:FILE[:STRENGTH]``, and FILE and STRENGTH of that.

    ``original`` where nothing else is said; None without a grade. Raises UsageError for two.
    """
    if text.startswith(GRADE) and _is_file(text.removeprefix(GRADE)):
        return ORIGINAL, (text.removeprefix(GRADE), 1.0)
    parts = [part.strip() for part in text.split(",")]
    grades = [part.removeprefix(GRADE) for part in parts if part.startswith(GRADE)]
    if not grades:
        return text, None
    if len(grades) > 1:
        raise UsageError(f"-s {text!r}: has two grades. Frames are graded once, so name one.")
    others = ",".join(part for part in parts if not part.startswith(GRADE))
    file, _, strength = grades[0].rpartition(":")
    try:
        grade = (grades[0], 1.0) if _is_file(grades[0]) else (file, float(strength))
    except ValueError:
        grade = (grades[0], 1.0)
    if not grade[0]:
        raise UsageError(f"-s {text!r}: the grade's file is missing: -s grade:sunset.jpg:0.5")
    return others or ORIGINAL, grade


def _is_file(text: str) -> bool:
    try:
        return not text.isidentifier() and Path(text).is_file()
    except (OSError, ValueError):  # too long for a name, or with a zero in it
        return False


def mix_behind(behind: str) -> Mix | None:
    """Return the mix of styles that ``Look.behind`` is; None for anything else.

    Raises UsageError for what cannot be read.
    """
    if behind in (PAINTING, BLUR, PICTURE, ALPHA) or _COLOUR.fullmatch(behind):
        return None
    return parse_mix(behind)


def parse_behind(text: str) -> tuple[str, Path | None]:
    """Read --behind: return ``Look.behind``, and the file if that is a picture.

    Raises UsageError for what is nothing of what it may be.
    """
    allowed = (
        f"It is a style, or a blend such as {_EXAMPLE}, original, {BLUR}, {ALPHA}, a picture's "
        "file, or a colour such as #1a2b3c."
    )
    if text in (PAINTING, BLUR, ALPHA) or _COLOUR.fullmatch(text):
        return text, None
    path = Path(text)
    if path.is_file():
        return PICTURE, path
    if (path.suffix and ":" not in text) or path.name != text:
        raise UsageError(f"--behind {text}: there is no such file. {allowed}")
    if text.startswith("#") or text == PICTURE:
        raise UsageError(f"--behind {text}: is no colour and no style. {allowed}")
    try:
        parse_mix(text)
    except UsageError as error:
        raise UsageError(f"--behind {text!r} cannot be read. {allowed}") from error
    return text, None


class _Styles(Protocol):
    def find_style(self, text: str, /) -> str:
        """Return the name of the style that ``text`` means. Raises UnknownStyle."""


def name_styles(mix: Mix, styles: _Styles) -> Mix:
    """Return ``mix`` with the names that ``styles`` have for what a user has called them.

    Raises UnknownStyle.
    """
    named: dict[str, float] = {}
    for text, weight in mix:
        name = styles.find_style(text)
        named[name] = named.get(name, 0.0) + weight
    return tuple(named.items())


def mix_text(mix: Mix) -> str:
    """Return what ``parse_mix`` reads back, with weights of six digits."""
    return ",".join(f"{name}:{weight:g}" for name, weight in mix)


def style_vector(look: Look, models: Models) -> np.ndarray:
    """Return the style inputs of all ``models`` as one: (S,) float32, non-negative weights.

    Column 0 is the original, with weight 1 - strength. ``original`` may be part of the mix; its
    share then adds to column 0. Then comes what each model has beside that, as ``Engine.infer``
    takes it: the weights of its paintings and, of one that takes rows, the weight of those and the
    sum of them. All weights sum to 1; between two such vectors lies a fade, from model to model
    too. Raises UnknownStyle for a name that ``models`` lack, UsageError for a mix of two of them.
    """
    model = models.model_of(look.style_names)
    own, row = model.own_styles, np.zeros(model.row_length, np.float64)
    weights = np.zeros(_weights(model), np.float64)
    total = sum(weight for _, weight in look.mix)
    for name, weight in look.mix:
        column, share = model.index(name), look.strength * weight / total
        weights[min(column, own)] += share
        if column >= own:
            row += share * model.rows[column - own].row
    weights[0] += 1.0 - look.strength
    vector = np.zeros(1 + sum(map(_width, models.files)), np.float64)
    vector[0], vector[_place(model, models)] = weights[0], np.concatenate([weights[1:], row])
    return vector.astype(np.float32)


def paint_alone(vector: np.ndarray, models: Models) -> np.ndarray:
    """Return a ``style_vector`` without the original's share, its weights of sum 1 again."""
    painted = sum(_painted(vector, model, models) for model in models.files)
    alone: np.ndarray = (vector / painted).astype(np.float32)
    alone[0] = 0
    return alone


def by_model(vector: np.ndarray, models: Models) -> list[tuple[ModelFile, float, np.ndarray]]:
    """Return which models paint a ``style_vector``: each with its share and its own style input.

    These are without the original's share; where the original alone is seen, there is none.
    """
    shares = [(model, _painted(vector, model, models)) for model in models.files]
    painting = [(model, share) for model, share in shares if share > 0]
    parts = []
    for model, share in painting:
        part = vector[_place(model, models)]
        # Not where it is one alone: what is 1 but for rounding would round once more.
        part = part if len(painting) == 1 else part / share
        parts.append((model, float(share), np.append(np.zeros(1, np.float32), part)))
    return parts


def _painted(vector: np.ndarray, model: ModelFile, models: Models) -> np.floating[Any]:
    """Return the sum of the weights that a ``style_vector`` has for paintings of ``model``."""
    first = _place(model, models).start
    painted: np.floating[Any] = vector[first : first + _weights(model) - 1].sum()
    return painted


def _weights(model: ModelFile) -> int:
    """Return how many weights stand at the beginning of a model's style input."""
    return model.own_styles + bool(model.row_length)


def _width(model: ModelFile) -> int:
    """Return how many columns of a ``style_vector`` are one model's."""
    return _weights(model) - 1 + model.row_length


def _place(model: ModelFile, models: Models) -> slice:
    """Return which columns of a ``style_vector`` are those of ``model``, one of ``models``."""
    at = [file.path for file in models.files].index(model.path)
    first = 1 + sum(map(_width, models.files[:at]))
    return slice(first, first + _width(model))


@dataclass(frozen=True, eq=False)
class Layers:
    """A look as numbers that fade: what people are painted with, and what is behind them.

    Each field has a ``Fade`` of its own.
    """

    person_style: np.ndarray
    """float32, the ``style_vector`` of people at full strength."""
    behind_style: np.ndarray
    """The same of what is behind them; that of people where no painting is behind them."""
    backdrop: float
    """0..1, how far a blur, a colour or a picture has taken the place of what is behind them."""
    strength: float
    """0..1, as ``Look.strength``; so are the next three."""
    face: float
    canvas: float
    stability: float
    grade: Mapping[str, float] = field(default_factory=dict)
    """By the names of grades, how strongly frames are graded, of a sum of 1 at most."""

    def painted_by(self, models: Models) -> list[ModelFile]:
        """Return those of ``models`` that have to paint it, at any strength."""
        vectors = (self.person_style, self.behind_style)
        painting = [model for vector in vectors for model, *_ in by_model(vector, models)]
        return list({model.path: model for model in painting}.values())

    @property
    def person(self) -> np.ndarray:
        """The ``style_vector`` of people."""
        return _weakened(self.person_style, self.strength)

    @property
    def behind(self) -> np.ndarray:
        """That of what is behind them."""
        return _weakened(self.behind_style, self.strength)

    @property
    def painted(self) -> tuple[float, float]:
        """How much of people is painted, and of what is behind them, 0..1 each."""
        return 1 - float(self.person[0]), 1 - float(self.behind[0])

    @property
    def is_one(self) -> bool:
        """Whether the same is painted everywhere, so that nobody has to be found."""
        alike = np.array_equal(self.person, self.behind)
        return bool(alike and self.backdrop == 0 and self.face == 1)


Part = float | np.ndarray | Mapping[str, float]
"""A field of ``Layers``."""


@dataclass(frozen=True)
class Fade:
    """Of one part of a look to another value."""

    before: Part
    after: Part
    start_s: float
    """On the caller's clock."""
    length_s: float

    @property
    def end_s(self) -> float:
        """When it has come there."""
        return self.start_s + self.length_s

    def at(self, now_s: float) -> Any:
        """Return the part at ``now_s``."""
        if now_s >= self.end_s:
            return self.after
        t = max(0.0, (now_s - self.start_s) / self.length_s)
        # Smoothstep: no jump in speed at either end.
        return _between(self.before, self.after, t * t * (3 - 2 * t))

    def towards(self, after: Part, length_s: float, now_s: float) -> Fade:
        """Return the fade to ``after`` from where this one is; this one, if it goes there so."""
        if self.length_s == length_s and bool(np.all(self.after == after)):
            return self
        return Fade(self.at(now_s), after, now_s, length_s)


def _between(before: Any, after: Any, share: float) -> Any:
    """Return the part that lies between two of a kind, ``share`` of the way from ``before``."""
    if isinstance(after, Mapping):
        names = dict.fromkeys([*before, *after])
        return {
            name: _between(before.get(name, 0.0), after.get(name, 0.0), share) for name in names
        }
    step = np.float32(share) if isinstance(after, np.ndarray) else share
    return before + step * (after - before)


def layers_of(look: Look, models: Models) -> Layers:
    """Return ``look`` as numbers. Raises UnknownStyle and UsageError as ``style_vector`` does."""
    full = replace(look, strength=1.0)
    painted = style_vector(full, models)
    original = np.eye(1, len(painted), dtype=np.float32)[0]
    person = original if look.paint == "background" else painted
    if look.behind == PAINTING:
        behind, backdrop = (original if look.paint == "person" else painted), 0.0
    elif (mix := look.behind_mix) is not None:
        behind, backdrop = style_vector(replace(full, mix=mix, behind=PAINTING), models), 0.0
    else:
        behind, backdrop = person, 1.0
    graded = look.grade and look.grade_strength > 0
    grade = {look.grade: look.grade_strength} if graded else {}
    return Layers(
        person, behind, backdrop, look.strength, look.face, look.canvas, look.stability, grade
    )


def _weakened(style: np.ndarray, strength: float) -> np.ndarray:
    """Return a ``style_vector`` of full strength at ``strength``."""
    if strength == 1:
        return style
    vector: np.ndarray = style * np.float32(strength)
    vector[0] += np.float32(1 - strength)
    return vector


def _check_range(flag: str, value: float, allowed: tuple[float, float]) -> None:
    if not allowed[0] <= value <= allowed[1]:  # written so that NaN fails too
        raise UsageError(
            f"{flag} must lie between {allowed[0]:g} and {allowed[1]:g}, not {value:g}."
        )
