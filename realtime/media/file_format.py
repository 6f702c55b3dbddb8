"""What a kind of file is to the programs: its endings, and how it is read and written.

Every file in realtime/media/formats is such a kind, or a family of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class FileFormat:
    """A kind of file that can be read."""

    suffixes: tuple[str, ...]
    """Its endings, in small letters, the usual one first."""

    rank: int = 100
    """Where several would do, and in lists for users, the lowest comes first."""


@dataclass(frozen=True, kw_only=True)
class ReadOnlyFormat(FileFormat):
    """A kind of file that is read, but not written."""

    is_picture: bool = False
    """Whether it is made for single pictures."""

    painted_as: str = ".mp4"
    """The ending that its painting has where the user gives none."""


@dataclass(frozen=True, kw_only=True)
class VideoFormat(FileFormat):
    """A kind of video file that FFmpeg writes."""

    container: str
    """FFmpeg's name of what writes it."""

    encoder: str = "libx264"
    """The video encoder that is taken where the user names none."""

    alpha_encoder: str | None = None
    """The one that is taken where transparency is asked for; None: it keeps none."""

    sound: str = "aac"
    """The encoder of sound that it cannot hold as it is."""

    subtitles: str | None = None
    """The encoder of subtitles that it cannot hold as they are; None: they are left out."""

    covers: Literal["track", "attachment"] | None = None
    """How it keeps cover pictures; None: not at all."""

    has_attachments: bool = False
    """Whether it keeps attachments, such as the fonts of subtitles."""

    has_alpha_beside: bool = False
    """Whether it has room beside a packet for the transparency that libvpx writes there."""

    has_timescale: bool = False
    """Whether its muxer takes movie_timescale, and so keeps times of any time base exactly."""

    keeps_start: bool = False
    """Whether times below 0 stay as they are, of decoding and of sound that players skip.

    If not, FFmpeg moves all tracks together, so that the first frame is shown a little later.
    """

    options: Mapping[str, str] = field(default_factory=dict)
    """Options of its muxer for finished files."""


@dataclass(frozen=True, kw_only=True)
class PictureFormat(FileFormat):
    """A kind of picture file."""

    name: str
    """What users call it."""

    encode: Callable[[np.ndarray, bytes | None], bytes]
    """Make a file's content of (H, W, 3) uint8 RGB and an ICC profile, if there is one.

    (H, W, 4) RGBA where it keeps transparency. Raises OSError for what it cannot hold.
    """

    keeps_alpha: bool = False
    """Whether it keeps transparency."""

    quality: int | None = None
    """How finely it is coded, 1 to 100, for other writers of it; None: without loss."""
