"""A studio over the small model, whose programs are real."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engines import ModelFile, load_model

pytest.importorskip("fastapi")
LIMIT_S = 150.0


@pytest.fixture
def tiny_styles(tiny_model: ModelFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small model as the user's; here it is the only one. Returns the models folder."""
    folder = tmp_path / "models"
    folder.mkdir()
    shutil.copy(tiny_model.path, folder / "tiny.onnx")
    monkeypatch.setenv("LIVEBRUSH_MODELS", str(folder))
    monkeypatch.setattr(
        "realtime.web.studio.style_list.installed_models",
        lambda: [load_model(folder / "tiny.onnx")],
    )
    return folder


@pytest.fixture
def open_studio(
    tiny_styles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], object]]:
    """Opens one after the other over the same folder; the one before is closed first."""
    from realtime.web.studio.studio import Studio
    from realtime.web.studio.style_list import StyleList

    # On a machine that is busy with other tests they would hardly come on.
    monkeypatch.setattr("realtime.web.studio.programs._NICE", 0)
    opened: list[Studio] = []

    def open_one() -> Studio:
        for studio in opened:
            studio.close()
        opened[:] = [Studio(tmp_path / "studio", StyleList())]
        return opened[0]

    yield open_one
    for studio in opened:
        studio.close()


def bring(studio, path: Path, part_bytes: int = 5000) -> str:
    """Send a file in parts, as a page does; return its number."""
    content = path.read_bytes()
    number = studio.begin_upload(path.name, len(content))
    for at in range(0, len(content), part_bytes):
        part = content[at : at + part_bytes]
        assert studio.append(number, at, part) == at + len(part)
    return number


def until(condition: Callable[[], object], limit_s: float = LIMIT_S):
    """Wait for what ``condition`` returns."""
    end_s = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < end_s, "it did not come"
        time.sleep(0.02)
    return found


def told(studio, number: str) -> dict:
    """What a page is told of a file."""
    return next(one for one in studio.state()["uploads"] if one["number"] == number)
