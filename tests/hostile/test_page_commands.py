"""A page controls the picture, not the machine that paints it."""

from __future__ import annotations

import json

import pytest

from realtime.controls.commands import COMMANDS
from realtime.controls.desk import Desk
from realtime.controls.state import State
from realtime.look import Look

pytest.importorskip("aiortc", reason="pip install 'livebrush[web]'")

HOSTS = (
    *("quit", "back", "fullscreen", "strip", "sheet", "snapshot", "record", "fill", "store"),
    "keep",
)


@pytest.fixture
def desk() -> Desk:
    return Desk(State(("great_wave", "udnie"), Look((("great_wave", 1.0),))))


def page_of(desk: Desk, all_controls: bool):
    from realtime.web.connections import Connections

    connections = Connections(None, desk, dict, all_controls=all_controls)
    return lambda name: connections._perform(json.dumps({"command": name}))


@pytest.mark.parametrize("name", HOSTS)
def test_what_is_the_hosts_is_refused_and_said(desk: Desk, name: str):
    before = desk.state
    assert "--web-controls all" in page_of(desk, all_controls=False)(name)
    desk.follow(0.0)
    assert desk.state == before


def test_all_else_is_performed(desk: Desk):
    ask = page_of(desk, all_controls=False)
    for name in COMMANDS.keys() - set(HOSTS):
        assert ask(name) is None, name


def test_all_controls_are_given_on_request_once_a_second(desk: Desk):
    ask = page_of(desk, all_controls=True)
    assert ask("snapshot") is None
    assert ask("snapshot") == "snapshot: once a second"
    desk.follow(0.0)
    assert desk.state.snapshots == 1
