from __future__ import annotations

import os
from pathlib import Path

import pytest

from engines.folders import cache_dir, prune


def test_cache_is_the_users_own(own_cache: Path):
    assert cache_dir() == own_cache
    assert own_cache.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.name == "nt", reason="owners and modes are those of POSIX")
def test_a_cache_that_others_may_write_is_not_used(own_cache: Path, monkeypatch, caplog):
    cache_dir().chmod(0o777)
    assert cache_dir() != own_cache and f"chmod go-w {own_cache}" in caplog.text
    own_cache.chmod(0o700)
    assert cache_dir() == own_cache
    own = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: own + 1)
    assert cache_dir() != own_cache


def test_prune_keeps_the_newest(tmp_path: Path):
    for age, name in enumerate(("new", "middle", "old")):
        (tmp_path / name).write_bytes(b"x" * 100)
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    prune(tmp_path, 250)
    assert {p.name for p in tmp_path.iterdir()} == {"new", "middle"}
    prune(tmp_path / "none", 1)
