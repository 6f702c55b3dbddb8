"""Whose licence a network has: what its file says, before what the repository around it says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from engines.errors import ExportError, printable

NOT_STATED = "not stated"
_FORBIDS = re.compile(
    r"non-?\s?commercial|personal|research|academic|educational|\bNC\b|-NC\b|all rights reserved",
    re.IGNORECASE,
)
_ALLOWS = re.compile(
    r"\bMIT\b|Apache|\bBSD\b|\bISC\b|\bCC0\b|\bCC[- ]BY\b|public domain|Unlicense|\bzlib\b"
    r"|\bMPL\b|\bGPL\b|\bLGPL\b|\bAGPL\b",
    re.IGNORECASE,
)
_FAMILIES = (
    ("CC BY-NC-SA", r"Attribution-NonCommercial-ShareAlike"),
    ("CC BY-NC", r"Attribution-NonCommercial"),
    ("Apache-2.0", r"Apache License"),
    ("AGPL", r"GNU AFFERO GENERAL PUBLIC"),
    ("LGPL", r"GNU LESSER GENERAL PUBLIC"),
    ("GPL", r"GNU GENERAL PUBLIC"),
    ("MPL-2.0", r"Mozilla Public License"),
    ("BSD", r"Redistribution and use in source and binary forms"),
    ("MIT", r"Permission is hereby granted, free of charge"),
    ("CC0", r"CC0 1\.0|Creative Commons Zero"),
)
_MOST_TEXT = 200


@dataclass(frozen=True)
class Licence:
    """A licence and who says so."""

    text: str
    said_by: str
    """Such as "the file" or "LICENSE beside it"."""

    def __str__(self) -> str:
        return f"{self.text} ({self.said_by})" if self.said_by else self.text

    @property
    def allows_commerce(self) -> bool:
        """Whether it is known to, and says nothing against it."""
        return bool(_ALLOWS.search(self.text)) and not _FORBIDS.search(self.text)


def find_licence(path: Path, in_file: str, given: str | None, terms: str) -> Licence:
    """Return the licence of the network in ``path``.

    in_file: what the file says, "" for nothing. given: what the user says. terms: what is known of
    all networks of this layout, "" for nothing; it stands beside what a repository says.
    """
    if in_file:
        return Licence(_short(in_file), "the file says so")
    if given:
        return Licence(_short(given), "as given")
    beside = _find_beside(path)
    if beside and terms:
        return Licence(f"{beside.text}; {terms}", beside.said_by)
    return beside or Licence(terms or NOT_STATED, "its layout" if terms else "")


def require_commercial(licence: Licence, path: Path) -> None:
    """Raise ExportError unless the licence is known to allow commercial use."""
    if licence.allows_commerce:
        return
    if licence.text == NOT_STATED:
        raise ExportError(
            f"{path}: states no licence, and --commercial-only takes none without. If you have it "
            "from its maker, type for example --licence MIT."
        )
    raise ExportError(
        f"{path}: its licence is {licence}, which --commercial-only does not take. Nothing was "
        "written."
    )


def _find_beside(path: Path) -> Licence | None:
    """Return what LICENSE says in the file's folder, or above it in the same repository."""
    folders = [path if path.is_dir() else path.parent]
    above = list(folders[0].resolve().parents)
    roots = [i for i, folder in enumerate(above) if (folder / ".git").exists()]
    folders += above[: roots[0] + 1] if roots else []
    for folder in folders:
        for name in ("LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "COPYING"):
            if (folder / name).is_file():
                text = (folder / name).read_text("utf-8", "replace")[:20_000]
                flat = " ".join(text.split())
                known = (short for short, mark in _FAMILIES if re.search(mark, flat, re.IGNORECASE))
                return Licence(next(known, _short(flat)), f"{name} beside it")
    return None


def _short(text: str) -> str:
    flat = " ".join(printable(text).split())
    return flat if len(flat) <= _MOST_TEXT else flat[: _MOST_TEXT - 1] + "…"
