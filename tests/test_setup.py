"""The commands that an installation brings are there."""

from __future__ import annotations

import configparser
from importlib import import_module
from pathlib import Path

import pytest

SETUP = configparser.ConfigParser()
SETUP.read(Path(__file__).parent.parent / "setup.cfg", encoding="utf-8")


@pytest.mark.parametrize(
    "line", SETUP["options.entry_points"]["console_scripts"].strip().splitlines()
)
def test_every_command_can_be_called(line: str):
    module, name = line.partition("=")[2].strip().split(":")
    assert callable(getattr(import_module(module), name))
