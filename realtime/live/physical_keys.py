"""Keys by where they lie: names as on a US keyboard, whatever is printed on them.

Knows USB's numbers of keys (HID usage tables, page 7), which SDL has as scan codes, no window.
"""

from __future__ import annotations

from collections.abc import Callable

_LETTERS = {4 + n: chr(ord("a") + n) for n in range(26)}
_PLAIN = _LETTERS | dict(
    zip((*range(30, 40), *range(45, 50), *range(51, 57)), "1234567890-=[]\\;'`,./", strict=True)
)
_SHIFTED = {code: letter.upper() for code, letter in _LETTERS.items()} | dict(
    zip((*range(30, 40), *range(45, 50), *range(51, 57)), '!@#$%^&*()_+{}|:"~<>?', strict=True)
)
_NUMBER_PAD = dict(zip(range(84, 100), "/*-+\n1234567890.", strict=True)) | {88: "enter"}
_NAMED = {
    40: "enter",
    41: "esc",
    42: "backspace",
    43: "tab",
    44: "space",
    **{58 + n: f"f{n + 1}" for n in range(12)},
    73: "insert",
    74: "home",
    75: "pageup",
    76: "delete",
    77: "end",
    78: "pagedown",
    79: "right",
    80: "left",
    81: "down",
    82: "up",
}
_BESIDE_SHIFT = 100  # of keyboards with one key more, where it is < > more often than not


def key_name(code: int, shifted: bool) -> str | None:
    """Return the name of the key ``code``, None for one that has none.

    The number pad has digits and signs, whether Num Lock is on or not.
    """
    if code == _BESIDE_SHIFT:
        return ">" if shifted else "<"
    if name := _NAMED.get(code) or _NUMBER_PAD.get(code):
        return name
    return (_SHIFTED if shifted else _PLAIN).get(code)


def printed_labels(printed: Callable[[int], str]) -> dict[str, str]:
    """Return what to call the keys that have something else printed on them than US keyboards.

    printed: the character that a key gives without Shift, "" where that is none. What it gives
    with Shift is not known, so on keyboards of other languages signs are called by their key.
    Those of other scripts have Latin letters printed beside their own, and keep these names.
    """
    plain = {
        usual: found
        for code, usual in _PLAIN.items()
        if (found := printed(code)) != usual and found.isprintable() and "!" <= found <= "ÿ"
    }
    if not plain:
        return {}
    labels = dict(plain)
    for code, usual in _PLAIN.items():
        found = plain.get(usual, usual)
        labels[_SHIFTED[code]] = (
            found.upper() if found.isalpha() and usual.isalpha() else (f"Shift {found}")
        )
    return labels
