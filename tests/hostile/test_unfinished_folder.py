"""A folder that has the name of an unfinished run is not emptied because of its name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import stylize_video
from engines.errors import UsageError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links and owners are those of POSIX")


def paint(clip: Path, target: Path, *flags: str) -> None:
    stylize_video.main([str(clip), "-o", str(target), "--engine", "passthrough", *flags])


@pytest.fixture
def clip(make_video: Callable[..., Path]) -> Path:
    return make_video()


@pytest.mark.parametrize("flags", [(), ("-y",), ("--resume",)])
def test_a_link_is_refused(clip: Path, tmp_path: Path, flags: tuple[str, ...]):
    victim, target = tmp_path / "victim", tmp_path / "out.mp4"
    victim.mkdir()
    (victim / "doc.txt").write_text("mine")
    (tmp_path / ".out.mp4.unfinished").symlink_to(victim)
    with pytest.raises(UsageError, match="is a link"):
        paint(clip, target, *flags)
    assert [path.name for path in victim.iterdir()] == ["doc.txt"] and not target.exists()


@pytest.mark.parametrize("name", ["doc.txt", "000001", "sub", "lock"])
def test_foreign_files_and_links_stay(clip: Path, tmp_path: Path, name: str):
    folder, target, secret = (tmp_path / n for n in (".out.mp4.unfinished", "out.mp4", "secret"))
    folder.mkdir(mode=0o700)
    secret.write_text("mine")
    if name == "sub":
        (folder / name).mkdir()
    elif name == "lock":
        (folder / name).symlink_to(secret)
    else:
        (folder / name).write_text("mine")
    with pytest.raises(UsageError, match=f"holds {name}, which is not of an unfinished run"):
        paint(clip, target, "-y")
    assert [path.name for path in folder.iterdir()] == [name]
    assert secret.read_text() == "mine"


def test_a_folder_that_everybody_can_write_is_refused(clip: Path, tmp_path: Path):
    folder = tmp_path / ".out.mp4.unfinished"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(UsageError, match="everybody"):
        paint(clip, tmp_path / "out.mp4")


def test_somebody_elses_folder_is_refused(clip: Path, tmp_path: Path, monkeypatch):
    (tmp_path / ".out.mp4.unfinished").mkdir(mode=0o700)
    own = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: own + 1)
    with pytest.raises(UsageError, match="another user"):
        paint(clip, tmp_path / "out.mp4")


def test_a_run_makes_and_removes_a_folder_of_its_own(clip: Path, tmp_path: Path):
    paint(clip, tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4").stat().st_size > 0
    assert not (tmp_path / ".out.mp4.unfinished").exists()
