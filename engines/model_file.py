"""The model file: one self-describing ONNX network, its int8 sibling and its weights.

Reads metadata, runs nothing.

Layout and meaning of every field: docs/model-file.md. Bundled models lie in engines/styles, the
user's own in the user's data folder (``user_models_dir``).
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from engines.canvas import MOST_STRENGTH, Canvas
from engines.errors import ModelError, UnknownStyle, printable
from engines.folders import user_models_dir
from engines.style import Style, check_style, match_style, say_unknown
from engines.style_row import ENDING, StyleRow, read_row

T = TypeVar("T")
BUNDLED_DIR = Path(__file__).parent / "styles"
FORMAT_VERSION = 2
ORIGINAL = "original"
MAX_MODEL_BYTES = 512 * 2**20
MAX_STYLES = 512
PICTURE = "picture"
"""The last column of models that take rows: the weight of the row."""
MAX_ROW = 2**16
# What networks of pictures are made of. Control flow is not among it: a loop need never end.
_OPERATOR_NAMES = """
Abs Add And ArgMax AveragePool BatchNormalization Cast Ceil Clip Concat Constant ConstantOfShape
Conv ConvInteger ConvTranspose DepthToSpace DequantizeLinear Div DynamicQuantizeLinear Elu Equal
Erf Exp Expand Flatten Floor Gather Gelu Gemm GlobalAveragePool GlobalMaxPool Greater
GreaterOrEqual GroupNormalization HardSigmoid HardSwish Identity InstanceNormalization
LayerNormalization LeakyRelu Less LessOrEqual Log MatMul MatMulInteger Max MaxPool Mean Min Mish
Mod Mul Neg Not Or PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear Range Reciprocal ReduceL2
ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum Relu Reshape Resize Round Selu Shape Sigmoid
Sign Slice Softmax Softplus SpaceToDepth Split Sqrt Squeeze Sub Sum Tanh Tile Transpose Unsqueeze
Upsample Where
"""
OPERATORS = frozenset(_OPERATOR_NAMES.split())


@dataclass(frozen=True)
class ModelFile:
    """A model on disk."""

    path: Path
    styles: tuple[Style, ...]
    """The first is always ``original``."""
    family: str
    """The network family, as engines/networks/families has it."""
    metadata: dict[str, str]
    """All of it, as docs/model-file.md says."""
    rows: tuple[StyleRow, ...] = ()
    """Those of the last ``styles``, which the file itself does not hold."""

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.name.removesuffix(".onnx")

    @property
    def int8_path(self) -> Path | None:
        """The int8 sibling, None if there is none."""
        sibling = self.path.with_name(f"{self.name}.int8.onnx")
        return sibling if sibling.exists() else None

    @property
    def weights_path(self) -> Path | None:
        """The weights beside it, None if there are none."""
        sibling = self.path.with_name(f"{self.name}.safetensors")
        return sibling if sibling.exists() else None

    def thumbnail_path(self, style_name: str) -> Path | None:
        """Return a small picture painted in a style, None if none lies beside the model."""
        picture = self.path.parent / "thumbnails" / f"{style_name}.jpg"
        return picture if picture.exists() else None

    @property
    def own_styles(self) -> int:
        """How many of the ``styles`` the file itself holds."""
        return len(self.styles) - len(self.rows)

    @property
    def row_length(self) -> int:
        """How many numbers a row has that it takes from outside; 0: it takes none."""
        return int(self.metadata.get("row_length", 0))

    def with_rows(self, rows: Iterable[StyleRow]) -> ModelFile:
        """Return it with the styles of ``rows`` beside its own, in place of those that it has.

        Raises ModelError for rows of another network.
        """
        beside = tuple(rows)
        for row in beside:
            row.check_network(self.name, self.metadata.get("network", ""), self.row_length)
        styles = (*self.styles[: self.own_styles], *(row.style for row in beside))
        return replace(self, styles=styles, rows=beside)

    def read_own_rows(self) -> np.ndarray:
        """Return the rows of the paintings that the file itself holds, (P, R) float32.

        Raises ModelError where there are none.
        """
        import onnx
        from onnx import numpy_helper

        shape = [self.own_styles - 1, self.row_length]
        for tensor in onnx.load(str(self.path)).graph.initializer:
            if list(tensor.dims) == shape:
                rows: np.ndarray = numpy_helper.to_array(tensor).astype(np.float32)
                return rows
        raise ModelError(
            f"{self.path}: holds no rows. Write it again with `python -m export onnx`."
        )

    @property
    def style_names(self) -> tuple[str, ...]:
        """The names of the styles, in the order of the style vector."""
        return tuple(style.name for style in self.styles)

    @property
    def default_style(self) -> str:
        """The model's first painting."""
        return self.styles[1].name

    @cached_property
    def canvas(self) -> Canvas | None:
        """What it takes as its canvas, None if it paints without one."""
        if "canvas" not in self.metadata:
            return None
        strengths = json.loads(self.metadata["canvas"])
        styles = self.styles[: self.own_styles]
        of_each = [float(strengths.get(style.name, 1.0)) for style in styles]
        of_rows = [1.0] if self.row_length else []
        return Canvas(int(self.metadata["cell_px"]), (*of_each, *of_rows))

    @property
    def measured(self) -> dict[str, dict[str, float]]:
        """What the styles were measured to be, {} if unknown.

        By style and by the keys of `python -m training evaluate`.
        """
        try:
            return dict(json.loads(self.metadata["measured"])["styles"])
        except (KeyError, TypeError, ValueError):
            return {}

    def index(self, style_name: str) -> int:
        """Return the column of a style.

        Raises UnknownStyle, listing close names, if the model does not have it.
        """
        try:
            return self.style_names.index(style_name)
        except ValueError:
            raise UnknownStyle(say_unknown(style_name, self.style_names)) from None

    def find_style(self, text: str) -> str:
        """Return the name of the style that a user's ``text`` means (engines/style.py).

        Raises UnknownStyle.
        """
        typed = (row.style.name for row in self.rows if row.typed == text)
        return next(typed, None) or match_style(text, self.styles)


def load_model(path: Path) -> ModelFile:
    """Read a model file's metadata and check that it follows the contract.

    Raises ModelError if the file is missing, damaged, has external data, or other inputs and
    outputs than the contract's.
    """
    import onnx

    path = Path(path)
    if not path.is_file():
        raise ModelError(
            f"{path}: no such model file. `--list-styles` shows the models that are installed."
        )
    if path.stat().st_size > MAX_MODEL_BYTES:
        raise ModelError(
            f"{path}: {path.stat().st_size >> 20} MiB is more than a model file may have "
            f"({MAX_MODEL_BYTES >> 20} MiB)."
        )
    try:
        proto = onnx.load(str(path), load_external_data=False)
    except Exception as error:
        raise ModelError(
            f"{path}: not an ONNX file, or a damaged one ({type(error).__name__})."
        ) from error
    check_contents(path, proto)
    names = ([i.name for i in proto.graph.input], [o.name for o in proto.graph.output])
    extra = set(names[0][2:])
    if (
        names[0][:2] != ["frame", "style"]
        or not extra <= {"canvas", "row"}
        or (names[1][:1] != ["stylized"])
    ):
        raise ModelError(
            f"{path}: has inputs {names[0]} and outputs {names[1]}, "
            "a Livebrush model has frame, style and perhaps canvas and row -> stylized. "
            "Models made elsewhere are brought to this form by `python -m export import`."
        )
    model = _from_metadata(path, {p.key: p.value for p in proto.metadata_props})
    for name, has in (("canvas", model.canvas is not None), ("row", model.row_length > 0)):
        if has != (name in extra):
            raise ModelError(
                f"{path}: its metadata and its inputs {names[0]} do not agree about a {name}. "
                "Write it again with `python -m export onnx`."
            )
    if model.int8_path:
        try:
            int8 = onnx.load(str(model.int8_path), load_external_data=False)
        except Exception:  # noqa: BLE001 (protobuf raises kinds of its own)
            return model  # damaged: the engine that is to run it says so, and fp32 is there
        check_contents(model.int8_path, int8)
    return model


def check_contents(path: Path, proto: Any) -> None:
    """Raise ModelError for what no runtime shall be given.

    That is data in other files, wherever in the graph they are named (a path in a model can lead
    anywhere); operators that are not ONNX's own, which are code of somebody else; loops and
    branches, which need never end; tensors beyond all measure, which a few bytes can ask for.
    """
    import onnx

    if proto.functions or any(
        node.domain not in ("", "ai.onnx")
        for graph in _walk_graphs(proto.graph)
        for node in graph.node
    ):
        raise ModelError(f"{path}: uses operators that are not ONNX's own. A model file has none.")
    for tensor in (
        tensor for graph in _walk_graphs(proto.graph) for tensor in _walk_tensors(graph)
    ):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise ModelError(
                f"{path}: keeps its weights in another file. A model file holds everything itself."
            )
        if min(tensor.dims, default=1) < 0 or math.prod(tensor.dims) > MAX_MODEL_BYTES // 4:
            raise ModelError(
                f"{path}: has a tensor of {'x'.join(map(str, tensor.dims))}, which is too large."
            )
    unknown = {node.op_type for node in proto.graph.node} - OPERATORS
    if unknown:
        raise ModelError(
            f"{path}: uses the operators {', '.join(sorted(map(printable, unknown)))}, which a "
            "model file does not have. `python -m export import` brings other models to this form."
        )


def _walk_graphs(graph: Any) -> Iterator[Any]:
    """Yield the graph and all that are attributes of its nodes, such as the branches of an If."""
    yield graph
    for attribute in (attribute for node in graph.node for attribute in node.attribute):
        for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            yield from _walk_graphs(inner)


def _walk_tensors(graph: Any) -> Iterator[Any]:
    """Yield every tensor that is stored in the graph."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for attribute in (attribute for node in graph.node for attribute in node.attribute):
        yield from (*([attribute.t] if attribute.HasField("t") else []), *attribute.tensors)
        for sparse in (
            *([attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else []),
            *attribute.sparse_tensors,
        ):
            yield from (sparse.values, sparse.indices)


def _from_metadata(path: Path, metadata: dict[str, str]) -> ModelFile:
    try:
        if int(metadata["livebrush_format"]) > FORMAT_VERSION:
            raise ModelError(
                f"{path}: was written by a newer Livebrush "
                f"(format {metadata['livebrush_format']}). Update Livebrush."
            )
        styles = _read_styles(metadata["styles"])
        family = metadata["family"]
        _check_canvas(metadata)
        styles = _without_picture(styles, metadata)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ModelError(
            f"{path}: its metadata is missing or damaged ({printable(str(error))[:200]}). "
            "Write it again with `python -m export onnx`."
        ) from error
    if len(styles) < 2 or styles[0].name != ORIGINAL:
        raise ModelError(
            f"{path}: must have `original` as style 0 and at least one painting, "
            f"has {[s.name for s in styles]}."
        )
    return ModelFile(path, styles, family, metadata)


def _check_canvas(metadata: dict[str, str]) -> None:
    """Raise KeyError, TypeError or ValueError where what is said of the canvas is not whole."""
    if "canvas" not in metadata:
        return
    strengths = json.loads(metadata["canvas"])
    if not isinstance(strengths, dict) or not all(
        isinstance(value, int | float) and 0 <= value <= MOST_STRENGTH
        for value in strengths.values()
    ):
        raise ValueError(f"the canvas is a strength of 0 to {MOST_STRENGTH} for each style")
    if int(metadata["cell_px"]) < 1:
        raise ValueError(f"cells of {metadata['cell_px']} pixels")


def _read_styles(text: str) -> tuple[Style, ...]:
    """Read the list of styles. Raises TypeError or ValueError."""
    entries = json.loads(text)
    if not isinstance(entries, list) or len(entries) > MAX_STYLES:
        raise ValueError(f"styles are a list of at most {MAX_STYLES}")
    styles = tuple(Style(**entry) for entry in entries)
    for style in styles:
        check_style(style)
    return styles


def _without_picture(styles: tuple[Style, ...], metadata: dict[str, str]) -> tuple[Style, ...]:
    """Return ``styles`` without the column of the row, which is no style of its own.

    Raises ValueError where what is said of rows is not whole.
    """
    if "row_length" not in metadata:
        return styles
    if not 1 <= int(metadata["row_length"]) <= MAX_ROW:
        raise ValueError(f"rows have 1 to {MAX_ROW} numbers")
    if styles[-1:] != (Style(PICTURE),):
        raise ValueError(f"the last style of a model that takes rows is called {PICTURE}")
    return styles[:-1]


def kept_rows() -> list[StyleRow]:
    """Return the styles that the user has kept as rows, by name."""
    return list(load_readable(read_row, sorted(user_models_dir().glob(f"[!.]*{ENDING}"))))


def load_readable(load: Callable[[Path], T], paths: list[Path]) -> Iterator[T]:
    """Load the files that can be; a bad one is said and passed over, the others still work."""
    for path in paths:
        try:
            yield load(path)
        except ModelError as error:
            logging.getLogger(__name__).warning("passed over: %s", error)


def network_files(folder: Path) -> list[Path]:
    """Return the network files in ``folder``, int8 siblings and hidden files left out."""
    return [path for path in folder.glob("[!.]*.onnx") if not path.name.endswith(".int8.onnx")]
