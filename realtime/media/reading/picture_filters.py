"""Filters of FFmpeg between decoder and painter: fields woven into frames, and high dynamic range
mapped.
"""

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
    from av.video.reformatter import VideoReformatter

_DEEP_RGB = "gbrp12le"  # what lut3d is given


def deinterlaced(pictures: Iterator[VideoFrame], time_base: Fraction) -> Iterator[VideoFrame]:
    """As many pictures as came, at their times in ``time_base``; those that are interlaced are
    woven by bwdif.
    """
    for _, alike in itertools.groupby(
        pictures, key=lambda picture: (picture.width, picture.height, picture.format.name)
    ):
        graph = None
        for picture in itertools.chain(alike, [None]):
            if picture is not None:
                picture.time_base = time_base
                graph = graph or _graph(
                    picture, time_base, "bwdif", "mode=send_frame:parity=auto:deint=interlaced"
                )
            graph.push(picture)
            yield from _pulled(graph, time_base)


class ToneMapping:
    """Maps pictures coded with ``transfer``, "PQ" or "HLG", to BT.709 as 12-bit full-range RGB.

    One thread.
    """

    def __init__(self, transfer: str) -> None:
        from av.video.reformatter import VideoReformatter

        self._transfer = transfer
        self._reformatter: VideoReformatter = VideoReformatter()
        self._graph: Graph | None = None
        self._size = (0, 0)

    def apply(self, picture: VideoFrame, matrix: str, av_range: int) -> VideoFrame:
        deep = self._reformatter.reformat(
            picture,
            format=_DEEP_RGB,
            src_colorspace=matrix,
            src_color_range=av_range,
            dst_color_range="JPEG",
        )
        deep.pts, deep.time_base = 0, Fraction(1, 25)
        if self._graph is None or self._size != (deep.height, deep.width):
            self._graph, self._size = self._make_graph(deep), (deep.height, deep.width)
        self._graph.push(deep)
        return self._graph.pull()

    def _make_graph(self, picture: VideoFrame) -> Graph:
        with tempfile.TemporaryDirectory() as folder:
            cube = Path(folder) / "hdr.cube"
            table = tone_mapping_cube(self._transfer)
            rows = table.transpose(2, 1, 0, 3).reshape(-1, 3)  # red runs fastest
            lines = "\n".join(f"{red:.6f} {green:.6f} {blue:.6f}" for red, green, blue in rows)
            cube.write_text(f"LUT_3D_SIZE {len(table)}\n{lines}\n", encoding="ascii")
            return _graph(picture, picture.time_base, "lut3d", f"file={cube}:interp=tetrahedral")


def _graph(picture: VideoFrame, time_base: Fraction, name: str, arguments: str) -> Graph:
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


def _pulled(graph: Graph, time_base: Fraction) -> Iterator[VideoFrame]:
    import av

    while True:
        try:
            picture = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        if picture.pts is not None:  # bwdif counts in half ticks
            picture.pts, picture.time_base = (
                round(picture.pts * picture.time_base / time_base),
                time_base,
            )
        yield picture
