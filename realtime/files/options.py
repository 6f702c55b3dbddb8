"""What the user asked for, for every file of a call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from realtime.look import Look
from realtime.media.format_registry import VIDEO_FORMATS
from realtime.media.pipes import RawVideo
from realtime.media.writing.encoding import Encoding
from realtime.picture.network_pieces import largest_piece
from realtime.picture.sizes import network_size
from realtime.timeline import Timeline

Resize = Callable[[tuple[int, int]], tuple[int, int]]


@dataclass(frozen=True)
class FileOptions:
    """What holds for every file of a call.

    ``start_s`` and ``end_s``: --ss and --to; ``resize``: --size or --scale; ``tile_px``: --tile;
    ``pipe``: where an output called ``STDIO`` goes; ``make_folders``: the folders of outputs are
    made where they are missing.
    """

    look: Look
    encoding: Encoding
    start_s: Fraction | None = None
    end_s: Fraction | None = None
    resize: Resize = field(default=lambda size: size)
    overwrite: bool = False
    skip_existing: bool = False
    resume: bool = False
    make_folders: bool = False
    timeline: Timeline = field(default_factory=Timeline)
    side_by_side: bool = False
    raw_input: RawVideo | None = None
    raw_output: bool = False
    deinterlace: bool = True
    tile_px: int | None = None
    pipe: BinaryIO | None = None

    @property
    def label(self) -> str:
        """What the styles are called in names of outputs."""
        return self.look.label if len(self.timeline.entries) < 2 else "timeline"

    def engine_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the (height, width) that an engine is given of frames of ``size``."""
        return largest_piece(network_size(size, self.look.brush), self.tile_px)

    def paints_tensors(self, output: Path) -> bool:
        """Whether all that is asked for is there for frames that live on a card too."""
        return (
            not (self.look.stability or self.side_by_side or self.tile_px)
            and output.suffix.lower() in VIDEO_FORMATS
        )
