"""A film is brought, looked at, tried and painted, by programs that may be ended at any time."""

from __future__ import annotations

import os
import re
import shutil
import signal
from pathlib import Path

import av
import numpy as np
import pytest

from bench.tools.clips import audio_packets
from engines.errors import UsageError
from realtime.files.progress import FileProgress
from realtime.web.studio.programs import Outcome, Program, Progress
from realtime.web.studio.records import Wishes, read_wishes
from tests.realtime.web.studio.conftest import bring, told, until

pytestmark = pytest.mark.timeout(400)


def wait_done(studio, number: str, job: str) -> dict:
    def ended() -> dict | None:
        found = next(one for one in told(studio, number)["jobs"] if one["id"] == job)
        return found if found["state"] in ("done", "failed") else None

    found = until(ended)
    assert found["state"] == "done", found
    return found


def grey(level: int):
    return lambda _: np.full((48, 64, 3), level, np.uint8)


def test_a_film_is_painted_with_its_sound(open_studio, make_video):
    studio = open_studio()
    source = make_video("my film.mp4", pts=list(range(0, 8000, 40)), pixels=grey(50))
    number = bring(studio, source)
    known = until(lambda: told(studio, number)["size"] and told(studio, number))
    assert known["size"] == "64x48" and 7.9 < known["duration_s"] < 8.1
    assert known["title"] == "my film" and not known["is_picture"]
    preview = studio.preview(number, Wishes("negative", begin_s=1))
    painting = studio.paint(number, Wishes("negative"))
    assert wait_done(studio, number, painting)["output"] == "my_film_negative.mp4"
    with av.open(str(studio.output_of(number, painting))) as painted:
        frames = [frame.to_ndarray(format="rgb24") for frame in painted.decode(video=0)]
        assert len(frames) == 200 and abs(frames[100].mean() - 205) < 4
    assert audio_packets(studio.output_of(number, painting)) == audio_packets(source) != []
    wait_done(studio, number, preview)
    with av.open(str(studio.output_of(number, preview))) as short:
        assert 120 <= sum(1 for _ in short.decode(video=0)) <= 127
    assert until(lambda: set(told(studio, number)["frames"]) == {"original", "negative", "dim"})
    with av.open(str(studio.frame_of(number, "negative"))) as frame:
        assert abs(next(frame.decode(video=0)).to_ndarray(format="rgb24").mean() - 205) < 4
    assert studio.frame_of(number, "../../x") is None
    again = studio.paint(number, Wishes("negative", strength=0.5))
    assert wait_done(studio, number, again)["output"] == "my_film_negative-2.mp4"
    studio.remove(number)
    assert not studio.state()["uploads"] and not list(Path(studio._shelf.folder).glob("0*"))


def test_styles_over_time_are_those_of_the_command_line(open_studio, make_video):
    studio = open_studio()
    number = bring(studio, make_video("film.mp4", pts=list(range(0, 2000, 40)), pixels=grey(50)))
    until(lambda: told(studio, number)["size"])
    body = b'{"style": "negative", "schedule": "0:negative 1:dim/0s"}'
    styles = frozenset(studio.styles.names)
    wishes = read_wishes(body, styles)
    job = wait_done(studio, number, studio.paint(number, wishes))
    assert job["output"] == "film_over_time.mp4" and job["schedule"] == "0:negative 1:dim/0s"
    assert job["title"] == ", ".join(map(studio.styles.title, ("negative", "dim")))
    with av.open(str(studio.output_of(number, job["id"]))) as painted:
        means = [frame.to_ndarray(format="rgb24").mean() for frame in painted.decode(video=0)]
    assert abs(np.array(means) - ([205] * 25 + [25] * 25)).max() < 4
    with pytest.raises(ValueError, match="no style 'monet'"):
        read_wishes(body.replace(b"1:dim", b"1:monet"), styles)
    with pytest.raises(UsageError, match="the timeline: the times must rise"):
        read_wishes(body.replace(b"1:dim", b"1:dim 0.5:dim"), styles)


def test_a_picture_is_one(open_studio, tmp_path: Path):
    from PIL import Image

    Image.new("RGB", (64, 48), (50, 50, 50)).save(tmp_path / "photo.jpg")
    studio = open_studio()
    number = bring(studio, tmp_path / "photo.jpg")
    until(lambda: told(studio, number)["is_picture"])
    with pytest.raises(UsageError, match="needs no preview"):
        studio.preview(number, Wishes("dim"))
    job = studio.paint(number, Wishes("dim"))
    assert wait_done(studio, number, job)["output"] == "photo_dim.jpg"
    assert abs(np.asarray(Image.open(studio.output_of(number, job))).mean() - 25) < 3


def test_what_is_no_film_is_said_without_our_folders(open_studio, tmp_path: Path):
    (tmp_path / "broken.mp4").write_bytes(b"nothing" * 1000)
    studio = open_studio()
    number = bring(studio, tmp_path / "broken.mp4")
    problem = until(lambda: told(studio, number)["problem"])
    assert str(tmp_path) not in problem
    with pytest.raises(UsageError, match=re.escape(problem)):
        studio.paint(number, Wishes("dim"))


def test_a_film_of_a_folder_that_was_named_is_painted_where_it_lies(
    tiny_styles: Path, make_video, tmp_path: Path
):
    from realtime.web.studio.studio import Studio
    from realtime.web.studio.style_list import StyleList

    films = tmp_path / "films"
    films.mkdir()
    source = make_video("secret.mp4")
    shutil.copy(source, films / "holiday.mp4")
    (films / "link.mp4").symlink_to(source)
    (films / "notes.txt").write_text("")
    studio = Studio(tmp_path / "studio", StyleList(), [films])
    try:
        assert studio.state()["named"] == [{"folder": str(films), "names": ["holiday.mp4"]}]
        for folder, name in [
            (str(films), "link.mp4"),
            (str(films), "../secret.mp4"),
            (str(tmp_path), "secret.mp4"),
        ]:
            with pytest.raises(KeyError):
                studio.name_file(folder, name)
        number = studio.name_file(str(films), "holiday.mp4")
        assert studio.name_file(str(films), "holiday.mp4") == number
        until(lambda: told(studio, number)["size"])
        wait_done(studio, number, studio.paint(number, Wishes("dim")))
        studio.remove(number)
        assert sorted(path.name for path in films.iterdir()) == [
            "holiday.mp4",
            "link.mp4",
            "notes.txt",
        ]
    finally:
        studio.close()


def slow_film(make_video) -> Path:
    return make_video("long.mp4", pts=list(range(0, 40 * 384, 40)), size=(96, 128))


def until_begun(studio, number: str) -> int:
    """Until a segment of its painting is kept; return the process that paints."""
    lane = studio._lanes[1]

    def begun() -> object:
        kept = list((studio._shelf.folder / number).glob(".*.unfinished/000001.*"))
        return kept and lane._running

    return until(begun)[1]._process.pid


def test_a_painting_pauses_and_goes_on(open_studio, make_video):
    studio = open_studio()
    number = bring(studio, slow_film(make_video), 10**6)
    until(lambda: told(studio, number)["size"])
    job = studio.paint(number, Wishes("dim", stability=1))
    until_begun(studio, number)
    studio.pause(number, job)
    (paused,) = told(studio, number)["jobs"]
    assert paused["state"] == "paused" and studio.uses("dim") and not studio.uses("negative")
    studio.go_on(number, job)
    assert "of them from before" in wait_done(studio, number, job)["said"]
    studio.remove_job(number, job)
    assert not told(studio, number)["jobs"]
    assert not list((studio._shelf.folder / number).glob("*dim*"))


def test_the_next_server_goes_on_where_one_was_killed(open_studio, make_video):
    """The program that paints finds no reader, and leaves; the lock of its work goes with it."""
    studio = open_studio()
    number = bring(studio, slow_film(make_video), 10**6)
    until(lambda: told(studio, number)["size"])
    job = studio.paint(number, Wishes("dim", stability=1))
    os.kill(until_begun(studio, number), signal.SIGTERM)
    studio._closed = True  # as if it were gone at the same time
    again = open_studio()
    assert "of them from before" in wait_done(again, number, job)["said"]


def test_a_program_whose_reader_is_gone_leaves(make_video, tmp_path: Path, tiny_styles: Path):
    from realtime.web.studio.programs import painting_command

    source = slow_film(make_video)
    output = tmp_path / "painted.mp4"
    program = Program(painting_command(source, output, Wishes("dim", stability=1)))
    until(lambda: list(tmp_path.glob(".painted*/000000.*")))
    program._process.stderr.close()
    program._process.stdout.close()
    program._process.wait(30)
    assert not output.exists() and list(tmp_path.glob(".painted*/000000.*"))


def test_progress_is_read_as_it_is_told(capsys):
    from fractions import Fraction

    from realtime.files.pipeline import FileRun
    from realtime.frame import FileFrame
    from realtime.web.studio.programs import _PROGRESS

    run, now = FileRun(), iter(range(1000))
    run.frames_out = 12
    progress = FileProgress("a: b, 3 frames.mp4", 10.0, lambda: next(now), 0.5)
    for index in (0, 6):
        picture = np.zeros((2, 2, 3), np.uint8)
        progress.update(FileFrame(picture, index, index, Fraction(1)), run)
    found = _PROGRESS.search(capsys.readouterr().err.splitlines()[-1])
    assert found.groups()[:2] == ("60", "12")
    assert Progress(0.6, 12, 4.0).left_s == pytest.approx(2)
    assert Progress(0.0, 12, 4.0).left_s is None


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("error: /a/b c/film.mp4: is encrypted.", "is encrypted."),
        ("error: C:\\x\\film.mp4: is encrypted: all of it.", "is encrypted: all of it."),
        ("error: there is no style 'x'.", "there is no style 'x'."),
        ("stopped", "the program ended with 9"),
    ],
)
def test_problems_are_told_without_folders(line: str, problem: str):
    assert Outcome(9, ["note: x", line], "").problem == problem
