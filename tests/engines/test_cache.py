from __future__ import annotations

import os
from pathlib import Path

import pytest

from engines.cache import cache_dir, prune, read_json, write_json


def test_cache_is_the_users_own(own_cache: Path):
    assert cache_dir() == own_cache
    assert own_cache.stat().st_mode & 0o777 == 0o700


def test_a_home_that_cannot_be_written_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LIVEBRUSH_CACHE", "/proc/nope")
    write_json(cache_dir() / "a.json", [1])
    assert read_json(cache_dir() / "a.json") == [1]


def test_damaged_json_is_nothing(tmp_path: Path):
    (tmp_path / "a.json").write_text("{")
    assert read_json(tmp_path / "a.json") is None
    assert read_json(tmp_path / "none.json") is None


def test_prune_keeps_the_newest(tmp_path: Path):
    for age, name in enumerate(("new", "middle", "old")):
        (tmp_path / name).write_bytes(b"x" * 100)
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    prune(tmp_path, 250)
    assert {p.name for p in tmp_path.iterdir()} == {"new", "middle"}
    prune(tmp_path / "none", 1)
