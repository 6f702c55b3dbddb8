"""The table of what the page for visitors' browsers takes to load and to paint."""

from __future__ import annotations

import gzip
from pathlib import Path

from bench.targets.web import Visit, table
from bench.tools.chromium import packed_bytes, write_clip
from bench.tools.markdown import fill
from tests.small_frame import small_frame

MACHINE = {
    "processor": "A processor",
    "cores": "2",
    "load at the start": "0.1",
    "date": "today",
    "commit": "abc",
}


def test_each_page_is_a_row():
    rows = [
        ("ours", Visit(4_940_000, 2.25, "14.0 fps at 320x180, threads: 2")),
        ("slow", Visit(7_000_000, None, "no picture within 5 minutes")),
    ]
    text = table(rows, MACHINE)
    assert "| ours | 4.9 MB | 2.2 s | 14.0 fps at 320x180, threads: 2 |" in text
    assert "| slow | 7.0 MB |  | no picture within 5 minutes |" in text
    assert "A processor, 2 cores" in text and "as published" in text


def test_docs_have_a_place_for_it():
    page = (Path(__file__).parents[3] / "docs" / "web.md").read_text(encoding="utf-8")
    assert "| ours |" in fill(page, "web", "| ours |")


def test_what_was_asked_for_is_counted_once_and_packed(tmp_path: Path):
    (tmp_path / "index.html").write_bytes(b"a" * 1000)
    (tmp_path / "a b.js").write_bytes(b"b" * 2000)
    asked = ["http://x/", "http://x/#s=a", "http://x/a%20b.js", "http://x/none.js", "blob:http://y"]
    expected = [len(gzip.compress(byte * count, 9)) for byte, count in ((b"a", 1000), (b"b", 2000))]
    assert packed_bytes(tmp_path, asked) == sum(expected)


def test_a_camera_plays_what_is_written(tmp_path: Path):
    import av

    grey = small_frame(32, 48)[..., 0]
    write_clip(tmp_path / "clip.y4m", [(grey, grey[:16, :24], grey[16:, :24])] * 2, 30)
    with av.open(str(tmp_path / "clip.y4m")) as clip:
        frames = [frame.to_ndarray(format="yuv420p") for frame in clip.decode(video=0)]
    assert len(frames) == 2 and (frames[0][:32] == grey).all()
