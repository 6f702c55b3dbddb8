"""What the live view remembers from its last run, kept as commands and their values."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from pathlib import Path

import platformdirs

from engines.cache import read_json, write_json
from engines.folders import APP
from realtime.controls.commands import perform, settings
from realtime.controls.state import State
from realtime.controls.values import Value

_RUNS = "runs"  # no command has that name


def settings_file() -> Path:
    """Return where it is kept; ``LIVEBRUSH_STATE`` overrides the folder."""
    return Path(os.environ.get("LIVEBRUSH_STATE") or platformdirs.user_state_dir(APP)) / "live.json"


def remembered() -> dict[str, Value]:
    """Return the settings of the last run by command name; none if the file is damaged."""
    kept = read_json(settings_file())
    return kept if isinstance(kept, dict) else {}


def runs_before() -> int:
    """Return how many runs have been remembered so far."""
    count = remembered().get(_RUNS)
    return int(count) if isinstance(count, int) else 0


def recall(state: State, without: Collection[str] = ()) -> State:
    """Return ``state`` with the settings of the last run.

    Those named in ``without`` stay, and those that mean nothing any more.
    """
    kept = remembered()
    for name in settings(state):  # in the order of the table: what shows a text comes after it
        if name in kept and name not in without:
            value = kept[name]
            with contextlib.suppress(ValueError):  # of another version, or for another model
                state = perform(state, name, value)
    return state


def remember(state: State) -> None:
    """Keep the settings for the next run; not being able to is no reason to fail."""
    file = settings_file()
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, {**settings(state), _RUNS: runs_before() + 1})
