"""Filters of FFmpeg between decoder and painter: deinterlacing, and high dynamic range mapped."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from realtime.picture.tone_mapping import tone_mapping_cube

if TYPE_CHECKING:
    from av.filter import Graph
    from av.video.frame import VideoFrame

    from realtime.picture.color import ColorCoding

_DEEP_RGB = "gbrp12le"  # what lut3d is given
_ANY_TIME_BASE = Fraction(1, 25)  # a filter asks for one, also where times play no part


def deinterlace_pictures(
    pictures: Iterator[VideoFrame], time_base: Fraction
) -> Iterator[VideoFrame]:
    """Yield as many pictures as came, at their times in ``time_base``; bwdif deinterlaces them.

    Those that are progressive stay as they are.
    """
    for _, alike in itertools.groupby(
        pictures, key=lambda picture: (picture.width, picture.height, picture.format.name)
    ):
        first = next(alike)
        graph = _make_graph(
            first, time_base, "bwdif", "mode=send_frame:parity=auto:deint=interlaced"
        )
        for picture in itertools.chain([first], alike):
            picture.time_base = time_base
            graph.vpush(picture)
            yield from _pull_all(graph, time_base)
        graph.vpush(None)
        yield from _pull_all(graph, time_base)


class ToneMapping:
    """Maps pictures coded with ``transfer``, "PQ" or "HLG", to BT.709 as 12-bit full-range RGB.

    One thread.
    """

    def __init__(self, transfer: str) -> None:
        from av.video.reformatter import VideoReformatter

        self._transfer = transfer
        self._reformatter = VideoReformatter()
        self._graph: tuple[tuple[int, int], Graph] | None = None

    def apply(self, picture: VideoFrame, coding: ColorCoding) -> VideoFrame:
        """Return ``picture``, which has that ``coding``, mapped."""
        from av.video.reformatter import Colorspace

        deep = self._reformatter.reformat(
            picture,
            format=_DEEP_RGB,
            src_colorspace=Colorspace[coding.swscale_matrix],
            src_color_range=coding.av_range,
            dst_color_range="JPEG",
        )
        deep.pts, deep.time_base = 0, _ANY_TIME_BASE
        size = deep.height, deep.width
        if self._graph is None or self._graph[0] != size:
            self._graph = size, self._make_mapping(deep)
        _, graph = self._graph
        graph.vpush(deep)
        return graph.vpull()

    def _make_mapping(self, picture: VideoFrame) -> Graph:
        with tempfile.TemporaryDirectory() as folder:
            cube = Path(folder) / "hdr.cube"
            table = tone_mapping_cube(self._transfer)
            rows = table.transpose(2, 1, 0, 3).reshape(-1, 3)  # red runs fastest
            lines = "\n".join(f"{red:.6f} {green:.6f} {blue:.6f}" for red, green, blue in rows)
            cube.write_text(f"LUT_3D_SIZE {len(table)}\n{lines}\n", encoding="ascii")
            return _make_graph(picture, _ANY_TIME_BASE, "lut3d", f"file={cube}:interp=tetrahedral")


def _make_graph(picture: VideoFrame, time_base: Fraction, name: str, arguments: str) -> Graph:
    from av.filter import Graph

    graph = Graph()
    source = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=time_base
    )
    filtering = graph.add(name, arguments)
    sink = graph.add("buffersink")
    source.link_to(filtering)
    filtering.link_to(sink)
    graph.configure()
    return graph


def _pull_all(graph: Graph, time_base: Fraction) -> Iterator[VideoFrame]:
    """Yield what the filter has ready; bwdif counts in half ticks."""
    import av

    while True:
        try:
            picture = graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        if picture.pts is not None and picture.time_base is not None:
            picture.pts = round(picture.pts * picture.time_base / time_base)
            picture.time_base = time_base
        yield picture
