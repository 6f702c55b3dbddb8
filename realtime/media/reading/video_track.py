"""Which of a file's video tracks is the film: not its cover, preview or tiles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engines.errors import SourceError
from engines.install import install_line
from realtime.media.packets import COVER_PICTURE
from realtime.media.reading.picture_files import MAX_PIXELS

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

# Of FFmpeg's dispositions: a track that is meant to be seen, one that is a part of a picture, and
# those that are no film: that, covers, and previews for a player's time line.
_DEFAULT, _TILE, _TIMED_THUMBNAILS = 0x1, 0x80000, 0x800
_NO_FILM = COVER_PICTURE | _TILE | _TIMED_THUMBNAILS
_PICTURE_CODECS = ("bmp", "gif", "mjpeg", "png", "webp")  # of tracks that may be thumbnails


def video_track(path: Path, container: InputContainer, notes: list[str]) -> VideoStream:
    """Choose the video track: the default one, and of several the largest.

    No cover, no preview and no tile. Raises SourceError if it cannot be decoded.
    """
    streams = [
        stream for stream in container.streams.video if not int(stream.disposition) & _NO_FILM
    ]
    if not streams:
        if any(int(stream.disposition) & _TILE for stream in container.streams.video):
            raise SourceError(f"{path}: is a picture in tiles, of a kind that is not read.")
        raise SourceError(f"{path}: has no video track.")
    known = [stream for stream in streams if stream.codec_context is not None]
    if not known:
        raise SourceError(
            f"{path}: its video is encrypted (DRM), or coded in a way that is not known here "
            f"({container.format.long_name})."
        )
    largest = max(map(_area, known))
    films = [
        stream
        for stream in known
        if stream.codec_context.name not in _PICTURE_CODECS or _area(stream) * 2 >= largest
    ]
    chosen = max(films, key=lambda stream: (int(stream.disposition) & _DEFAULT, _area(stream)))
    context = chosen.codec_context
    if _area(chosen) > MAX_PIXELS:
        raise SourceError(
            f"{path}: {context.width}x{context.height} is more than {MAX_PIXELS >> 20} "
            "megapixels. A picture of that size is painted with --tile 1024, and with libvips "
            f"({install_line('large')})."
        )
    if len(streams) > 1:
        notes.append(
            f"{path.name}: has {len(streams)} video tracks; number {streams.index(chosen) + 1}, "
            f"{context.width}x{context.height}, is painted, the others are left out."
        )
    return chosen


def _area(stream: VideoStream) -> int:
    return stream.codec_context.width * stream.codec_context.height
