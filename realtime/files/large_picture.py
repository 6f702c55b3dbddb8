"""Paints a picture that is larger than memory: libvips streams it in strips, only the network's
small version is held whole.

What ``Stylizer`` does with arrays is done here with the lazy pictures of libvips, which are
computed while the output is written. The input is read twice: once for what the network sees, once
for what it is brought up with.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from engines import Engine
from engines.errors import EngineUnavailable, SinkError, SourceError
from realtime.files.inputs import PICTURE_ENDINGS
from realtime.look import Look, style_vector
from realtime.media.reading.video_file import MAX_PIXELS
from realtime.media.writing.pending_file import PendingFile
from realtime.media.writing.picture_file import JPEG_QUALITY
from realtime.picture.formulas import LUMA_WEIGHTS, SLOPE_STEPS, SLOPE_ZERO
from realtime.picture.network_pieces import NetworkPieces
from realtime.picture.resample import Scaler
from realtime.picture.sizes import network_size

if TYPE_CHECKING:
    from pyvips import Image

_LUMA = [list(LUMA_WEIGHTS)]  # a matrix, as libvips takes it


class LargePicture:
    """The picture at ``path``, upright.

    Raises SourceError if it cannot be read, EngineUnavailable without libvips.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._vips = _libvips()
        pixels, _ = self._opened()
        self.size = (pixels.height, pixels.width)
        self.duration_s: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to do: libvips lets go of the file with the last reference."""

    def _opened(self) -> tuple[Image, Image | None]:
        """Upright RGB over white, and alpha if there is any; to be read once, from top to bottom."""
        with self._source_errors():
            header = self._vips.Image.new_from_file(str(self.path), access="sequential")
            turned = "orientation" in header.get_fields() and header.get("orientation") > 1
            access = (
                "random" if turned else "sequential"
            )  # what is turned lies in a temporary file meanwhile
            picture = self._vips.Image.new_from_file(
                str(self.path), access=access, fail_on="truncated"
            )
            picture = picture.autorot().colourspace("srgb")
            alpha = picture[picture.bands - 1].cast("uchar") if picture.hasalpha() else None
            return (picture.flatten(background=255) if picture.hasalpha() else picture).cast(
                "uchar"
            ), alpha

    def paint(self, output: Path, engine: Engine, look: Look, tile_px: int) -> None:
        """Write its painting, of the same size.

        Raises UsageError for an engine whose network cannot be given pieces, EngineRunError,
        SinkError.
        """
        scaler, size = Scaler(), network_size(self.size, look.brush)
        vector = style_vector(look, engine.model)
        share = float(vector[0])
        if share < 1:
            with self._source_errors():
                small = (
                    self._opened()[0]
                    .resize(size[1] / self.size[1], vscale=size[0] / self.size[0], kernel="cubic")
                    .numpy()
                )
            style = np.concatenate([[0.0], vector[1:] / vector[1:].sum()]).astype(np.float32)
            tiles = NetworkPieces(engine, tile_px)
            tiles.prepare(size)
            painting = tiles.start(small, style)()
        pixels, alpha = self._opened()
        painted = self._brought_up(painting, small, pixels, scaler) if share < 1 else pixels
        painted = pixels * share + painted * (1 - share)
        if look.keep_color:
            painted = pixels + (painted.recomb(_LUMA) - pixels.recomb(_LUMA))
        self._write(painted.rint().cast("uchar"), alpha, output)

    def _brought_up(
        self, painting: np.ndarray, small: np.ndarray, pixels: Image, scaler: Scaler
    ) -> Image:
        """As ``Scaler.guided_upsample``."""
        luma = scaler.luma(small)
        slopes = scaler.slopes(
            [np.ascontiguousarray(painting[..., channel]) for channel in range(3)], luma
        )
        slope = (self._enlarged(slopes.transpose(1, 2, 0)) - SLOPE_ZERO) / SLOPE_STEPS
        detail = pixels.recomb(_LUMA) - self._enlarged(luma)
        return self._enlarged(painting) + slope * detail

    def _enlarged(self, array: np.ndarray) -> Image:
        picture = self._vips.Image.new_from_array(np.ascontiguousarray(array))
        height, width = self.size
        larger = picture.affine(
            [width / picture.width, 0, 0, height / picture.height],
            interpolate=self._vips.Interpolate.new("bicubic"),
            oarea=[0, 0, width, height],
            extend="copy",
            idx=0.5,  # the pictures' corners lie on each other, not their pixels
            idy=0.5,
            odx=-0.5,
            ody=-0.5,
        )
        return larger.copy(interpretation="srgb" if larger.bands == 3 else "b-w")

    def _write(self, painted: Image, alpha: Image | None, output: Path) -> None:
        file = PendingFile(output)
        png = output.suffix.lower() == ".png"
        painted = painted.copy(interpretation="srgb")
        if alpha is not None and png:
            painted = painted.bandjoin(alpha)
        try:
            painted.write_to_file(str(file.temporary), **({} if png else {"Q": JPEG_QUALITY}))
            file.commit()
        except self._vips.Error as error:
            raise SinkError(f"{output}: cannot be written ({_reason(error)}).") from error
        finally:
            file.discard()

    @contextlib.contextmanager
    def _source_errors(self) -> Iterator[None]:
        try:
            yield
        except self._vips.Error as error:
            raise SourceError(f"{self.path}: cannot be read ({_reason(error)}).") from error


def is_large_picture(path: Path) -> bool:
    """Whether it is a picture of more than ``MAX_PIXELS``; only its header is read.

    Never without libvips.
    """
    if path.suffix.lower() not in PICTURE_ENDINGS or not path.is_file():
        return False
    try:
        vips = _libvips()
        header = vips.Image.new_from_file(str(path), access="sequential")
    except EngineUnavailable:
        return False
    except vips.Error:
        return False  # who reads it says why
    return header.width * header.height > MAX_PIXELS


def _libvips():
    try:
        import pyvips
    except (ImportError, OSError) as error:
        raise EngineUnavailable(
            f"pictures larger than memory need libvips, which does not load here ({error}). Type: pip install 'livebrush[large]'"
        ) from error
    return pyvips


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else "unknown"
