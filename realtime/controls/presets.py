"""Presets in a TOML file: a table for each number, with commands and their values."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engines.atomic_write import atomic_write
from engines.errors import SinkError, UsageError
from realtime.controls.commands import COMMANDS
from realtime.controls.keys import user_folder
from realtime.controls.state import PRESETS_RANGE, Fades, Preset
from realtime.controls.values import Value

Presets = tuple[tuple[int, Preset], ...]
PresetFades = tuple[tuple[int, Fades], ...]
_FADES = "fades"


def user_presets_file() -> Path:
    """Return where presets are kept unless --presets says otherwise."""
    return user_folder() / "presets.toml"


def read_presets(path: Path) -> tuple[Presets, PresetFades]:
    """Return what the file holds, and what of it fades by itself; none if it is not there.

    Raises UsageError, with the place, for what is no preset.
    """
    if not path.exists():
        return (), ()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # the latter for what is no UTF-8, and no TOML
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path}: cannot be read ({reason}).") from error
    read = sorted(_read_preset(path, *entry) for entry in content.items())
    presets = tuple((number, preset) for number, preset, _ in read)
    return presets, tuple((number, fades) for number, _, fades in read if fades)


def write_presets(path: Path, presets: Presets, fades: PresetFades = ()) -> None:
    """Replace the file. Raises SinkError."""
    tables = []
    for number, preset in presets:
        tables.append(_table(f"{number}", preset))
        if own := dict(fades).get(number):
            tables.append(_table(f"{number}.{_FADES}", own))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as written:
            written.write_text("\n\n".join(tables) + "\n", encoding="utf-8")
    except OSError as error:
        raise SinkError(f"{path}: presets are not kept ({error.strerror}).") from error


def _table(name: str, lines: Iterable[tuple[str, Value]]) -> str:
    # JSON's texts, numbers and words are TOML's too.
    return "\n".join([f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in lines)])


def _read_preset(path: Path, key: str, table: Any) -> tuple[int, Preset, Fades]:
    low, high = PRESETS_RANGE
    if not key.isdecimal() or not low <= int(key) <= high or not isinstance(table, dict):
        raise UsageError(
            f"{path}: {key}: must be tables [{low}] to [{high}], with lines such as  strength = 0.8"
        )
    fades = table.pop(_FADES, {})
    preset: list[tuple[str, Value]] = []
    for name, value in table.items():
        command = COMMANDS.get(name)
        if command is None or command.now is None:
            known = ", ".join(c.name for c in COMMANDS.values() if c.remembered)
            raise UsageError(f"{path}: [{key}]: there is no setting {name!r}. There are: {known}.")
        try:
            preset.append((name, command.accept(value)))
        except ValueError as error:
            raise UsageError(f"{path}: [{key}]: {error}.") from error
    return int(key), tuple(preset), _read_fades(f"{path}: [{key}.{_FADES}]", fades, dict(preset))


def _read_fades(place: str, table: Any, preset: dict[str, Value]) -> Fades:
    if not isinstance(table, dict):
        raise UsageError(f"{place}: must be a table, with lines such as  strength = 4.0")
    fades = []
    for name, fade_s in table.items():
        if name not in preset:
            raise UsageError(f"{place}: the preset sets no {name!r}, so it cannot fade to it.")
        try:
            fades.append((name, COMMANDS[name].accept_fade(fade_s)))
        except ValueError as error:
            raise UsageError(f"{place}: {error}.") from error
    return tuple(fades)
