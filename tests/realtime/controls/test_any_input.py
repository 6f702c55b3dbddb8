"""Whatever comes in, from remotes, files and flags, ends in range or in one clear refusal."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from engines.errors import UsageError
from realtime.controls.autopilot import Schedule, live_timeline
from realtime.controls.commands import COMMANDS, perform, settings
from realtime.controls.keys import NAMED_KEYS, Keymap, keymap_from
from realtime.controls.osc import parse_listen
from realtime.controls.state import (
    COMPARE_MODES,
    CYCLE_RANGE_S,
    DIVIDER_RANGE,
    FADE_RANGE_S,
    State,
)
from realtime.controls.values import Nothing, Range
from realtime.look import BRUSH_RANGE, STABILITY_RANGE, STRENGTH_RANGE, Look

pytest.importorskip("hypothesis")
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

few = hypothesis_settings(derandomize=True, max_examples=60, deadline=None, database=None)
STYLES = (*(f"style_{number}" for number in range(1, 12)), "1984")
START = State(STYLES, Look((("style_1", 1.0),)))

words = st.sampled_from(
    [*COMPARE_MODES, *STYLES, "on", "off", "original", "style_1:0.5,style_3:2", "0", "12", "1e999"]
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
)
asked = st.tuples(st.sampled_from(sorted(COMMANDS)), anything)


def check_ranges(state: State) -> None:
    """Assert that every field is where it may be."""
    for value, (low, high) in (
        (state.look.strength, STRENGTH_RANGE),
        (state.look.brush, BRUSH_RANGE),
        (state.look.stability, STABILITY_RANGE),
        (state.fade_s, FADE_RANGE_S),
        (state.cycle_s, CYCLE_RANGE_S),
        (state.divider, DIVIDER_RANGE),
    ):
        assert low <= value <= high
    assert sorted(state.styles) == sorted(STYLES)
    assert set(state.look.style_names) <= {"original", *STYLES}
    assert 0 <= state.bank < state.banks and 0 <= state.number <= len(STYLES)
    assert state.compare in COMPARE_MODES
    assert all(math.isfinite(weight) and weight >= 0 for _, weight in state.look.mix)


@few
@given(st.lists(asked, max_size=12))
def test_commands_keep_the_state_in_range(commands: list):
    state = START
    for name, value in commands:
        try:
            state = perform(state, name, value)
        except ValueError as error:
            assert str(error)
        check_ranges(state)
    for name, value in settings(state).items():
        state = perform(state, name, value)
    check_ranges(state)


@few
@given(
    st.floats(0, 1), st.sampled_from([0.05, 0.1, 0.2, 0.25]), st.booleans(), st.integers(0, 10**6)
)
def test_a_step_moves_to_a_multiple_or_to_an_end(share: float, size: float, up: bool, most: int):
    allowed = Range(-1.0, float(most))
    now = allowed.low + share * (allowed.high - allowed.low)
    after = allowed.step(now, size if up else -size)
    assert allowed.low <= after <= allowed.high
    if after not in (allowed.low, allowed.high):
        assert math.isclose(after / size, round(after / size), abs_tol=1e-3)
        moved = (after - now) if up else (now - after)
        assert -1e-5 < moved <= size * (1 + 1e-5) + 1e-5


keys = st.sampled_from(["x", "q", "1", "F5", "esc", "zoom", "é", ""])
actions = st.one_of(
    st.sampled_from([*COMMANDS, "style style_2", "strength 0.3", "strength much", "next 3", ""]),
    st.text(),
    st.integers(),
)


def toml_of(bound: dict) -> str:
    """Return a keys file; JSON's strings without surrogates are TOML's."""
    return "[keys]\n" + "".join(
        f"{json.dumps(key)} = {json.dumps(action)}\n" for key, action in bound.items()
    )


@pytest.fixture(scope="module")
def keys_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "keys.toml"


def read_or_refuse(file: Path) -> Keymap | None:
    try:
        keymap = keymap_from(file)
    except UsageError as error:
        assert str(error).startswith(str(file))
        return None
    for key, (name, value) in keymap.bound.items():
        assert name in COMMANDS and (len(key) == 1 or key in NAMED_KEYS)
        assert value is None or not isinstance(COMMANDS[name].values, Nothing)
    assert keymap.help_rows()
    return keymap


@few
@given(st.dictionaries(keys, actions, max_size=4))
def test_keys_files(keys_file: Path, bound: dict):
    keys_file.write_text(toml_of(bound), encoding="utf-8", errors="replace")
    keymap = read_or_refuse(keys_file)
    for key in keymap.bound if keymap else ():
        try:
            check_ranges(keymap.press(START, key))
        except ValueError as error:
            assert str(error)


@few
@given(st.binary(max_size=60) | st.just(b"[keys]\nx = " + b"9" * 5000) | st.just(b"[" * 3000))
def test_files_of_any_bytes(keys_file: Path, content: bytes):
    keys_file.write_bytes(content)
    read_or_refuse(keys_file)


hosts = st.sampled_from(["", "localhost", "0.0.0.0", "[::1]", "a b", ":"])
ports = st.integers(-9, 10**6).map(str) | st.text() | st.sampled_from(["٣", "²", "9" * 5000])


@few
@given(st.text() | ports | st.builds("{}:{}".format, hosts, ports), st.none() | st.just(8080))
def test_addresses_to_listen_at(text: str, port: int | None):
    try:
        host, number = parse_listen(text, "--osc", port)
    except UsageError as error:
        assert "--osc" in str(error)
    else:
        assert host and 0 <= number <= 65535


times = st.decimals(0, 10**5, places=2).map(str) | st.sampled_from(["cut", "1:02:03.5", "x", ""])
mixes = st.sampled_from(["style_1", "style_2:0.5,style_3:1", "original", "a:", ":", "style_1:nan"])
fades = st.sampled_from(["", "/2s", "/0s", "/0.5s", "/99s", "/fast"])
entries = st.builds("{}:{}{}".format, times, mixes, fades)


@few
@given(st.lists(entries, max_size=4).map(" ".join) | st.text())
def test_schedules(text: str):
    try:
        timeline = live_timeline(text, "--style-schedule")
    except UsageError as error:
        assert str(error).startswith("--style-schedule")
        return
    at_s = [entry.at_s for entry in timeline.entries]
    assert all(later - before >= 1 for before, later in pairwise(at_s))
    schedule, state = Schedule(timeline), START
    for time_s in (Fraction(0), *at_s):
        if all(name in ("original", *STYLES) for name in timeline.style_names):
            state = schedule.follow(state, float(time_s))
            check_ranges(state)
