"""Find by trial what a network takes and gives: its range, and the sizes that it can paint.

It is shown a photo with a grey ramp below it in every range that networks are made for. A range
fits where what comes out looks like the photo in its large parts, is neither blank nor cut off at
its ends, and gets brighter along the ramp. Where the last layer tells what comes out (Tanh,
Sigmoid, Clip), it is believed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import onnx
from onnx import TensorProto

from engines.errors import ExportError, UsageError
from engines.machine import cpu_threads
from export.foreign.contract import RANGES, Range
from export.foreign.onnx_file import Port, lengths

# (N, H, W, 3) float32 in the network's range to the same.
Paint = Callable[[np.ndarray], np.ndarray]
_PROBE_PX = 256
_CELLS = (4, 8, 16, 32)
_RAMP = 8  # the ramp is an eighth of the picture
_FITS = 0.25  # how much of the photo must be found again
_CLEAR = 0.06  # by how much one range must fit better than the others
_SAME = 4.0  # of 255: pictures that differ less are the same to the eye


@dataclass(frozen=True)
class Fit:
    """How well a pair of ranges fits."""

    takes: Range
    gives: Range
    score: float
    picture: np.ndarray
    """(H, W, 3) of 0..255, the photo as painted."""


class Session:
    """The network in ONNX Runtime, spoken to in pictures with channels last."""

    def __init__(self, model: onnx.ModelProto, taken: Port, given: Port) -> None:
        import onnxruntime

        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = cpu_threads()
        settings.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise ExportError(f"ONNX Runtime does not take it: {str(error)[:300]}") from error
        self._taken, self._given = taken, given
        self._more: dict[str, np.ndarray] = {}

    def tell(self, name: str, value: np.ndarray) -> None:
        """Give another input the same value from now on."""
        self._more[name] = value

    def paint(self, picture: np.ndarray) -> np.ndarray:
        """Return what the network gives for ``picture``, (N, H, W, 3) float32 both.

        Raises ExportError where it cannot run.
        """
        dtype = onnx.helper.tensor_dtype_to_np_dtype(self._taken.element)
        if self._taken.element == TensorProto.UINT8:
            picture = picture.round().clip(0, 255)
        given = picture.astype(dtype)
        if not self._taken.channels_last:
            given = np.ascontiguousarray(given.transpose(0, 3, 1, 2))
        try:
            (result,) = self._session.run(
                [self._given.name], {self._taken.name: given, **self._more}
            )
        except Exception as error:
            raise ExportError(f"it does not run: {str(error)[:300]}") from error
        result = np.asarray(result).astype(np.float32)
        if result.ndim != 4 and not self._given.channels_last:
            raise ExportError(f"it gives {result.shape} for a picture: not a picture.")
        return result if self._given.channels_last else result.transpose(0, 2, 3, 1)


def find_size(taken: Port, session: Session) -> tuple[Port, int]:
    """Return the port with the size that every picture must be brought to, and the cell.

    A network whose file names one size is tried at others first: most are only convolutions, and
    the size was that of the example at their export. Where the result is as large as the picture at
    multiples of the cell, any size will do.
    """
    for cell in _CELLS:
        sides = [(cell * n, cell * m) for n, m in _odd_multiples(cell)]
        if all(_keeps(session, sides_px) for sides_px in sides):
            return replace(taken, size=None), cell
    if taken.size is None:
        raise ExportError(
            "what it gives is of another size than the picture that it takes: it looks like a "
            "network that enlarges, or finds something. A style keeps the size."
        )
    return taken, 1


def _odd_multiples(cell: int) -> list[tuple[int, int]]:
    """Return sides in cells, odd so that no larger cell divides them, from 72 pixels up."""
    first = -(-72 // cell) | 1
    return [(first, first + 4), (first + 6, first + 2)]


def _keeps(session: Session, size: tuple[int, int]) -> bool:
    try:
        return session.paint(np.full((1, *size, 3), 0.5, np.float32)).shape == (1, *size, 3)
    except ExportError:
        return False


def free_sizes(model: onnx.ModelProto, names: list[str]) -> onnx.ModelProto:
    """Return a copy whose inputs and outputs ``names`` may have any height and width."""
    freed = onnx.ModelProto()
    freed.CopyFrom(model)
    for value in (*freed.graph.input, *freed.graph.output):
        if value.name in names:
            shape = value.type.tensor_type.shape
            last = len(shape.dim) == 4 and shape.dim[3].dim_value == 3 != shape.dim[1].dim_value
            for axis in (1, 2) if last else (2, 3):
                if len(shape.dim) == 4:
                    shape.dim[axis].dim_param = f"{value.name}_side_{axis}"
    for node in freed.graph.node:
        if node.op_type == "ConvTranspose":
            _free_transposed(node)
    return freed


def _free_transposed(node: onnx.NodeProto) -> None:
    """Say as padding what a fixed output size says, where nothing else is padded."""
    told = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    if told.get("auto_pad") != b"VALID" or not {"output_shape", "strides", "kernel_shape"} <= set(
        told
    ):
        return
    sizes = zip(told["output_shape"][-2:], told["kernel_shape"], told["strides"], strict=True)
    over = [(out - kernel) % stride for out, kernel, stride in sizes]
    kept = [a for a in node.attribute if a.name not in ("output_shape", "output_padding")]
    del node.attribute[:]
    node.attribute.extend([*kept, onnx.helper.make_attribute("output_padding", over)])


def probe(photo: np.ndarray, size: tuple[int, int], ramp: bool = True) -> np.ndarray:
    """Return (H, W, 3) uint8: the middle of ``photo`` at that size, a grey ramp below it."""
    import cv2

    height, width = size
    side = min(photo.shape[:2])
    top, left = (photo.shape[0] - side) // 2, (photo.shape[1] - side) // 2
    square = photo[top : top + side, left : left + side]
    picture = cv2.resize(square, (width, height), interpolation=cv2.INTER_AREA)
    if ramp:
        greys = np.linspace(0, 255, width).round().astype(np.uint8)
        picture[height - height // _RAMP :] = greys[None, :, None]
    return picture


def find_range(
    paint: Paint, taken: Port, last: str, photo: np.ndarray, asked: tuple[str, str] | None
) -> Fit:
    """Return the ranges that fit best.

    paint: the network. last: how it ends (``last_range``). asked: what the user says. Raises
    ExportError where nothing fits, UsageError naming what to choose from where several do.
    """
    picture = probe(photo, taken.size or (_PROBE_PX, _PROBE_PX))
    fits = list(_try_all(paint, taken, last, picture, asked))
    if not fits:
        raise ExportError(
            "what it gives for a photo is not a number (NaN or infinite) in any range: weights "
            "that are damaged, or too large for the halves that they are stored in."
        )
    fits.sort(key=lambda fit: -fit.score)
    best = fits[0]
    if asked:
        return best
    if best.score < _FITS:
        raise ExportError(
            "what it gives does not look like the photo that it is shown, in any range: it may be "
            "no picture of the frame, or a network whose weights were never trained. If you know "
            "its range, say it, for example --range 0..1."
        )
    others = [
        fit
        for fit in fits[1:]
        if fit.score > best.score - _CLEAR
        and np.abs(fit.picture.clip(0, 255) - best.picture.clip(0, 255)).mean() > _SAME
    ]
    if others:
        choices = " or ".join(f"--range {_spell(fit)}" for fit in (best, *others))
        raise UsageError(
            f"two ranges of values fit this network, and only who made it can say which. Type "
            f"{choices}; the first fits a little better."
        )
    return best


def _spell(fit: Fit) -> str:
    takes, gives = fit.takes.name, fit.gives.name
    return takes if takes == gives else f"{takes}:{gives}"


def _try_all(
    paint: Paint, taken: Port, last: str, picture: np.ndarray, asked: tuple[str, str] | None
) -> list[Fit]:
    fits = []
    for takes in RANGES.values():
        if taken.element == TensorProto.UINT8 and takes.name != "0..255":
            continue
        if asked and takes.name != asked[0]:
            continue
        painted = paint(takes.encode(picture.astype(np.float64))[None])[0]
        if not np.isfinite(painted).all():
            continue
        gives = RANGES[asked[1]] if asked else RANGES[last or _guess_range(painted)]
        decoded = gives.decode(painted)
        fits.append(Fit(takes, gives, score(picture, decoded, takes, gives), decoded))
    return fits


def _guess_range(painted: np.ndarray) -> str:
    """Return the range that values look like."""
    low, high = np.percentile(painted, (0.5, 99.5))
    if high > 4 or low < -4:
        return "0..255"
    if low < -1.4 and high > 1.4:
        return "imagenet"
    return "-1..1" if low < -0.25 else "0..1"


def score(picture: np.ndarray, decoded: np.ndarray, takes: Range, gives: Range) -> float:
    """Return how well the painted probe goes with the probe: 1 is as well as can be."""
    height = picture.shape[0] - picture.shape[0] // _RAMP
    before, after = (_coarse(p[:height].mean(2)) for p in (picture, decoded))
    if after.std() < 4 or _cut(decoded) > 0.6:
        return -1.0
    alike = float(np.corrcoef(before, after)[0, 1])
    ramp = decoded[height + 2 :].mean((0, 2))
    rising = float(np.corrcoef(ramp, np.arange(len(ramp)))[0, 1]) if ramp.std() > 0 else 0.0
    brightness = abs(float(after.clip(0, 255).mean() - before.mean())) / 255
    contrast = abs(float(np.log(after.clip(0, 255).std() / before.std() + 1e-3)))
    score = 0.7 * alike + 0.3 * rising - 0.5 * _cut(decoded) - 0.3 * brightness - 0.1 * contrast
    # Nearly all networks give what they take, and few take ImageNet's means off.
    score += 0.1 if takes.name == gives.name else 0.0
    return score - (0.1 if takes.name == "imagenet" else 0.0)


def _coarse(grey: np.ndarray) -> np.ndarray:
    height, width = (n // 16 * 16 for n in grey.shape)
    blocks = grey[:height, :width].reshape(height // 16, 16, width // 16, 16).mean((1, 3))
    flat: np.ndarray = blocks.ravel()
    return flat


def _cut(decoded: np.ndarray) -> float:
    """Return the share of values that lie clearly outside 0..255."""
    return float(((decoded < -8) | (decoded > 263)).mean())


def last_range(model: onnx.ModelProto, output: str) -> str:
    """Return the range that the last layers give, "" where they do not tell."""
    makers = {name: node for node in model.graph.node for name in node.output}
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    through = {"Transpose", "Identity", "Cast", "Squeeze", "Unsqueeze", "Reshape", "Slice"}
    name, scaled = output, False
    for _ in itertools.repeat(None, 12):
        node = makers.get(name)
        if node is None:
            return ""
        if node.op_type == "Tanh":
            return "" if scaled else "-1..1"
        if node.op_type == "Sigmoid":
            return "" if scaled else "0..1"
        if node.op_type in ("Add", "Mul", "Sub", "Div") and any(i in stored for i in node.input):
            scaled = True
            name = next((i for i in node.input if i not in stored), "")
        elif node.op_type in through:
            name = node.input[0]
        else:
            return ""
    return ""


def shape_of(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    """Return the shape of an input with 1 where any length will do."""
    return tuple(max(1, length) for length in lengths(value))
