"""The model file: one self-describing ONNX network, its int8 sibling and its weights.

Reads metadata, runs nothing.

Layout and meaning of every field: docs/model-file.md. Bundled models lie in engines/styles, the
user's own in the user's data folder (``user_models_dir``).
"""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from engines.canvas import MOST_STRENGTH, Canvas
from engines.errors import ModelError, UnknownStyle, UsageError, printable
from engines.folders import user_models_dir
from engines.style import Style, match_style, say_unknown

BUNDLED_DIR = Path(__file__).parent / "styles"
FORMAT_VERSION = 2
ORIGINAL = "original"
MAX_MODEL_BYTES = 512 * 2**20
MAX_STYLES = 512
MAX_TEXT = 300
_INPUTS = (["frame", "style"], ["frame", "style", "canvas"])
STYLE_NAME = re.compile(r"[a-z0-9][a-z0-9_+-]{0,63}")
# What networks of pictures are made of. Control flow is not among it: a loop need never end.
_OPERATOR_NAMES = """
Abs Add And ArgMax AveragePool BatchNormalization Cast Ceil Clip Concat Constant ConstantOfShape
Conv ConvInteger ConvTranspose DepthToSpace DequantizeLinear Div DynamicQuantizeLinear Elu Equal
Erf Exp Expand Flatten Floor Gather Gelu Gemm GlobalAveragePool Greater GroupNormalization
HardSigmoid HardSwish Identity InstanceNormalization LayerNormalization LeakyRelu Less Log MatMul
MatMulInteger Max MaxPool Mean Min Mod Mul Neg Not Or PRelu Pad Pow QLinearConv QLinearMatMul
QuantizeLinear Range ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum Relu Reshape Resize Round
Selu Shape Sigmoid Sign Slice Softmax SpaceToDepth Split Sqrt Squeeze Sub Sum Tanh Tile Transpose
Unsqueeze Upsample Where
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
        of_each = (float(strengths.get(style.name, 1.0)) for style in self.styles)
        return Canvas(int(self.metadata["cell_px"]), tuple(of_each))

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
        return match_style(text, self.styles)


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
    _check_contents(path, proto)
    names = ([i.name for i in proto.graph.input], [o.name for o in proto.graph.output])
    if names[0] not in _INPUTS or names[1][:1] != ["stylized"]:
        raise ModelError(
            f"{path}: has inputs {names[0]} and outputs {names[1]}, "
            "a Livebrush model has frame, style and perhaps canvas -> stylized. "
            "Models made elsewhere are brought to this form by `python -m export import`."
        )
    model = _from_metadata(path, {p.key: p.value for p in proto.metadata_props})
    if (model.canvas is not None) != ("canvas" in names[0]):
        raise ModelError(
            f"{path}: its metadata and its inputs {names[0]} do not agree about a canvas. "
            "Write it again with `python -m export onnx`."
        )
    if model.int8_path:
        try:
            int8 = onnx.load(str(model.int8_path), load_external_data=False)
        except Exception:  # noqa: BLE001 (protobuf raises kinds of its own)
            return model  # damaged: the engine that is to run it says so, and fp32 is there
        _check_contents(model.int8_path, int8)
    return model


def _check_contents(path: Path, proto: Any) -> None:
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
    """Read the list of styles.

    Names become parts of file names and of commands, and all of it is shown: so names have small
    letters and digits only, and texts no control characters. Raises TypeError or ValueError.
    """
    entries = json.loads(text)
    if not isinstance(entries, list) or len(entries) > MAX_STYLES:
        raise ValueError(f"styles are a list of at most {MAX_STYLES}")
    styles = tuple(Style(**entry) for entry in entries)
    for style in styles:
        for value in vars(style).values():
            if not isinstance(value, str) or len(value) > MAX_TEXT or printable(value) != value:
                raise ValueError(f"not a text of at most {MAX_TEXT} characters: {value!r}")
        if not STYLE_NAME.fullmatch(style.name):
            raise ValueError(
                f"a style's name is small letters, digits, _, + and -, not {style.name!r}"
            )
    return styles


def installed_models() -> list[ModelFile]:
    """Return every model that can be asked for by name.

    The user's come first, the newest first, then the bundled ones by name.
    """
    user_dir = user_models_dir()
    user = (
        sorted(_network_files(user_dir), key=lambda p: p.lstat().st_mtime, reverse=True)
        if user_dir.is_dir()
        else []
    )
    return [
        *_load_readable(user),
        *(load_model(path) for path in sorted(_network_files(BUNDLED_DIR))),
    ]


def _load_readable(paths: list[Path]) -> list[ModelFile]:
    """Load the models that can be; a bad file is said and passed over, the others still work."""
    models = []
    for path in paths:
        try:
            models.append(load_model(path))
        except ModelError as error:
            logging.getLogger(__name__).warning("passed over: %s", error)
    return models


def find_model(model: str | None, styles: list[str]) -> ModelFile:
    """Return the model to run.

    model: a file, a model's name, a style's name, or None for whichever has all named ``styles``,
    each by its name or as ``match_style`` takes it.
    Without ``model`` the newest user model that has every named style wins, else the bundled one.
    Raises UsageError if the styles are spread over several models, UnknownStyle if nobody has one
    of them, ModelError if the file is unusable.
    """
    if model and (model.endswith(".onnx") or "/" in model or "\\" in model):
        found = load_model(Path(model))
    else:
        found = _find_by_name(model, styles, installed_models())
    for style in styles:
        found.find_style(style)
    return found


def _find_by_name(model: str | None, styles: list[str], installed: list[ModelFile]) -> ModelFile:
    if not installed:
        raise ModelError(
            "no model is installed: engines/styles is empty. Install Livebrush again, "
            "or give a file with --model FILE.onnx."
        )
    if model:
        for candidate in installed:
            if candidate.name == model or model in candidate.style_names[1:]:
                return candidate
        raise UsageError(say_unknown(model, [m.name for m in installed], what="model"))
    every_style = [style for candidate in installed for style in candidate.styles]
    names = {match_style(style, every_style) for style in styles}
    for candidate in installed if styles else installed[::-1]:
        if names <= set(candidate.style_names):
            return candidate
    raise UsageError(
        f"the styles {', '.join(styles)} are in different models and cannot be blended. "
        "`--list-styles` shows which is where."
    )


def _network_files(folder: Path) -> list[Path]:
    """Return the network files in ``folder``, int8 siblings and hidden files left out."""
    return [path for path in folder.glob("[!.]*.onnx") if not path.name.endswith(".int8.onnx")]
