from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from engines.atomic_write import atomic_write, temporary_path


def test_a_file_is_replaced_in_one_step(tmp_path: Path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with atomic_write(target) as written:
        assert written.parent == target.parent and written.suffix == ".txt"
        written.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_after_an_error_all_is_as_it_was(tmp_path: Path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_write(target) as written:
        written.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_what_cannot_be_synced_does_not_get_the_name(tmp_path: Path, monkeypatch):
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"), atomic_write(tmp_path / "a", fsync=True) as new:
        new.write_bytes(b"x")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_private_file_is_the_users_alone_from_its_first_byte(tmp_path: Path):
    temporary_path(tmp_path / "a").write_bytes(b"left behind, for all to read")
    with atomic_write(tmp_path / "a", private=True) as written:
        assert written.stat().st_mode & 0o777 == 0o600 and not written.read_bytes()
        written.write_bytes(b"x")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_threads_do_not_collide(tmp_path: Path):
    target, inside = tmp_path / "a", threading.Barrier(2)

    def write(text: str) -> None:
        with atomic_write(target) as written:
            written.write_text(text)
            inside.wait(10)

    threads = [threading.Thread(target=write, args=(text,)) for text in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert target.read_text() in ("one", "two")
    assert list(tmp_path.iterdir()) == [target]
