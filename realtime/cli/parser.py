"""The parser of both programs' command lines: what is wrong is one line that says what to type."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from engines.errors import UsageError

# The last two are the application's, which needs no Python.
_INSTALLED = ("livebrush", "livebrush-video", "Livebrush", "Livebrush stylize")
_NO_NUMBER = re.compile(r"argument (\S+): invalid (int|float) value: (.*)")
_UNKNOWN = "unrecognized arguments: "


class Parser(argparse.ArgumentParser):
    """Raises UsageError where argparse would print its usage and leave.

    ``script``: the program's file, by which it is called where it is not installed. Texts may have
    %(prog)s in them.
    """

    def __init__(self, script: str, **options: Any) -> None:
        name = Path(sys.argv[0]).stem
        super().__init__(
            prog=name if name in _INSTALLED else f"python {script}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **options,
        )

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Do as argparse does, but refuse -style, which it would read as -s tyle."""
        words = list(sys.argv[1:] if args is None else args)
        for word in words[: words.index("--") if "--" in words else None]:
            long = f"-{word.partition('=')[0]}"
            if len(long) > 3 and long in self._option_string_actions:
                self.error(f"{word}: flags have two dashes, {long}")
        return super().parse_known_args(words, namespace)

    def error(self, message: str) -> NoReturn:
        """Raise UsageError with argparse's ``message`` in our words."""
        if found := _NO_NUMBER.fullmatch(message):
            flag, kind, value = found.groups()
            number = "whole number" if kind == "int" else "number, such as 0.8"
            message = f"{flag.rpartition('/')[2]}: {value} is not a {number}"
        elif message.startswith(_UNKNOWN):
            message = self._say_unknown(message.removeprefix(_UNKNOWN))
        message = message.removeprefix("argument ")
        end = "" if message.endswith(("?", ".")) else "."
        raise UsageError(f"{message}{end} `{self.prog} --help` shows all flags.")

    def _say_unknown(self, words: str) -> str:
        flags = [word.partition("=")[0] for word in words.split() if word.startswith("-")]
        if not flags:
            takes = [action.metavar for action in self._actions if not action.option_strings]
            hint = "" if takes else " A style is asked for with -s, a file or camera with --source"
            return f"{words}: stands there without a flag.{hint}"
        close = difflib.get_close_matches(flags[0], self._option_string_actions, n=1, cutoff=0.6)
        return f"there is no flag {flags[0]}" + (f". Did you mean {close[0]}?" if close else "")
