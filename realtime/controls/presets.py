"""Presets in a TOML file: a table for each number, with commands and their values."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from engines.atomic_write import atomic_write
from engines.errors import SinkError, UsageError
from realtime.controls.commands import COMMANDS
from realtime.controls.keys import user_folder
from realtime.controls.state import PRESETS_RANGE, Preset

Presets = tuple[tuple[int, Preset], ...]


def user_presets_file() -> Path:
    """Return where presets are kept unless --presets says otherwise."""
    return user_folder() / "presets.toml"


def read_presets(path: Path) -> Presets:
    """Return what the file holds; none if it is not there.

    Raises UsageError, with the place, for what is no preset.
    """
    if not path.exists():
        return ()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # the latter for what is no UTF-8, and no TOML
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path}: cannot be read ({reason}).") from error
    return tuple(sorted(_read_preset(path, *entry) for entry in content.items()))


def write_presets(path: Path, presets: Presets) -> None:
    """Replace the file. Raises SinkError."""
    tables = []
    for number, preset in presets:
        # JSON's texts, numbers and words are TOML's too.
        lines = (f"{name} = {json.dumps(value)}" for name, value in preset)
        tables.append("\n".join([f"[{number}]", *lines]))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as written:
            written.write_text("\n\n".join(tables) + "\n", encoding="utf-8")
    except OSError as error:
        raise SinkError(f"{path}: presets are not kept ({error.strerror}).") from error


def _read_preset(path: Path, key: str, table: Any) -> tuple[int, Preset]:
    low, high = PRESETS_RANGE
    if not key.isdecimal() or not low <= int(key) <= high or not isinstance(table, dict):
        raise UsageError(
            f"{path}: {key}: must be tables [{low}] to [{high}], with lines such as  strength = 0.8"
        )
    preset = []
    for name, value in table.items():
        command = COMMANDS.get(name)
        if command is None or command.now is None:
            known = ", ".join(c.name for c in COMMANDS.values() if c.remembered)
            raise UsageError(f"{path}: [{key}]: there is no setting {name!r}. There are: {known}.")
        try:
            preset.append((name, command.accept(value)))
        except ValueError as error:
            raise UsageError(f"{path}: [{key}]: {error}.") from error
    return int(key), tuple(preset)
