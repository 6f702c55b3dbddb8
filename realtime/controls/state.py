"""What can be controlled in the live view, as one value that is replaced as a whole.

Knows nothing of windows, threads or pixels.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from engines.model_file import ORIGINAL
from engines.models import say_apart
from engines.style import Style, match_style
from realtime.controls.film import Film
from realtime.controls.values import Value
from realtime.look import Look, Mix

BANK_SIZE = 9
COMPARE_MODES = ("off", "split", "side by side")
BEATS_RANGE = (1, 64)
PRESETS_RANGE = (1, 8)
Preset = tuple[tuple[str, Value], ...]
"""Commands and the values that they had."""
Fades = tuple[tuple[str, float], ...]
"""Commands and the seconds that each fades in, by itself."""
LONGEST_TEXT = 200
HUD_STEPS = ("short", "all", "off")
FADE_RANGE_S = (0.0, 10.0)
# WCAG 2.3.1 allows three flashes a second; one change of style a second cannot come near it,
# whatever the two styles are.
CYCLE_RANGE_S = (1.0, 600.0)
DIVIDER_RANGE = (0.05, 0.95)
_ROMAN = re.compile(r"[ivx]{2,}")


@dataclass(frozen=True)
class StyleGroup:
    """Styles of one model, which blend with each other."""

    model: str
    """Its name."""
    styles: tuple[str, ...]
    """Its paintings."""
    takes_pictures: bool = False
    """Whether what is made from a picture joins them."""


@dataclass(frozen=True)
class State:
    """Everything that can be controlled."""

    styles: tuple[str, ...]
    """The models' paintings in order, without the original."""
    look: Look
    bank: int = 0
    """Which nine of the styles the digits mean, from 0."""
    blending: bool = False
    """Whether digits add to the mix instead of replacing it."""
    fade_s: float = 0.4
    cycling: bool = False
    """Whether a new style comes every ``cycle_s``."""
    cycle_s: float = 8.0
    mirror: bool = False
    frozen: bool = False
    compare: str = "off"
    """One of ``COMPARE_MODES``."""
    divider: float = 0.5
    """Where the line of the split comparison lies, as a share of the picture's width."""
    strip: bool = False
    """Whether thumbnails of the bank's styles are shown."""
    sheet: bool = False
    """Whether thumbnails of all styles are shown instead of the painting."""
    hud: str = "short"
    """How much is told of what goes on, one of ``HUD_STEPS``."""
    help: bool = False
    fullscreen: bool = False
    fill: bool = False
    """Whether the picture fills the window, its edges cut off, where the shapes differ."""
    quit: bool = False
    asked: bool = False
    """Whether the newest command was to quit, and asked whether that was meant."""
    recording: bool = False
    on_air: bool = False
    """Whether other programs have the picture, so that its end would be seen."""
    snapshots: int = 0
    """How many snapshots have been asked for so far."""
    grabs: int = 0
    """How often the source's picture was asked to become a style so far."""
    grade_grabs: int = 0
    """How often the source's picture was asked to become the grade so far."""
    keeps: int = 0
    """How often the style was asked to be kept so far."""
    refining: bool = False
    """Whether the row of the picture that is the style is trained on beside the show."""
    said: str = ""
    """The answer to the newest command."""
    said_count: int = 0
    """Counts the answers: tells a repeated answer from an old one."""
    has_picture: bool = False
    """Whether there is a picture that may be behind a person."""
    painting: tuple[tuple[str, float], ...] = ()
    """The mix to which ``original`` goes back."""
    black: bool = False
    """Whether the picture is black, for everybody who sees it."""
    black_fade_s: float = 0.0
    """How long the newest change from or to black takes."""
    text: str = "{clock}"
    """What is written over the painting where ``captioned``, as caption.py beside this reads it."""
    captioned: bool = False
    taps: int = 0
    """How often the beat has been tapped so far."""
    beat_s: float | None = None
    """From beat to beat, as it was tapped; None: it was not."""
    beats: int = 8
    """How many beats each style stays, once they were tapped."""
    storing: bool = False
    """Whether the next preset that is asked for is stored instead."""
    presets: tuple[tuple[int, Preset], ...] = ()
    """By their numbers."""
    preset_fades: tuple[tuple[int, Fades], ...] = ()
    """By the numbers of presets, what of them fades by itself when they are brought back."""
    own_fades: Fades = ()
    """Of the numbers that were set last with seconds of their own."""
    under_way: tuple[tuple[str, float], ...] = ()
    """How far those have come that fade by themselves; ``look`` has where they go."""
    about: tuple[Style, ...] = ()
    """What the models say of their styles, the original included."""
    groups: tuple[StyleGroup, ...] = ()
    """Which of the styles blend; (): all do."""
    favourites: tuple[str, ...] = ()
    """The styles that come first, where a model has them."""
    film: Film | None = None
    """What plays, where the source is a film."""
    performed: int = 0
    """Counts the commands: tells with which of them a frame was painted."""

    @property
    def number(self) -> int:
        """The number, from 1, of the heaviest painting in the mix; 0 for the original alone."""
        paintings = [part for part in self.look.mix if part[0] in self.styles]
        if not paintings:
            return 0
        return self.styles.index(max(paintings, key=lambda part: part[1])[0]) + 1

    @property
    def strength(self) -> float:
        """How strong the painting is by now, where that fades by itself."""
        return dict(self.under_way).get("strength", self.look.strength)

    @property
    def banks(self) -> int:
        """How many banks the styles fill."""
        return max(1, math.ceil(len(self.styles) / BANK_SIZE))

    @property
    def bank_styles(self) -> tuple[str, ...]:
        """The styles that the digits mean now, at most nine."""
        return self.styles[self.bank * BANK_SIZE : (self.bank + 1) * BANK_SIZE]

    def title(self, name: str) -> str:
        """Return a style's title for people; of one without, its name in words."""
        titles = (style.title for style in self.about if style.name == name != ORIGINAL)
        return next(filter(None, titles), spoken(name))

    def blend_problem(self, mix: Mix) -> str:
        """Return why ``mix`` cannot be painted, "" if it can: its styles are of two models."""
        grouped = {name for group in self.groups for name in group.styles}
        names = [name for name, _ in mix if name in grouped]
        if not names or any({*names} <= {*group.styles} for group in self.groups):
            return ""
        return say_apart(names, [(group.model, group.styles) for group in self.groups])

    def find_style(self, text: str) -> str:
        """Return the name of the style that ``text`` means, ``original`` included.

        Raises UnknownStyle.
        """
        known = self.about or tuple(map(Style, (ORIGINAL, *self.styles)))
        return match_style(text, known)


def spoken(style: str) -> str:
    """Return a style's name for people.

    great_wave becomes Great Wave, composition_vii Composition VII.
    """
    return " ".join(_capitalize(word) for word in style.replace("-", "_").split("_"))


def _capitalize(word: str) -> str:
    if _ROMAN.fullmatch(word):
        return word.upper()
    return word.capitalize() if word.islower() else word
