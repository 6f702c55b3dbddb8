"""What pages bring is bounded, named by us, and goes after a while."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engines.errors import SinkError, UsageError
from realtime.web.studio import shelf as shelves
from realtime.web.studio.records import RECORD, Job, Wishes, read_record, read_wishes
from realtime.web.studio.shelf import KEPT_DAYS, Shelf

DAY_S = 86_400


@pytest.fixture
def shelf(tmp_path: Path):
    opened = Shelf(tmp_path / "studio")
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("../../etc/passwd.mp4", "passwd.mp4"),
        ("..\\..\\evil.MOV", "evil.mov"),
        ("/abs/a b;c$(x).mp4", "a_b_c_x.mp4"),
        (".mp4.webm", "mp4.webm"),
        ("-rf.mp4", "rf.mp4"),
        ("Фильм 1.mkv", "Фильм_1.mkv"),
        ("я" * 300 + ".mkv", "я" * 45 + ".mkv"),
        ("???.mp4", "film.mp4"),
    ],
)
def test_no_name_leads_anywhere(shelf: Shelf, name: str, file: str):
    number = shelf.begin(name, 3)
    path = shelf.path_of(number)
    assert path.name == file and path.parent.parent == shelf.folder
    assert shelf.append(number, 0, b"abc") == 3 and path.read_bytes() == b"abc"
    assert read_record(path.parent) == shelf.uploads[number]


@pytest.mark.parametrize("name", ["run.sh", "page.html", "list.m3u8", "film", "x.svg", ""])
def test_what_is_no_film_by_its_name_is_refused(shelf: Shelf, name: str):
    with pytest.raises(UsageError, match="neither a film nor a picture"):
        shelf.begin(name, 3)


def test_parts_come_in_order_or_not_at_all(shelf: Shelf):
    number = shelf.begin("clip.mp4", 6)
    assert shelf.append(number, 0, b"abc") == 3 and not shelf.is_whole(number)
    assert shelf.append(number, 0, b"xyz") == 3  # sent twice
    assert shelf.append(number, 5, b"xyz") == 3  # one is missing
    with pytest.raises(UsageError, match="more comes than was said"):
        shelf.append(number, 3, b"defg")
    assert shelf.append(number, 3, b"def") == 6 and shelf.is_whole(number)
    assert shelf.append(number, 6, b"more") == 6
    assert shelf.path_of(number).read_bytes() == b"abcdef"


def test_room_is_limited_and_said(shelf: Shelf, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shelves, "MOST_BYTES", 10_000)
    first = shelf.begin("clip.mp4", 6000)
    with pytest.raises(SinkError, match=r"room for 0\.0 GB more"):  # for what is to come, too
        shelf.begin("other.mp4", 6000)
    shelf.remove(first)
    assert not (shelf.folder / first).exists()
    shelf.begin("other.mp4", 6000)
    monkeypatch.setattr(shelves, "MOST_UPLOADS", 1)
    with pytest.raises(UsageError, match="remove one first"):
        shelf.begin("third.mp4", 10)
    for number in ("../x", "f" * 16):
        with pytest.raises(KeyError):
            shelf.path_of(number)


def test_what_nobody_uses_goes_except_what_is_painted(shelf: Shelf):
    old, busy, new = (shelf.begin(f"{name}.mp4", 1) for name in ("old", "busy", "new"))
    job = Job("0" * 16, Wishes("dim"), "busy_dim.mp4", state="paused")
    shelf.uploads[busy].jobs.append(job)
    shelf.keep(busy)
    for number in (old, busy):
        record = shelf.folder / number / RECORD
        before_s = record.stat().st_mtime - (KEPT_DAYS + 0.1) * DAY_S
        os.utime(record, (before_s, before_s))
    shelf.tidy()
    assert list(shelf.uploads) == [busy, new] and not (shelf.folder / old).exists()


def test_one_process_at_a_time_has_it_and_takes_nothing_foreign(shelf: Shelf, tmp_path: Path):
    number = shelf.begin("clip.mp4", 3)
    with pytest.raises(UsageError, match="another Livebrush"):
        Shelf(shelf.folder)
    shelf.close()
    (shelf.folder / "mine").mkdir()
    (shelf.folder / ("a" * 16)).mkdir()
    leads_out = '{"title": "x", "file": "../y", "size_bytes": 1}'
    (shelf.folder / ("a" * 16) / RECORD).write_text(leads_out)
    (shelf.folder / ("b" * 16)).symlink_to(tmp_path)
    again = Shelf(shelf.folder)
    assert list(again.uploads) == [number]
    again.close()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"style": "../x"}',
        b'{"style": "other"}',
        b'{"style": "dim", "strength": 2}',
        b'{"style": "dim", "strength": NaN}',
        b'{"style": "dim", "brush": "1 -o /etc/x"}',
        b'{"style": "dim", "output": "/etc/x"}',
        b"[" * 4000,
    ],
)
def test_a_wish_is_a_style_and_numbers_in_their_ranges(body: bytes):
    with pytest.raises(ValueError):
        read_wishes(body, frozenset({"dim"}))
    assert read_wishes(b'{"style": "dim", "brush": 2}', frozenset({"dim"})).brush == 2
