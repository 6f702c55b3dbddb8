"""What the user asked for, for every file of a call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from engines.style_row import StyleRow
from realtime.controls.show import Show
from realtime.files.progress import LINE_EVERY_S
from realtime.look import Look, Mix
from realtime.media.format_registry import VIDEO_FORMATS
from realtime.media.info import VideoInfo
from realtime.media.pipes import RawVideo
from realtime.media.writing.encoding import Encoding
from realtime.picture.layers import NO_PICTURES, LookPictures
from realtime.picture.network_pieces import largest_piece
from realtime.picture.sizes import network_size
from realtime.timeline import Timeline

Resize = Callable[[tuple[int, int]], tuple[int, int]]


@dataclass(frozen=True)
class FileOptions:
    """What holds for every file of a call."""

    look: Look
    encoding: Encoding
    start_s: Fraction | None = None
    """--ss: where reading begins, in seconds of the file; None: at its beginning."""
    end_s: Fraction | None = None
    """--to: where reading ends, in seconds of the file; None: at its end."""
    resize: Resize = field(default=lambda size: size)
    """--size or --scale: the (height, width) of the output from that of the input."""
    overwrite: bool = False
    """-y: outputs that exist are replaced."""
    skip_existing: bool = False
    """-n: inputs whose output exists are skipped."""
    resume: bool = False
    """--resume: interrupted runs are gone on with."""
    make_folders: bool = False
    """The folders of outputs are made where they are missing."""
    timeline: Timeline = field(default_factory=Timeline)
    """--timeline or --style-schedule."""
    show: Show | None = None
    """--replay."""
    side_by_side: bool = False
    """The input stands on the left, the painting on the right."""
    raw_input: RawVideo | None = None
    """--raw-input: what comes through a pipe without a header."""
    raw_output: bool = False
    """A pipe gets bare rgb24 pictures."""
    deinterlace: bool = True
    """What is interlaced is read deinterlaced."""
    tile_px: int | None = None
    """--tile: the longest side of what the network is given; None: as large as memory lets."""
    max_pixels: int | None = None
    """--max-pixels: larger pictures are refused with --tile too; None: none are."""
    stall_s: float = 120.0
    """--stall: how long a step may hang before the program is left; 0: for ever."""
    progress_s: float = LINE_EVERY_S
    """--progress-every: between two lines of progress, where there is no terminal."""
    pictures: LookPictures = NO_PICTURES
    """Those that the look names."""
    save_lut: Path | None = None
    """--save-lut: where the colour table of the grade goes; None: nowhere."""
    rows: tuple[StyleRow, ...] = ()
    """The styles that the look may name beside the model's own."""
    pipe: BinaryIO | None = None
    """Where the one output goes, if it is a pipe."""

    @property
    def label(self) -> str:
        """Return what the styles are called in names of outputs."""
        if self.show:
            return "show"
        return self.look.label if len(self.timeline.entries) < 2 else "timeline"

    @property
    def mixes(self) -> list[Mix]:
        """Return every mix of styles that is painted, that of the look first."""
        looks = [self.look, *(self.show.looks if self.show else ())]
        own = [mix for look in looks for mix in (look.mix, look.behind_mix) if mix]
        return [*own, *(entry.mix for entry in self.timeline.entries)]

    def painted_info(self, info: VideoInfo) -> VideoInfo:
        """Return what a writer is to know of an input: its paintings may have transparency."""
        return replace(info, has_alpha=info.has_alpha or self.encoding.keeps_alpha)

    def engine_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the (height, width) that an engine is given of frames of ``size``."""
        return largest_piece(network_size(size, self.look.brush), self.tile_px)

    def paints_tensors(self, output: Path) -> bool:
        """Return whether all that is asked for is there for frames on a GPU too."""
        return (
            not (self.look.sees_people or self.look.stability or self.look.grade)
            and not (self.side_by_side or self.tile_px)
            and self.show is None
            and output.suffix.lower() in VIDEO_FORMATS
        )
