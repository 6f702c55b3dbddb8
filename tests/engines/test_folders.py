from __future__ import annotations

import os
from pathlib import Path

from engines.folders import cache_dir, prune


def test_cache_is_the_users_own(own_cache: Path):
    assert cache_dir() == own_cache
    assert own_cache.stat().st_mode & 0o777 == 0o700


def test_prune_keeps_the_newest(tmp_path: Path):
    for age, name in enumerate(("new", "middle", "old")):
        (tmp_path / name).write_bytes(b"x" * 100)
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    prune(tmp_path, 250)
    assert {p.name for p in tmp_path.iterdir()} == {"new", "middle"}
    prune(tmp_path / "none", 1)
