"""The seams of the project: what is added as one file works, and nothing else is touched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent

NUT = """
from realtime.media.file_format import VideoFormat

NUT = VideoFormat(suffixes=(".nut",), demuxers=("nut",), container="nut")
"""

PPM = """
from realtime.media.file_format import PictureFormat


def _encode(pixels, profile):
    height, width = pixels.shape[:2]
    return f"P6 {width} {height} 255\\n".encode() + pixels.tobytes()


PPM = PictureFormat(
    suffixes=(".ppm",), demuxers=("ppm_pipe", "image2"), name="PPM", encode=_encode
)
"""


def test_a_file_format_is_one_file(make_video: Callable[..., Path], tmp_path: Path):
    root = tmp_path / "copy"
    for room in ("engines", "realtime", "export", "training"):
        shutil.copytree(ROOT / room, root / room)
    shutil.copy(ROOT / "stylize_video.py", root)
    clip = make_video(tones=1)

    def run(*arguments: Path | str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "stylize_video.py", *map(str, arguments), "--engine", "passthrough"],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    before = run(clip, "-o", tmp_path / "out.nut")
    assert before.returncode == 2 and "the ending '.nut' is none of" in before.stderr
    (root / "realtime/media/formats/nut.py").write_text(NUT, encoding="utf-8")
    (root / "realtime/media/formats/ppm.py").write_text(PPM, encoding="utf-8")
    painted = run(clip, "-o", tmp_path / "out.nut")
    assert painted.returncode == 0, painted.stderr
    assert "out.nut: 10 frames" in painted.stderr
    # What has been written is found in a folder, and read again; its first frame is a picture.
    again = run(tmp_path / "out.nut", "-o", tmp_path / "again.mp4")
    assert again.returncode == 0 and "again.mp4: 10 frames" in again.stderr, again.stderr
    folder = run(tmp_path, "-o", f"{tmp_path}/{{stem}}_{{ext}}_.mp4", "--dry-run")
    assert "out.nut" in folder.stdout + folder.stderr, folder.stderr
    sheet = run(clip, "--sheet", tmp_path / "sheet.ppm")
    assert sheet.returncode == 0, sheet.stderr
    assert (tmp_path / "sheet.ppm").read_bytes().startswith(b"P6 ")
