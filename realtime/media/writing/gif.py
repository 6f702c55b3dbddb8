"""Writes a painted video as an animated GIF, for pages and chats that play nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines.errors import SinkError
from realtime.frame import FileFrame
from realtime.media.disk import write_errors
from realtime.media.info import VideoInfo
from realtime.media.writing.pending_file import PendingFile
from realtime.media.writing.segments import Resume
from realtime.picture.gpu.tensors import on_host

if TYPE_CHECKING:
    from av.filter import Graph

    from realtime.frame import Pixels

_TICK_S = Fraction(1, 100)  # GIF's own
_SHORTEST_TICKS = 2  # what is shown for less, browsers show for a tenth of a second


class GifOutput:
    """The painted version of ``source`` at ``path``, in (height, width) ``size``, played for ever.

    Frames keep their times to a hundredth of a second; more than fifty a second are thinned out.
    Use from one thread, and end with ``finish`` or ``discard``. Raises SinkError.
    """

    frames: int
    """How many came in."""

    resume: Resume
    """Nothing to go on from."""

    notes: list[str]
    """Lines that the user should see."""

    def __init__(self, path: Path, source: VideoInfo, size: tuple[int, int]) -> None:
        self.frames = 0
        self.resume = Resume()
        self.notes = [f"{path}: a GIF has 256 colours a frame and no sound."]
        if source.has_alpha:
            self.notes.append("transparent places are painted on white.")
        self._source, self._size = source, size
        self._next_ticks = 0
        self._file = PendingFile(path)
        with self._errors():
            self._open()

    def write(self, frame: FileFrame, pixels: Pixels) -> None:
        """Take ``pixels``, (H, W, 3) uint8 RGB, at the time of ``frame``."""
        from av.video.frame import VideoFrame

        self.frames += 1
        ticks = round((frame.pts - self._source.first_pts) * frame.time_base / _TICK_S)
        if ticks < self._next_ticks:
            return
        self._next_ticks = ticks + _SHORTEST_TICKS
        picture = VideoFrame.from_ndarray(np.ascontiguousarray(on_host(pixels)), "rgb24")
        picture.pts, picture.time_base = ticks, _TICK_S
        with self._errors():
            self._graph.push(picture)
            self._encode()

    def finish(self, _last_duration: int, name: Path | None = None) -> Path:
        """Complete the file, give it its name or ``name`` in the same folder, and return that."""
        with self._errors():
            if not self.frames:
                raise SinkError(f"{self._file.path}: no frame was written.")
            self._graph.push(None)
            self._encode()
            self._output.mux(self._stream.encode(None))
            self._output.close()
        return self._file.commit(name)

    def discard(self) -> int:
        """Leave nothing; 0 frames are kept for --resume. Harmless after ``finish``."""
        self._output.close()
        self._file.discard()
        return 0

    def _open(self) -> None:
        import av

        last = max(_SHORTEST_TICKS, round(1 / self._source.rate / _TICK_S))
        self._output = av.open(
            str(self._file.temporary), "w", format="gif", options={"final_delay": str(last)}
        )
        self._stream = self._output.add_stream("gif", rate=100)
        self._stream.height, self._stream.width = self._size
        self._stream.pix_fmt = "pal8"
        self._stream.codec_context.time_base = _TICK_S
        self._graph = _make_graph(self._size)

    def _encode(self) -> None:
        import av

        while True:
            try:
                picture = self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            self._output.mux(self._stream.encode(picture))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        with write_errors(self._file.path, "gif"):
            yield


def _make_graph(size: tuple[int, int]) -> Graph:
    """Return what brings rgb24 pictures of (height, width) to 256 colours each.

    One choice of colours for all of them would need them all in memory.
    """
    from av.filter import Graph
    from av.video.format import VideoFormat

    graph = Graph()
    rgb = VideoFormat("rgb24")
    source = graph.add_buffer(width=size[1], height=size[0], format=rgb, time_base=_TICK_S)
    split = graph.add("split")
    colours = graph.add("palettegen", "stats_mode=single")
    use = graph.add("paletteuse", "new=1:dither=sierra2_4a")
    source.link_to(split)
    split.link_to(colours, 0, 0)
    split.link_to(use, 1, 0)
    colours.link_to(use, 0, 1)
    use.link_to(graph.add("buffersink"))
    graph.configure()
    return graph
