"""What the live view remembers from its last run: styles and settings, kept as commands and their
values.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from pathlib import Path

import platformdirs

from engines.cache import APP, read_json, write_json
from engines.errors import UsageError
from realtime.controls.commands import perform, settings
from realtime.controls.state import State
from realtime.controls.values import Value
from realtime.look import parse_mix


def settings_file() -> Path:
    """``LIVEBRUSH_STATE`` overrides the folder."""
    return Path(os.environ.get("LIVEBRUSH_STATE") or platformdirs.user_state_dir(APP)) / "live.json"


def remembered() -> dict[str, Value]:
    """The settings of the last run by command name; empty if there was none, or if the file is
    damaged.
    """
    kept = read_json(settings_file())
    return kept if isinstance(kept, dict) else {}


def remembered_styles() -> list[str]:
    """The names in the mix of the last run, none if there was none."""
    with contextlib.suppress(UsageError):
        return [name for name, _ in parse_mix(str(remembered().get("mix", "")))]
    return []


def recall(state: State, without: Collection[str] = ()) -> State:
    """``state`` with the settings of the last run; those named in ``without``, and what means
    nothing any more, stay.
    """
    for name, value in remembered().items():
        if name not in without and name in settings(state):
            with contextlib.suppress(
                KeyError, ValueError
            ):  # written by another version, or for another model
                state = perform(state, name, value)
    return state


def remember(state: State) -> None:
    """Keep the settings for the next run. Not being able to is no reason to fail."""
    file = settings_file()
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, settings(state))
