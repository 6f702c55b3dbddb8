"""One painting's entry in a model file, and how a user's words for it are understood."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from engines.errors import UnknownStyle, printable

STYLE_NAME = re.compile(r"[a-z0-9][a-z0-9_+-]{0,63}")
MAX_TEXT = 300
_FEWEST_LETTERS = 3  # fewer are the beginning of too much


@dataclass(frozen=True)
class Style:
    """One column of the style vector, and the picture that it comes from."""

    name: str
    title: str = ""
    artist: str = ""
    year: str = ""
    licence: str = ""
    source: str = ""


def check_style(style: Style) -> None:
    """Raise ValueError for a style that may not be shown.

    Names become parts of file names and of commands, and all of it is shown: so names have small
    letters and digits only, and texts no control characters.
    """
    for value in vars(style).values():
        if not isinstance(value, str) or len(value) > MAX_TEXT or printable(value) != value:
            raise ValueError(f"not a text of at most {MAX_TEXT} characters: {value!r}")
    if not STYLE_NAME.fullmatch(style.name):
        raise ValueError(f"a style's name is small letters, digits, _, + and -, not {style.name!r}")


def match_style(text: str, styles: Iterable[Style]) -> str:
    """Return the name of the style that ``text`` means.

    That is its name, its title, or anything that only one of ``styles`` has: words of its name, its
    title and its artist's name, which may be cut short. Capitals, accents, spaces and signs do not
    matter. Raises UnknownStyle, with the close names or with all that match.
    """
    known: dict[str, Style] = {}
    for style in styles:  # of equal names, the first
        known.setdefault(style.name, style)
    if text in known:
        return text
    wanted = _squash(text)
    tests: tuple[Callable[[Style], bool], ...] = (
        lambda style: wanted in (_squash(style.name), _squash(style.title), _without_the(style)),
        lambda style: any(
            _has_words(wanted, phrase) for phrase in (style.name, style.title, style.artist)
        ),
        lambda style: _has_each_word(text, f"{style.name} {style.title} {style.artist}"),
    )
    for test in tests if len(wanted) >= _FEWEST_LETTERS else ():
        found = sorted(name for name, style in known.items() if test(style))
        if len(found) == 1:
            return found[0]
        if found:
            raise UnknownStyle(f"{text!r} may be {', '.join(found[:-1])} or {found[-1]}.")
    raise UnknownStyle(say_unknown(text, list(known)))


def say_unknown(name: str, known: Sequence[str], what: str = "style") -> str:
    """Return what to say of a name that is none of ``known``, with the close ones first."""
    names = list(dict.fromkeys(known))
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
    hint = f"Did you mean {' or '.join(close)}? " if close else ""
    return f"there is no {what} {name!r}. {hint}There are: {', '.join(names)}."


def _squash(text: str) -> str:
    """Return the letters and digits alone, small and without accents."""
    return "".join(_words(text))


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return "".join(c if c.isalnum() else " " for c in plain).split()


def _without_the(style: Style) -> str:
    return _squash(style.title).removeprefix("the")


def _has_words(wanted: str, phrase: str) -> bool:
    words = _words(phrase)
    rests = ("".join(words[first:]) for first in range(len(words)))
    return any(rest.startswith(wanted) for rest in rests)


def _has_each_word(text: str, phrase: str) -> bool:
    words = _words(phrase)
    return all(any(word.startswith(part) for word in words) for part in _words(text))
