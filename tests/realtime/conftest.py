"""A display for the tests that are marked ``display``: the one that is there, or an Xvfb of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

_xvfb: list[subprocess.Popen] = []


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before the marker is looked at (tests/conftest.py): a display that could be had is not a reason to skip."""
    if item.get_closest_marker("display") and not os.environ.get("DISPLAY") and shutil.which("Xvfb"):
        _start_xvfb()


def _start_xvfb() -> None:
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1024x768x24", "-nolisten", "tcp"]
    _xvfb.append(subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL))
    os.close(writing)
    with os.fdopen(reading) as pipe:
        number = pipe.readline().strip()  # written once it is ready
    if number:
        os.environ["DISPLAY"] = f":{number}"


@pytest.fixture(scope="session", autouse=True)
def xvfb_ends_with_the_tests() -> Iterator[None]:
    yield
    for server in _xvfb:
        os.environ.pop("DISPLAY", None)
        server.terminate()
        server.wait(10)
