"""Paints a picture that is larger than memory.

libvips streams it in strips; only the network's small version is held whole. What ``Stylizer``
does with arrays is done here with the lazy pictures of libvips, which are computed while the output
is written. The input is read twice: once for what the network sees, once for what it is brought up
with.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from engines import Engine, Models
from engines.errors import EngineUnavailable, SinkError, SourceError
from engines.install import install_line
from engines.style_row import StyleRow
from realtime.look import Look, paint_alone, style_vector
from realtime.media.format_registry import PICTURE_ENDINGS, PICTURE_FORMATS
from realtime.media.reading.picture_files import MAX_PIXELS
from realtime.media.writing.pending_file import PendingFile
from realtime.picture.formulas import LUMA_WEIGHTS, SLOPE_STEPS, SLOPE_ZERO
from realtime.picture.gpu.tensors import on_host
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
        self._vips = _import_libvips()
        pixels, _ = self._open()
        self.size = (pixels.height, pixels.width)
        self.duration_s: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to do: libvips lets go of the file with the last reference."""

    def _open(self) -> tuple[Image, Image | None]:
        """Return upright RGB over white, and alpha if there is any.

        Both are to be read once, from top to bottom.
        """
        with self._translate_errors():
            header = self._vips.Image.new_from_file(str(self.path), access="sequential")
            turned = "orientation" in header.get_fields() and header.get("orientation") > 1
            # What is turned lies in a temporary file meanwhile.
            access = "random" if turned else "sequential"
            picture = self._vips.Image.new_from_file(
                str(self.path), access=access, fail_on="truncated"
            )
            picture = picture.autorot().colourspace("srgb")
            alpha = picture[picture.bands - 1].cast("uchar") if picture.hasalpha() else None
            return (picture.flatten(background=255) if picture.hasalpha() else picture).cast(
                "uchar"
            ), alpha

    def paint(
        self,
        output: Path,
        engine: Engine,
        look: Look,
        tile_px: int | None,
        on_progress: Callable[[float], None] = lambda _: None,
        rows: Sequence[StyleRow] = (),
    ) -> None:
        """Write its painting, of the same size. ``tile_px``: --tile. rows: as in ``FileOptions``.

        ``on_progress`` is told, from another thread, what share is done, 0..1: twice, as the input
        is read twice.

        Raises UsageError for an engine whose network cannot be given pieces, EngineRunError,
        SinkError.
        """
        scaler, size = Scaler(), network_size(self.size, look.brush)
        models = Models((engine.model,)).with_rows(rows)
        vector = style_vector(look, models)
        share = float(vector[0])
        if share < 1:
            with self._translate_errors():
                smaller = self._open()[0].resize(
                    size[1] / self.size[1], vscale=size[0] / self.size[0], kernel="cubic"
                )
                _report(smaller, on_progress)
                small = smaller.numpy()
            style = paint_alone(vector, models)
            pieces = NetworkPieces(engine, tile_px)
            pieces.prepare(size)
            noise = None
            if canvas := engine.model.canvas:
                seed, strength = look.canvas_seed, look.canvas
                noise = canvas.draw(size, style[None], seed, strength=strength)[0]
            painting = on_host(pieces.start(small, style, noise)())
        pixels, alpha = self._open()
        painted = self._bring_up(painting, small, pixels, scaler) if share < 1 else pixels
        painted = pixels * share + painted * (1 - share)
        if look.keep_color:
            painted = pixels + (painted.recomb(_LUMA) - pixels.recomb(_LUMA))
        self._write(painted.rint().cast("uchar"), alpha, output, on_progress)

    def _bring_up(
        self, painting: np.ndarray, small: np.ndarray, pixels: Image, scaler: Scaler
    ) -> Image:
        """Do as ``Scaler.guided_upsample``."""
        luma = scaler.luma(small)
        slopes = scaler.slopes(
            [np.ascontiguousarray(painting[..., channel]) for channel in range(3)], luma
        )
        slope = (self._enlarge(slopes.transpose(1, 2, 0)) - SLOPE_ZERO) / SLOPE_STEPS
        detail = pixels.recomb(_LUMA) - self._enlarge(luma)
        return self._enlarge(painting) + slope * detail

    def _enlarge(self, array: np.ndarray) -> Image:
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

    def _write(
        self,
        painted: Image,
        alpha: Image | None,
        output: Path,
        on_progress: Callable[[float], None],
    ) -> None:
        file = PendingFile(output)
        form = PICTURE_FORMATS[output.suffix.lower()]
        painted = painted.copy(interpretation="srgb")
        if alpha is not None and form.keeps_alpha:
            painted = painted.bandjoin(alpha)
        try:
            quality = {} if form.quality is None else {"Q": form.quality}
            _report(painted, on_progress)
            painted.write_to_file(str(file.temporary), **quality)
            file.commit()
        except self._vips.Error as error:
            raise SinkError(f"{output}: cannot be written ({_last_line(error)}).") from error
        finally:
            file.discard()

    @contextlib.contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except self._vips.Error as error:
            raise SourceError(f"{self.path}: cannot be read ({_last_line(error)}).") from error


def is_large_picture(path: Path) -> bool:
    """Return whether it is a picture of more than ``MAX_PIXELS``; only its header is read.

    Never without libvips.
    """
    if path.suffix.lower() not in PICTURE_ENDINGS or not path.is_file():
        return False
    try:
        vips = _import_libvips()
        header = vips.Image.new_from_file(str(path), access="sequential")
    except EngineUnavailable:
        return False
    except vips.Error:
        return False  # who reads it says why
    return bool(header.width * header.height > MAX_PIXELS)


def _report(picture: Image, on_progress: Callable[[float], None]) -> None:
    """Have ``on_progress`` told how much of it is computed whenever it is, 0..1."""
    picture.set_progress(True)
    picture.signal_connect("eval", lambda _, progress: on_progress(progress.percent / 100))


def _import_libvips() -> Any:
    try:
        import pyvips
    except (ImportError, OSError) as error:
        raise EngineUnavailable(
            f"pictures larger than memory need libvips, which does not load here ({error}). Type: "
            f"{install_line('large')}"
        ) from error
    return pyvips


def _last_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else "unknown"
