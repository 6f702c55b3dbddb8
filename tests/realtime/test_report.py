import json
import os

import pytest

from engines.errors import SinkError, UsageError
from realtime.report import Report, check_report, write_report

FIELDS = """frames_in frames_out dropped wall_s startup_s fps latency_ms stage_ms engine device
precision size style peak_rss_mb"""


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


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_report_never_replaces_what_the_run_reads_or_writes(tmp_path, link):
    (tmp_path / "in.mp4").write_bytes(b"x")
    link(tmp_path / "in.mp4", tmp_path / "link.json")
    others = [tmp_path / "in.mp4", tmp_path / "out.mp4"]
    for name in ("in.mp4", "link.json", "out.mp4", "../" + tmp_path.name + "/out.mp4"):
        with pytest.raises(UsageError, match="--report"):
            check_report(tmp_path / name, others)
    for fine in (None, tmp_path / "r.json"):
        check_report(fine, others)


def test_a_report_that_cannot_be_written_is_said_before_the_run(tmp_path, monkeypatch):
    for path in (tmp_path / "nowhere" / "r.json", tmp_path, tmp_path / ("n" * 300)):
        with pytest.raises(SinkError):
            check_report(path, [])
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    with pytest.raises(SinkError, match="cannot be written to"):
        check_report(tmp_path / "r.json", [])
