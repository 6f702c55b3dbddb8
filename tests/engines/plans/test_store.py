"""The cache trusts only what is this user's, whole and for exactly this; anything else is built
again and is never a crash.
"""

from __future__ import annotations

import dataclasses
import json
import os
import threading
import time
from pathlib import Path

import pytest

from engines.errors import ParityError
from engines.plans.shapes import Shapes
from engines.plans.store import PlanKey, PlanStore

KEY = PlanKey(
    "abc", "tensorrt_rtx", "1.7", "sm89", "Card", 13, "fp16", Shapes.only((480, 640)), "flags"
)


class Builder:
    """Gives a plan and counts."""

    def __init__(self, plan: bytes) -> None:
        self.plan, self.count = plan, 0

    def __call__(self) -> tuple[bytes, dict]:
        self.count += 1
        return self.plan, {"model": "tiny"}


@pytest.fixture
def store(tmp_path: Path) -> PlanStore:
    return PlanStore(tmp_path / "plans")


@pytest.fixture
def build(tiny_plan: bytes) -> Builder:
    return Builder(tiny_plan)


def only_file(store: PlanStore) -> Path:
    (path,) = store.folder.glob("*.plan")
    return path


def test_built_once_and_kept_for_the_user_alone(store: PlanStore, build: Builder):
    assert store.get(KEY) is None
    assert store.get_or_build(KEY, build) == store.get_or_build(KEY, build) == build.plan
    assert build.count == 1
    assert store.folder.stat().st_mode & 0o777 == 0o700
    assert only_file(store).stat().st_mode & 0o777 == 0o600
    (entry,) = store.entries()
    assert (
        entry.key == KEY and entry.facts["model"] == "tiny" and entry.size_bytes > len(build.plan)
    )
    assert store.expected_s(KEY) == entry.facts["build_s"]


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(PlanKey)])
def test_everything_in_the_key_counts(store: PlanStore, build: Builder, field: str):
    store.get_or_build(KEY, build)
    other = {"driver": 14, "shapes": Shapes.only((240, 320))}.get(field, "other")
    assert store.get(dataclasses.replace(KEY, **{field: other})) is None


def damaged(path: Path, how: str) -> None:
    whole = path.read_bytes()
    header, _, plan = whole.partition(b"\n")
    foreign = json.loads(header)
    foreign["key"]["card"] = "Another card"
    content = {
        "empty": b"",
        "half": whole[: len(whole) // 2],
        "one bit": whole[:-1] + bytes([whole[-1] ^ 1]),
        "no header": plan,
        "other header": b"[]\n" + plan,
        "header without a key": json.dumps({**foreign, "key": 5}).encode() + b"\n" + plan,
        "another card": json.dumps(foreign).encode() + b"\n" + plan,
    }
    path.write_bytes(content[how])


@pytest.mark.parametrize(
    "how",
    [
        "empty",
        "half",
        "one bit",
        "no header",
        "other header",
        "header without a key",
        "another card",
    ],
)
def test_damaged_and_foreign_files_are_built_again(store: PlanStore, build: Builder, how: str):
    store.get_or_build(KEY, build)
    damaged(only_file(store), how)
    assert store.get(KEY) is None
    store.entries()
    assert store.get_or_build(KEY, build) == build.plan
    assert build.count == 2
    assert store.get(KEY) == build.plan


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_what_others_could_have_written_is_not_trusted(store: PlanStore, build: Builder):
    store.get_or_build(KEY, build)
    only_file(store).chmod(0o666)
    assert store.get(KEY) is None
    only_file(store).chmod(0o600)
    store.folder.chmod(0o777)
    assert store.get(KEY) is None
    assert PlanStore(store.folder).get(KEY) == build.plan, "a folder of one's own is closed again"
    if os.getuid() == 0:
        os.chown(only_file(store), 12345, 12345)
        assert store.get(KEY) is None


def test_nothing_is_kept_of_a_build_that_fails(store: PlanStore):
    def fail() -> tuple[bytes, dict]:
        raise ParityError("too far away")

    with pytest.raises(ParityError):
        store.get_or_build(KEY, fail)
    assert not store.entries() and not list(store.folder.glob(".*.part-*"))


def test_builders_of_the_same_wait_for_each_other(store: PlanStore, build: Builder):
    inside = []

    def slow() -> tuple[bytes, dict]:
        inside.append(1)
        time.sleep(0.2)
        assert len(inside) == 1
        return build()

    results: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: results.append(store.get_or_build(KEY, slow)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == [build.plan] * 4 and build.count == 1


def test_a_builder_that_was_killed_leaves_no_lock(store: PlanStore, build: Builder, tmp_path: Path):
    import subprocess
    import sys

    locks = store.folder / "locks"
    locks.mkdir()
    lock = str(locks / f"{KEY.digest}.lock")
    code = f"from filelock import FileLock; held = FileLock({lock!r}); held.acquire(); "
    code += "print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        waiting = threading.Thread(target=lambda: store.get_or_build(KEY, build))
        waiting.start()
        time.sleep(0.1)
        assert build.count == 0
        other.kill()
        waiting.join(30)
    assert build.count == 1


def test_the_longest_unused_go_first(tmp_path: Path, build: Builder):
    store = PlanStore(tmp_path / "plans", limit_bytes=int(2.5 * len(build.plan)))
    keys = [dataclasses.replace(KEY, model_sha256=str(i)) for i in range(3)]
    for age_s, key in zip((30, 20), keys[:2], strict=True):
        store.get_or_build(key, build)
        os.utime(store.folder / f"{key.digest}.plan", (time.time() - age_s,) * 2)
    assert store.get(keys[0]) == build.plan, "reading is using"
    left = store.folder / ".crashed.part-1.plan"
    left.write_bytes(b"x")
    os.utime(left, (1, 1))
    store.get_or_build(keys[2], build)
    assert [store.get(key) is not None for key in keys] == [True, False, True]
    assert not left.exists()


def test_a_range_serves_the_sizes_in_it(store: PlanStore, build: Builder):
    wide = dataclasses.replace(KEY, shapes=Shapes.parse("320x240,640x480,1280x720"))
    store.get_or_build(wide, build)
    assert store.get(KEY) == build.plan
    assert store.get(dataclasses.replace(KEY, shapes=Shapes.only((1080, 1920)))) is None
    assert store.get(dataclasses.replace(KEY, precision="int8")) is None
    store.discard(KEY)
    assert store.get(KEY) is None and not store.entries()


def test_siblings_are_trusted_as_little(store: PlanStore):
    """Compiled kernels are code as plans are."""
    path = store.sibling("x.kernels")
    assert store.read(path) == b""
    store.write(path, b"kernels")
    assert store.read(path) == b"kernels"
    if os.name != "nt":
        path.chmod(0o666)
        assert store.read(path) == b""


def test_where_nobody_can_be_waited_for_each_builds_for_himself(store: PlanStore, build: Builder):
    (store.folder / "locks").write_bytes(b"")  # as in a folder that cannot be written
    assert store.get_or_build(KEY, build) == build.plan


def test_clear(store: PlanStore, build: Builder):
    store.get_or_build(KEY, build)
    store.write(store.sibling("timings-sm89.bin"), b"x")
    count, size_bytes = store.clear()
    assert count == 2 and size_bytes > len(build.plan)
    assert not store.entries()


def test_a_disk_that_is_full_costs_only_time(store: PlanStore, build: Builder, monkeypatch, caplog):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert store.get_or_build(KEY, build) == build.plan
    assert "built again next time" in caplog.text
    assert not list(store.folder.glob(".*.part-*")) and not store.entries()
