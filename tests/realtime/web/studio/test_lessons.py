"""A style is trained from the page, by a program that another one stands in for here."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engines.errors import SourceError, UsageError
from engines.style_row import StyleRow, read_row, write_row
from realtime.web.studio import lessons as tested
from realtime.web.studio.lessons import Lessons, training_refusal
from realtime.web.studio.own_styles import OwnStyles
from realtime.web.studio.programs import lesson_command, read_lesson
from realtime.web.studio.style_list import StyleList
from realtime.web.studio.swatches import Swatches
from tests.realtime.web.studio.conftest import until
from tests.realtime.web.studio.test_own_styles import Pictures, models, row

__all__ = ["models"]
PROGRAM = """
import shutil, sys, time
given, row, preview, goes_on = sys.argv[1:]
say = lambda text: print(text, file=sys.stderr, flush=True)
say("1/3 reading the painting and the photos")
if goes_on == "fails":
    say("error: /somewhere/painting.png: not a picture of anything.")
    raise SystemExit(4)
shutil.copy(given, row)
open(preview, "wb").write(b"jpeg")
say("trained 40 %: still far from the painting")
while goes_on == "on":
    time.sleep(0.05)
    say("trained 40 %: still far from the painting")
"""


def picture() -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.full((80, 90, 3), 70, np.uint8)).save(content, "png")
    return content.getvalue()


class Trained(Pictures):
    """Keeps what is put beside the styles of Live."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, ())
        self.added: list[StyleRow] = []

    def add(self, row: StyleRow) -> None:
        self.added.append(row)


@pytest.fixture
def pictures(models: Path) -> Trained:
    return Trained(models)


@pytest.fixture
def how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whether the program that trains goes "on", "ends" or "fails"."""
    said = ["on"]
    given = tmp_path / "given.row"
    write_row(given, row("style", "trained"))
    monkeypatch.setattr(tested, "training_refusal", lambda: "")
    monkeypatch.setattr(
        tested,
        "lesson_command",
        lambda painting, row, preview, minutes, vgg: [
            *(sys.executable, "-c", PROGRAM, str(given), str(row), str(preview), said[0])
        ],
    )
    return said


@pytest.fixture
def lessons(pictures: Trained, how: list[str], tmp_path: Path) -> Iterator[Lessons]:
    styles = StyleList()
    own = OwnStyles(pictures, styles, lambda _: False, Swatches(tmp_path / "swatches", styles))
    made = Lessons(tmp_path / "studio" / "lesson", own)
    yield made
    made.close()
    assert not (tmp_path / "studio" / "lesson").exists()


def told(lessons: Lessons) -> dict:
    return lessons.state()["lesson"] or {"state": "none", "kept_at": 0}


def test_it_is_seen_while_it_goes_on_and_kept_at_any_time(
    lessons: Lessons, pictures: Trained, models: Path
):
    assert lessons.state()["lesson"] is None and lessons.preview() is None
    with pytest.raises(KeyError):
        lessons.keep()
    lessons.begin(picture(), "My Wave", 6)
    until(lambda: told(lessons)["kept_at"] and told(lessons)["done"])
    assert told(lessons)["words"] == "still far from the painting"
    assert (told(lessons)["state"], told(lessons)["done"]) == ("running", 0.4)
    assert lessons.preview() == b"jpeg"
    with pytest.raises(UsageError, match="another style is being trained"):
        lessons.begin(picture(), "Other", 6)
    assert lessons.keep() == "my_wave"
    kept = read_row(models / "my_wave.row")
    assert (kept.style.title, kept.digest) == ("My Wave", "trained")
    assert [one.style.name for one in pictures.added] == ["my_wave"]  # in Live at once
    assert lessons.state()["lesson"] is None and lessons.preview() is None


def test_it_is_given_up_and_another_one_begun(lessons: Lessons, models: Path, how: list[str]):
    lessons.begin(picture(), "One", 3)
    until(lambda: told(lessons)["kept_at"])
    lessons.cancel()
    assert lessons.state()["lesson"] is None and not models.exists()
    how[0] = "ends"
    lessons.begin(picture(), "Two", 15)
    until(lambda: told(lessons)["state"] == "done")
    assert told(lessons)["done"] == 1.0 and lessons.keep() == "two"


def test_why_it_has_failed_is_said(lessons: Lessons, how: list[str]):
    how[0] = "fails"
    lessons.begin(picture(), "One", 6)
    until(lambda: told(lessons)["state"] == "failed")
    assert told(lessons)["words"] == "not a picture of anything."
    with pytest.raises(KeyError):
        lessons.keep()
    lessons.cancel()
    assert lessons.state()["lesson"] is None


def test_what_cannot_be_trained_on_is_refused(lessons: Lessons, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(UsageError, match="minutes: 3, 6, 15, not 60"):
        lessons.begin(picture(), "One", 60)
    with pytest.raises(SourceError):
        lessons.begin(b"no picture", "One", 6)
    monkeypatch.undo()
    monkeypatch.setattr(tested, "find_spec", lambda name: None if name == "torch" else object())
    assert "pip install" in training_refusal() and "train" in training_refusal()
    with pytest.raises(UsageError, match="needs PyTorch"):
        lessons.begin(picture(), "One", 6)
    assert lessons.state()["lesson"] is None


def test_what_the_training_says_is_understood():
    assert read_lesson("2/3 finding the nearest of 27 styles").words == (
        "finding the nearest of 27 styles"
    )
    phase = read_lesson("3/3 training for 6 minutes on 7 photos; p.jpg shows how it comes along")
    assert (phase.done, phase.words) == (0.0, "training for 6 minutes on 7 photos")
    assert read_lesson("trained 100 %: near the painting").done == 1.0
    assert read_lesson("note: something else") is None
    command = lesson_command(Path("a.png"), Path("s.row"), Path("p.jpg"), 6, Path("vgg"))
    assert command[1:5] == ["-m", "training", "add-style", "a.png"]
    assert command[-2:] == ["--vgg", str(Path("vgg").resolve())]
