"""What the page's Files tab does: looks at what comes, paints frames, previews and whole files.

A quick lane looks, paints single frames and previews; a long one paints. Of both, what was under
way when the server ended is begun again by the next one, and a painting goes on where it was.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from engines.errors import LivebrushError, SinkError, SourceError, UsageError
from engines.model_file import ORIGINAL
from realtime.files.inputs import expand_inputs
from realtime.media.format_registry import PICTURE_FORMATS
from realtime.web.studio.lane import Lane, Work
from realtime.web.studio.programs import (
    Outcome,
    Progress,
    frames_command,
    look_command,
    painting_command,
    preview_command,
)
from realtime.web.studio.records import About, Job, Record, Wishes
from realtime.web.studio.shelf import FRAMES, KEPT_DAYS, MOST_BYTES, Shelf
from realtime.web.studio.style_list import StyleList
from realtime.web.studio.swatches import Swatches

MOST_JOBS = 40
"""Of one file."""
_IS_WRITTEN = "another run is writing it"
_RETRY_S = 2.0
_TIDY_EVERY_S = 600.0
_NEEDED_BYTES = 200_000_000  # of room, to begin a painting and to go on with it
_PARTIAL = 6
_MOST_NAMES = 500


class Studio:
    """Films and pictures that pages bring, and what is made of them. Methods: from any thread.

    Those that name what is not here raise KeyError; what cannot be done is a LivebrushError.
    """

    def __init__(self, folder: Path, styles: StyleList, named: Sequence[Path] = ()) -> None:
        """Go on with what is in ``folder``; files in the folders ``named`` may be painted too."""
        self.styles, self._named = styles, named
        self._changed = threading.Condition(threading.RLock())
        self._shelf = Shelf(folder)
        self.swatches = Swatches(folder / "swatches", styles)
        self._closed = False
        self._unpainted: dict[str, set[str]] = {}  # styles of whose frame nothing came
        self._begins_s: dict[str, float] = {}  # jobs that wait for a process to leave their file
        self._tidied_s = float("-inf")
        for record in self._shelf.uploads.values():
            for job in record.jobs:
                if job.state == "running":
                    job.state = "waiting"
        self._lanes = (
            Lane("studio quick", self._changed, self._choose_quick),
            Lane("studio", self._changed, self._choose_painting),
        )

    def close(self) -> None:
        """End what runs; the next studio over the same folder goes on with it."""
        with self._changed:
            self._closed = True
        for lane in self._lanes:
            lane.begin_close()
        for lane in self._lanes:
            lane.close()
        self._shelf.close()

    def begin_upload(self, name: str, size_bytes: int) -> str:
        """Return the number of a file that is to come."""
        with self._changed:
            return self._shelf.begin(name, size_bytes)

    def name_file(self, folder: str, name: str) -> str:
        """Take a file of a folder that the owner has named; return its number."""
        with self._changed:
            found = next((path for path in self._named if str(path) == folder), None)
            if found is None or name not in _files_of(found):
                raise KeyError(name)
            number = self._shelf.name(found.resolve() / name)
            self._changed.notify_all()
            return number

    def append(self, number: str, at_byte: int, content: bytes) -> int:
        """Take a part of it; return how many bytes are here."""
        with self._changed:
            have = self._shelf.append(number, at_byte, content)
            self._changed.notify_all()
            return have

    def remove(self, number: str) -> None:
        """Remove a file and all that was made of it."""
        with self._changed:
            record = self._shelf.uploads[number]
            for job in record.jobs:
                job.state = "paused"
            record.about, record.problem = None, "is being removed"  # so nothing begins
        self._stop(number)
        with self._changed:
            self._shelf.remove(number)

    def paint(self, number: str, wishes: Wishes) -> str:
        """Queue a painting; return its number."""
        with self._changed:
            record, about = self._known(number)
            self._shelf.check_room(record.size_bytes + _NEEDED_BYTES)
            if about.is_picture and wishes.schedule:
                raise UsageError("a picture has no time: choose one style.")
            manner = "over_time" if wishes.schedule else wishes.style
            stem = f"{Path(record.file).stem}_{manner}"
            output = self._shelf.free_name(number, stem, about.ending)
            return self._queue(number, Job(secrets.token_hex(8), wishes, output))

    def preview(self, number: str, wishes: Wishes) -> str:
        """Queue a preview, in place of the one before; return its number."""
        with self._changed:
            record, about = self._known(number)
            if about.is_picture:
                raise UsageError("a picture is painted at once: it needs no preview.")
            self._shelf.check_room(_NEEDED_BYTES)
            old = [job for job in record.jobs if job.is_preview]
        for job in old:
            self.remove_job(number, job.id)
        with self._changed:
            job = Job(secrets.token_hex(8), wishes, f"preview-{secrets.token_hex(4)}.mp4", True)
            return self._queue(number, job)

    def pause(self, number: str, job_id: str) -> None:
        """Stop a painting so that it can go on later."""
        with self._changed:
            job = self._job(number, job_id)
            if job.state not in ("waiting", "running"):
                return
            job.state = "paused"
            self._shelf.keep(number)
        self._stop(f"{number}/{job_id}")

    def go_on(self, number: str, job_id: str) -> None:
        """Go on with a painting that is paused, or has failed."""
        with self._changed:
            job = self._job(number, job_id)
            if job.state in ("paused", "failed"):
                job.state, job.said = "waiting", ""
                self._shelf.keep(number)
                self._changed.notify_all()

    def remove_job(self, number: str, job_id: str) -> None:
        """Give a painting up, or remove it."""
        self.pause(number, job_id)
        with self._changed:
            job = self._job(number, job_id)
            path = self._shelf.folder_of(number) / job.output
            self._shelf.uploads[number].jobs.remove(job)
            self._shelf.keep(number)
        _remove_painting(path)

    def output_of(self, number: str, job_id: str) -> Path:
        """Return the file of a painting that is done."""
        with self._changed:
            job = self._job(number, job_id)
            if job.state != "done":
                raise UsageError("it is not done yet.")
            return self._shelf.folder_of(number) / job.output

    def frame_of(self, number: str, style: str) -> Path | None:
        """Return the picture of a file's frame in ``style``; None before it is painted."""
        with self._changed:
            path = self._shelf.folder_of(number) / FRAMES / f"{style}.jpg"
            known = style == ORIGINAL or style in self.styles.names
            return path if known and path.exists() else None

    def uses(self, style: str) -> bool:
        """Tell whether a painting that is not done is in ``style``."""
        with self._changed:
            return any(
                style in job.wishes.styles and job.state in ("waiting", "running", "paused")
                for record in self._shelf.uploads.values()
                for job in record.jobs
            )

    def state(self) -> dict[str, Any]:
        """Return all that the page shows, JSON-ready."""
        with self._changed:
            uploads = [self._upload_state(number) for number in self._shelf.uploads]
            return {
                "folder": str(self._shelf.folder),
                "used_bytes": self._shelf.used_bytes,
                "free_bytes": self._shelf.free_bytes,
                "most_bytes": MOST_BYTES,
                "kept_days": KEPT_DAYS,
                "uploads": uploads[::-1],
                "named": [{"folder": str(p), "names": _files_of(p)} for p in self._named],
            }

    def _upload_state(self, number: str) -> dict[str, Any]:
        record = self._shelf.uploads[number]
        about = record.about
        frames = self._shelf.folder_of(number) / FRAMES
        return {
            "number": number,
            "title": record.title,
            "size_bytes": record.size_bytes,
            "have_bytes": self._shelf.have_bytes(number),
            "problem": record.problem,
            "duration_s": about and about.duration_s,
            "size": about and about.size,
            "is_picture": bool(about and about.is_picture),
            "frames": sorted(path.stem for path in frames.glob("[!.]*.jpg")),
            "kept_until_s": self._shelf.kept_until_s(number),
            "jobs": [self._job_state(job) for job in record.jobs],
        }

    def _job_state(self, job: Job) -> dict[str, Any]:
        wishes = {key: getattr(job.wishes, key) for key in Wishes.__struct_fields__}
        told = {key: getattr(job, key) for key in Job.__struct_fields__ if key != "wishes"}
        title = ", ".join(map(self.styles.title, job.wishes.styles))
        return {**told, **wishes, "title": title}

    def _known(self, number: str) -> tuple[Record, About]:
        record = self._shelf.uploads[number]
        if record.about is None:
            raise UsageError(record.problem or f"{record.title}: is not looked at yet.")
        if len(record.jobs) >= MOST_JOBS:
            raise UsageError(f"{record.title}: has {MOST_JOBS} paintings; remove one first.")
        return record, record.about

    def _job(self, number: str, job_id: str) -> Job:
        found = {job.id: job for job in self._shelf.uploads[number].jobs}
        return found[job_id]

    def _queue(self, number: str, job: Job) -> str:
        self._shelf.uploads[number].jobs.append(job)
        self._shelf.keep(number)
        self._changed.notify_all()
        return job.id

    def _stop(self, key: str) -> None:
        for lane in self._lanes:
            lane.stop(lambda other: other == key or other.startswith(f"{key}/"))

    def _choose_quick(self) -> Work | None:
        self._tidy()
        whole = [number for number in self._shelf.uploads if self._shelf.is_whole(number)]
        for number in whole:
            record = self._shelf.uploads[number]
            if record.about is None and not record.problem:
                path, folder = self._shelf.path_of(number), self._shelf.folder_of(number)
                look = look_command(path, folder)
                return Work(number, look, _ignore, partial(self._looked, number))
        if preview := self._next_job(is_preview=True):
            return preview
        if command := self.swatches.missing_command():
            return Work("swatches", command, _ignore, _ignore)
        return next(filter(None, map(self._frames_work, reversed(whole))), None)

    def _choose_painting(self) -> Work | None:
        return self._next_job(is_preview=False)

    def _next_job(self, is_preview: bool) -> Work | None:
        for number, record in self._shelf.uploads.items():
            for job in record.jobs:
                due = self._begins_s.get(job.id, 0.0) <= time.monotonic()
                if job.is_preview == is_preview and job.state == "waiting" and due and record.about:
                    return self._job_work(number, job, record.about)
        return None

    def _job_work(self, number: str, job: Job, about: About) -> Work:
        path, output = self._shelf.path_of(number), self._shelf.folder_of(number) / job.output
        job.state, job.said = "running", ""
        command = (
            preview_command(path, output, job.wishes, about.size)
            if job.is_preview
            else painting_command(path, output, job.wishes)
        )
        key = f"{number}/{job.id}"
        end = partial(self._painted, number, job)
        return Work(key, command, partial(self._progressed, number, job), end)

    def _frames_work(self, number: str) -> Work | None:
        """Return what paints the styles that are missing of a file's frame."""
        record = self._shelf.uploads[number]
        folder = self._shelf.folder_of(number) / FRAMES
        there = {path.stem for path in folder.glob("*.jpg")} | self._unpainted.get(number, set())
        missing = [style for style in (ORIGINAL, *self.styles.names) if style not in there]
        if record.about is None or not missing:
            return None
        with suppress(OSError):  # the program says so
            folder.mkdir(mode=0o700, exist_ok=True)
        begin_s = (record.about.duration_s or 0.0) / 3  # films often begin black
        command = frames_command(self._shelf.path_of(number), begin_s, folder, missing)
        return Work(number, command, _ignore, lambda _: self._framed(number, missing))

    def _framed(self, number: str, styles: list[str]) -> None:
        # What has not come is not tried again: it would not come either.
        self._unpainted.setdefault(number, set()).update(styles)

    def _looked(self, number: str, outcome: Outcome) -> None:
        record = self._shelf.uploads.get(number)
        if record is None or self._closed:
            return
        try:
            (plan,) = json.loads(outcome.output)
            ending = Path(plan["output"]).suffix
            duration_s = None if ending.lower() in PICTURE_FORMATS else plan["duration_s"] or 0.0
            record.about = About(duration_s, plan["size"], ending)
        except ValueError:
            record.problem = outcome.problem[:600]
        self._keep(number)

    def _progressed(self, number: str, job: Job, progress: Progress) -> None:
        job.done, job.fps, job.left_s = progress.done, progress.fps, progress.left_s
        try:
            self._shelf.check_room(_NEEDED_BYTES)
        except SinkError as error:
            job.said = str(error)
            threading.Thread(target=lambda: self.pause(number, job.id), daemon=True).start()

    def _painted(self, number: str, job: Job, outcome: Outcome) -> None:
        job.fps, job.left_s = 0.0, None
        if job.state != "running" or number not in self._shelf.uploads:
            return  # it was paused or removed
        output = self._shelf.folder_of(number) / job.output
        partial_output = output.with_name(f"{output.stem}.partial{output.suffix}")
        if outcome.code == _PARTIAL and partial_output.exists():
            job.output, job.state, job.said = partial_output.name, "done", outcome.problem
        elif outcome.code == 0 and output.exists():
            job.state, job.done, job.said = "done", 1.0, _tell_notes(outcome, output)
        elif self._closed or outcome.code == 0:  # with its server, or without a reader
            return
        elif _IS_WRITTEN in outcome.problem:
            job.state, self._begins_s[job.id] = "waiting", time.monotonic() + _RETRY_S
        else:
            job.state, job.said = "failed", outcome.problem[:600]
        self._keep(number)

    def _keep(self, number: str) -> None:
        try:
            self._shelf.keep(number)
        except SinkError as error:
            self._shelf.uploads[number].problem = str(error)

    def _tidy(self) -> None:
        if time.monotonic() - self._tidied_s > _TIDY_EVERY_S:
            self._tidied_s = time.monotonic()
            try:
                self._shelf.tidy()
            except LivebrushError:
                return  # the disk is not ours to mend; the next time may do


def _files_of(folder: Path) -> list[str]:
    """Return the names of what can be painted there, without links that lead elsewhere."""
    try:
        found = expand_inputs([str(folder)])
    except SourceError:
        return []
    home = folder.resolve()
    return [file.path.name for file in found if file.path.resolve().parent == home][:_MOST_NAMES]


def _ignore(_: object) -> None:
    """Tell nobody."""


def _tell_notes(outcome: Outcome, output: Path) -> str:
    """Return what a program noted that is worth knowing, without the names of folders."""
    notes = [line.removeprefix("note: ") for line in outcome.lines if line.startswith("note: ")] + [
        line for line in outcome.lines if " frames, " in line
    ]
    return " · ".join(note.replace(f"{output.parent}{os.sep}", "") for note in notes)[:600]


def _remove_painting(path: Path) -> None:
    """Remove a painting, and what is kept of one that is not done."""
    path.unlink(missing_ok=True)
    shutil.rmtree(path.with_name(f".{path.name}.unfinished"), ignore_errors=True)
