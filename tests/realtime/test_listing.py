"""--list-engines shows what was measured; --measure measures now."""

from __future__ import annotations

import json

import pytest

import run_cam
import stylize_video
from engines import measured, measuring
from engines.errors import UsageError
from engines.measured import MeasuredEngine, keep_measured

ENTRY = MeasuredEngine(
    "openvino", "int8", 80.4, 40.4, "gallery", "640x480", "2026-11-29T12:00:00+00:00", 0.1
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LIVEBRUSH_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("main", [run_cam.main, stylize_video.main])
def test_list_engines_shows_what_auto_has_measured(main, capsys: pytest.CaptureFixture[str]):
    keep_measured("a key", ENTRY)
    main(["--list-engines"])
    assert (
        "auto: gallery 640x480: openvino int8, 40 ms a frame, 80 ms of processor time; "
        "2026-11-29 12:00 UTC, machine 10% busy\n"
    ) in capsys.readouterr().out
    main(["--list-engines", "--json"])
    rows = {row["engine"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["openvino"]["measured"][0]["ms"] == 80.4
    assert rows["onnxruntime"]["measured"] == []


def test_measure_measures_now_at_the_size_of_the_network(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    sizes = []
    monkeypatch.setattr(
        measuring, "_time", lambda *a: sizes.append(a[3]) or measuring._Time(8.0, 4.0)
    )
    assert run_cam.main(["--measure", "1920x1080", "--precision", "fp32"]) == 0
    assert set(sizes) == {(480, 854)}
    assert [entry.size for entry in measured.all_measured()] == ["854x480"]
    assert "gallery 854x480: openvino fp32, 4 ms a frame" in capsys.readouterr().out


def test_a_wrong_size_to_measure_is_said():
    with pytest.raises(UsageError, match=r"--measure is WIDTHxHEIGHT.*not 'clip.mp4'"):
        stylize_video.main(["--measure", "clip.mp4"])
