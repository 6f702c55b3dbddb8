"""Which key performs which command: from the table of commands and the user's TOML file."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import platformdirs

from engines.errors import UsageError
from engines.folders import APP
from realtime.controls.commands import COMMANDS, perform
from realtime.controls.state import State
from realtime.controls.values import Nothing, Value

NAMED_KEYS = (
    *("left", "right", "up", "down", "pageup", "pagedown", "home", "end", "insert", "delete"),
    *("space", "tab", "enter", "esc", "backspace"),
    *(f"f{n}" for n in range(1, 13)),
)
# Where digits need Shift, people hold it.
_DIGITS = dict(zip("!@#$%^&*()", "1234567890", strict=True))
_LABELS = {"left": "←", "right": "→", "up": "↑", "down": "↓", "pageup": "PgUp", "pagedown": "PgDn"}
_USUAL: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Keymap:
    """What each key means."""

    bound: dict[str, tuple[str, Value]]
    """Key name -> command and the value that it sends, in the order of the help card."""

    def find(self, key: str) -> tuple[str, Value] | None:
        """Return what a key does; what a digit does, for one with Shift that does nothing else."""
        return self.bound.get(key) or self.bound.get(_DIGITS.get(key, ""))

    def press(self, state: State, key: str) -> State:
        """Return the state after a key of the keyboard; one without a command changes nothing."""
        found = self.find(key)
        return perform(state, *found) if found else state

    def key_of(self, command: str, printed: Mapping[str, str] = _USUAL) -> str:
        """Return the first key that performs a command, as it is labelled; "" if none does.

        printed: what is printed on the keys that US keyboards have otherwise, by their names.
        """
        keys = (_label(key, printed) for key, (name, _) in self.bound.items() if name == command)
        return next(keys, "")

    def help_rows(self, printed: Mapping[str, str] = _USUAL) -> list[tuple[str, str]]:
        """Return the help card: keys and what they do, a row for each help line of the table.

        printed: as for ``key_of``.
        """
        rows: dict[str, dict[str, list[str]]] = {}
        for command in COMMANDS.values():
            usual = {value for _, value in command.keys}
            for key, (name, value) in self.bound.items():
                if name == command.name:
                    text = (
                        command.help
                        if value is None or value in usual
                        else f"{command.name} {value}"
                    )
                    rows.setdefault(text, {}).setdefault(name, []).append(_label(key, printed))
        return [(_label_keys(list(commands.values())), text) for text, commands in rows.items()]


def default_keymap() -> Keymap:
    """Return the keys of the table.

    Raises ValueError if two commands want the same key, which is a mistake in the table.
    """
    bound: dict[str, tuple[str, Value]] = {}
    for command in COMMANDS.values():
        for key, value in command.keys:
            if key in bound:
                raise ValueError(
                    f"the key {key!r} is bound to {bound[key][0]} and to {command.name}"
                )
            bound[key] = (command.name, value)
    return Keymap(bound)


def user_keys_file() -> Path:
    """Return where the user's keys are looked for."""
    return user_folder() / "keys.toml"


def user_folder() -> Path:
    """Return the folder of what users write themselves; ``LIVEBRUSH_CONFIG`` overrides it."""
    return Path(os.environ.get("LIVEBRUSH_CONFIG") or platformdirs.user_config_dir(APP))


def keymap_from(path: Path | None) -> Keymap:
    """Return the table's keys with those of the TOML file over them.

    The file: ``[keys]``, then lines such as ``x = "snapshot"``, ``y = "style starry_night"``, or
    ``q = ""`` for a key that shall do nothing. Without ``path`` the user's file, if any.

    Raises UsageError for a file that cannot be read, and for a key or command that there is not.
    """
    file = path or user_keys_file()
    if path is None and not file.exists():
        return default_keymap()
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # the latter for what is no UTF-8, and no TOML
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{file}: cannot be read ({reason}).") from error
    keys = content.get("keys")
    if not isinstance(keys, dict) or len(content) > 1:
        raise UsageError(f'{file}: must hold one table, [keys], with lines such as  x = "snapshot"')
    bound = dict(default_keymap().bound)
    for key, action in keys.items():
        name = key if len(key) == 1 else key.lower()
        if len(key) != 1 and name not in NAMED_KEYS:
            raise UsageError(
                f"{file}: there is no key {key!r}. "
                f"Keys are single characters, or {', '.join(NAMED_KEYS)}."
            )
        bound.pop(name, None)
        if action != "":
            bound[name] = parse_action(file, key, action)
    return Keymap(bound)


def parse_action(file: Path, key: str, action: object) -> tuple[str, Value]:
    """Read the command and its value that ``key`` has in ``file``. Raises UsageError."""
    name, _, text = action.partition(" ") if isinstance(action, str) else (str(action), "", "")
    command = COMMANDS.get(name)
    if command is None:
        close = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise UsageError(
            f"{file}: {key}: there is no command {name!r}.{hint} There are: {', '.join(COMMANDS)}."
        )
    if text and isinstance(command.values, Nothing):
        raise UsageError(f"{file}: {key}: {name} takes no value.")
    try:
        return name, command.accept(text.strip() or None)
    except ValueError as error:
        raise UsageError(f"{file}: {key}: {error}.") from error


def _label(key: str, printed: Mapping[str, str]) -> str:
    return printed.get(key) or _LABELS.get(key, key.capitalize() if key[1:] else key)


def _label_keys(commands: list[list[str]]) -> str:
    """Return the keys of the commands that share a row, each command's in one list.

    The first keys of all stand together, then the second ones, as in "← → · p n".
    """
    if len(commands) == 1 and len(commands[0]) > 3:
        return f"{commands[0][0]} - {commands[0][-1]}"
    if len({len(keys) for keys in commands}) > 1:
        return "  /  ".join(" ".join(keys) for keys in commands)
    return "  ·  ".join(" ".join(keys) for keys in zip(*commands, strict=True))
