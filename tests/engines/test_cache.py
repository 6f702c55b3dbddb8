from __future__ import annotations

from pathlib import Path

import pytest

from engines.cache import read_json, write_json
from engines.folders import cache_dir


def test_a_home_that_cannot_be_written_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LIVEBRUSH_CACHE", "/proc/nope")
    write_json(cache_dir() / "a.json", [1])
    assert read_json(cache_dir() / "a.json") == [1]


def test_damaged_json_is_nothing(tmp_path: Path):
    (tmp_path / "a.json").write_text("{")
    assert read_json(tmp_path / "a.json") is None
    assert read_json(tmp_path / "none.json") is None
