"""Where the painted version of an input goes, and every reason not to write there."""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

from engines.errors import SinkError, UsageError
from realtime.files.inputs import InputFile
from realtime.files.painter import PaintingPlan, painted_size
from realtime.media.format_registry import (
    ANIMATION_ENDINGS,
    OUTPUT_ENDINGS,
    PICTURE_ENDINGS,
    PICTURE_FORMATS,
    READ_ENDINGS,
    VIDEO_FORMATS,
    default_ending,
)
from realtime.media.names import output_exists
from realtime.media.pipes import STDIO
from realtime.media.reading.picture_files import moves
from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.file_output import FileOutput
from realtime.media.writing.gif import GifOutput
from realtime.media.writing.picture_file import PictureOutput
from realtime.media.writing.pipe import PipeOutput
from realtime.media.writing.video_file import VideoOutput

if TYPE_CHECKING:
    from realtime.files.options import FileOptions

_PART = re.compile(r"(\.preview)?(\.partial(-\d+)?)?(?=\.[^./\\]+$)")
_PLACEHOLDERS = ("{dir}", "{stem}", "{style}", "{ext}")


def output_paths(
    files: Sequence[InputFile], output: str | None, style: str, notes: list[str] | None = None
) -> list[Path]:
    """Return one path per input: beside it as STEM_STYLE.EXT, or as ``output`` says.

    ``output`` is a file; a folder, in which the inputs' own subfolders are repeated; or a template
    with {stem}, {style}, {ext} and {dir}, the subfolder, in it. Where several inputs would get the
    same output, each one's own ending joins its stem, and then a number; ``notes`` gets a line that
    says so.

    Raises UsageError if ``output`` says nothing that could tell them apart.
    """
    taken: dict[Path, Path] = {}
    for file, (path, plain) in zip(files, _name_all(files, output, style), strict=True):
        if path in taken:
            raise UsageError(
                f"{f'-o {output}: ' if output else ''}{taken[path]} and {file.path} would both "
                f"become {path}. Put {{stem}} in it, or name a folder with -o FOLDER/."
            )
        taken[path] = file.path
        if path != plain and notes is not None:
            notes.append(f"{file.path}: others would have the same output; it becomes {path}.")
    return list(taken)


def drop_results(files: Sequence[InputFile], output: str | None, style: str) -> list[InputFile]:
    """Return ``files`` without the results of an earlier run over the others in the same style.

    Previews and parts are results too. What the user has named stays.
    """
    # With another input beside it, a file may have had another output then.
    results = set(map(os.path.realpath, chain.from_iterable(_name_all(files, output, style))))
    return [
        file
        for file in files
        if file.named or _PART.sub("", os.path.realpath(file.path)) not in results
    ]


def is_folder(output: str | None) -> bool:
    """Return whether -o names a folder or a template rather than one file.

    Below these, missing folders are made.
    """
    if output is None:
        return False
    return (
        output.endswith(("/", os.sep))
        or os.path.isdir(output)
        or any(name in output for name in _PLACEHOLDERS)
    )


def make_folder(path: Path) -> None:
    """Make the folder that ``path`` shall lie in. Raises SinkError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"{path}: its folder cannot be made ({error.strerror}).") from error


def identify(inputs: Sequence[Path]) -> dict[object, Path]:
    """Return each of ``inputs`` by all that tells one file from others, for ``check_output``."""
    return {identity: path for path in inputs for identity in _identities(path)}


def check_output(path: Path, inputs: Mapping[object, Path], overwrite: bool) -> None:
    """Raise an error if ``path`` cannot or must not be written.

    UsageError if it or its partial name is one of the inputs, by whatever name or link, if it
    exists and must not be replaced, or has an ending that cannot be written. SinkError if its
    folder is not there or the name cannot be. ``inputs``: what ``identify`` makes of them.
    """
    if path == STDIO:
        return
    for identity in _identities(path) & inputs.keys():
        raise UsageError(
            f"{path}: is the input {inputs[identity]} itself. An input is never overwritten; "
            "choose another -o."
        )
    for identity in _identities(_partial_path(path)) & inputs.keys():
        raise UsageError(
            f"{path}: a part of it would be saved as the input {inputs[identity]}. Choose another "
            "-o."
        )
    if not path.suffix:
        raise UsageError(
            f"{path}: has no ending, such as .mp4. If it is to be a folder, type -o {path}/"
        )
    if path.suffix.lower() not in OUTPUT_ENDINGS:
        raise UsageError(
            f"{path}: the ending {path.suffix!r} is none of {', '.join(OUTPUT_ENDINGS)}."
        )
    if not os.path.isdir(path.parent):
        raise SinkError(f"{path}: the folder {path.parent} does not exist.")
    if output_exists(path) and path.is_dir():
        raise SinkError(f"{path}: is a folder.")
    if output_exists(path) and not overwrite:
        raise UsageError(f"{path}: exists. -y overwrites it, -n skips it.")


def _identities(path: Path) -> set[object]:
    """Return where ``path`` leads, and the file itself if it is there."""
    found: set[object] = {os.path.realpath(path)}
    with contextlib.suppress(OSError):
        status = os.stat(path)
        found.add((status.st_dev, status.st_ino))
    return found


def open_output(
    path: Path, video: VideoFile, options: FileOptions, made_with: PaintingPlan | None
) -> FileOutput:
    """Open what the painting of ``video`` is written into. Raises SinkError or UsageError.

    ``made_with``: all that decides how its pixels come out, for what --resume goes on from.
    """
    if options.pipe is not None:
        size = painted_size(video.info.size, options.side_by_side)
        return PipeOutput(options.pipe, video.info, size, options.raw_output)
    if path.suffix.lower() in PICTURE_FORMATS:
        return PictureOutput(path, video.info.profile)
    if path.suffix.lower() in ANIMATION_ENDINGS:
        return GifOutput(path, video.info, painted_size(video.info.size, options.side_by_side))
    return open_video_output(path, video, options, made_with)


def open_video_output(
    path: Path, video: VideoFile, options: FileOptions, made_with: PaintingPlan | None
) -> VideoOutput:
    """Do as ``open_output``, for a file that holds a video."""
    return VideoOutput(
        path,
        options.painted_info(video.info),
        options.encoding,
        painted_size(video.info.size, options.side_by_side),
        made_with,
        resumes=options.resume,
        overwrite=options.overwrite and not options.resume,
    )


def partial_path(path: Path, overwrite: bool) -> Path:
    """Return where a part of ``path`` is saved: NAME.partial.EXT.

    It gets a number where that exists and must not be replaced.
    """
    names = (_partial_path(path, f"-{number}" if number > 1 else "") for number in count(1))
    return next(name for name in names if overwrite or not output_exists(name))


def _partial_path(path: Path, number: str = "") -> Path:
    return path.with_name(f"{path.stem}.partial{number}{path.suffix}")


def _name_all(
    files: Sequence[InputFile], output: str | None, style: str
) -> list[tuple[Path, Path]]:
    """Return an output for each of ``files``, and the one that it would have alone.

    Equal ones are left only where ``output`` does not take the stem.
    """
    outputs = [_Output(file, _painted_ending(file.path), output, style) for file in files]
    plain = [each.path(each.file.path.stem) for each in outputs]
    count_of = Counter(plain)
    taken = {path for path in plain if count_of[path] == 1}
    named = []
    for each, path in zip(outputs, plain, strict=True):
        named.append((path, path))
        if count_of[path] > 1 and path != each.path(""):
            other = next(other for other in map(each.path, each.stems()) if other not in taken)
            taken.add(other)
            named[-1] = other, path
    return named


def _painted_ending(path: Path) -> str:
    """Return the ending of a painting of ``path``: that of a film or of a picture, as it is one.

    Of files that are called pictures, or nothing that is known, what is in them decides.
    """
    ending, own = default_ending(path), path.suffix.lower()
    if own in READ_ENDINGS - PICTURE_ENDINGS and own != ".gif":
        return ending
    is_film = moves(path)
    if is_film is None or is_film == (ending.lower() in VIDEO_FORMATS):
        return ending
    return ".mp4" if is_film else ".png"


@dataclass(frozen=True)
class _Output:
    """Where the painting of ``file`` goes, but for its stem."""

    file: InputFile
    ending: str
    output: str | None
    style: str

    def stems(self) -> Iterator[str]:
        """Yield others than its own: with the ending, and then a number."""
        stem = "_".join(filter(None, (self.file.path.stem, self.file.path.suffix[1:])))
        return chain([stem], (f"{stem}-{number}" for number in count(2)))

    def path(self, stem: str) -> Path:
        """Return it for a file of that stem."""
        source, output = self.file.path, self.output
        default = f"{stem}_{self.style}{self.ending}"
        if output == str(STDIO):
            return STDIO
        if output is None:
            if source == STDIO:
                raise UsageError("-: what is piped in needs -o: a file, or - to pipe it out again.")
            return source.with_name(default)
        if any(placeholder in output for placeholder in _PLACEHOLDERS):
            values = dict(
                zip(
                    _PLACEHOLDERS,
                    (str(self.file.subfolder), stem, self.style, self.ending[1:]),
                    strict=True,
                )
            )
            return Path(
                re.sub("|".join(map(re.escape, values)), lambda found: values[found[0]], output)
            )
        return Path(output) / self.file.subfolder / default if is_folder(output) else Path(output)
