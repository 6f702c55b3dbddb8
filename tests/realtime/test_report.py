import json

import pytest

from engines.errors import SinkError
from realtime.report import Report, size_text, write_report

FIELDS = (
    """frames_in frames_out dropped wall_s startup_s fps latency_ms stage_ms engine device precision size style peak_rss_mb"""
)


def test_the_report_has_the_agreed_fields_and_the_extra_ones_beside_them():
    content = Report(frames_in=3, fps=12.34567, extra={"input": "a.mp4"}).as_dict()
    assert set(content) == {*FIELDS.split(), "input"}
    assert content["fps"] == 12.346
    assert set(content["latency_ms"]) == {"p50", "p95"}


def test_a_report_is_written_whole_or_not_at_all(tmp_path):
    write_report(tmp_path / "r.json", Report(frames_in=3).as_dict())
    assert json.loads((tmp_path / "r.json").read_text())["frames_in"] == 3
    with pytest.raises(SinkError, match="--report"):
        write_report(tmp_path / "nowhere" / "r.json", {})
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]


def test_sizes_are_written_as_a_user_does():
    assert size_text((480, 640)) == "640x480"
