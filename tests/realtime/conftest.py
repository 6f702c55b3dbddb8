"""A display for the tests that are marked ``display``: the one that is there, or an Xvfb of their
own.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest

from bench.tools.virtual_screen import virtual_screen

_opened = contextlib.ExitStack()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before the marker is looked at (tests/conftest.py): a display that could be had is not a
    reason to skip.
    """
    if item.get_closest_marker("display") and not os.environ.get("DISPLAY"):
        display = _opened.enter_context(virtual_screen("1024x768"))
        if display:
            os.environ["DISPLAY"] = display
            _opened.callback(os.environ.pop, "DISPLAY", None)


@pytest.fixture(scope="session", autouse=True)
def xvfb_ends_with_the_tests() -> Iterator[None]:
    yield
    _opened.close()
