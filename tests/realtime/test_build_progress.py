from __future__ import annotations

import threading

import pytest

from realtime.build_progress import show_build


def test_one_line_where_nobody_watches_a_terminal(capsys: pytest.CaptureFixture):
    with show_build("the engine", 12.4) as on_progress:
        assert not capsys.readouterr().err
        on_progress(0.0, "first")
        on_progress(0.5, "second")
    assert capsys.readouterr().err == "building the engine (about 12 s)\n"


def test_nothing_where_nothing_is_built(capsys: pytest.CaptureFixture):
    with show_build("the engine", None):
        pass
    assert not capsys.readouterr().err


def test_nothing_on_a_background_thread(capsys: pytest.CaptureFixture):
    def build() -> None:
        with show_build("the engine", None) as on_progress:
            on_progress(0.0, "first")

    thread = threading.Thread(target=build)
    thread.start()
    thread.join(10)
    assert not capsys.readouterr().err
