"""Import a graph as it is: ONNX, TFLite, TensorFlow.

It becomes a model file around the network that came (contract.py). That it still paints as before
is proved against OpenVINO running the file itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx

from engines.base import EngineOptions
from engines.errors import EngineError, ExportError, ParityError, UsageError
from engines.model_file import load_model
from engines.opening import open_engine
from engines.parity import Tolerance, check_frames, compare, require, style_vectors
from export.beside import beside
from export.fold import fold_constants
from export.foreign.any_style import find_rows, takes_any_style
from export.foreign.asked import Asked, slug, title
from export.foreign.contract import Plan, wrap
from export.foreign.licence import Licence, find_licence, require_commercial
from export.foreign.onnx_file import lengths, picture_ports, prepare
from export.foreign.read import Graph, Plain, open_plain, read_graph
from export.foreign.trial import (
    Fit,
    Session,
    find_range,
    find_size,
    free_sizes,
    last_range,
    probe,
    shape_of,
)
from export.to_onnx import describe
from export.write import put_alone

Say = Callable[[str], None]
# A mean of 1e-3 of the range; single values of a network with statistics may stray further.
_PLAIN = Tolerance(largest=64, mean=0.255)
# Rounding to bytes, which is not imitated, moves values by about this much.
_BYTES = Tolerance(largest=255, mean=12)
# A frame of one colour has no statistics that two runtimes could agree on, so there is no 1x1.
_SIZES = ((120, 160), (33, 47))
_SLOW_MS = 100


def import_graph(
    path: Path, kind: str, target: Path, asked: Asked, pictures: list[np.ndarray], say: Say
) -> None:
    """Write the model file ``target`` around the network in ``path``.

    What it was taken for and why is told to ``say``. Raises ExportError or UsageError, with nothing
    written.
    """
    graph = read_graph(path, kind)
    licence = find_licence(path, graph.licence, asked.licence, "")
    if asked.commercial_only:
        require_commercial(licence, path)
    try:
        model, plan, fit = _understand(path, graph, asked, pictures[0])
    except ExportError as error:
        raise ExportError(_about(path, error)) from error
    say(f"{path.name}: {graph.what}, {_say_plan(plan)}")
    found = "as told" if asked.ranges else "found on a photo"
    say(f"values {_say_range(fit)}, {found}; licence: {licence}")
    if graph.in_bytes:
        say("it was made for 8 bits; here it computes in 32, with the weights that it has")
    styles = _name_styles(plan, asked, licence, path)
    wrapped = wrap(model, plan, len(styles))
    fold_constants(wrapped)
    with beside(target) as folder:
        draft = folder / target.name
        onnx.save(wrapped, str(draft))
        describe(draft, _metadata(path, plan, graph, licence, styles))
        _compare_plain(path, draft, plan, pictures[0], graph.in_bytes, say)
        took_ms = _compare_engines(draft, pictures, say)
        put_alone(draft, target)
    if took_ms > _SLOW_MS:
        say(
            f"slow: {took_ms:.0f} ms for a frame of 160x120 here. It is for files and stills; live "
            "it shows few frames a second."
        )


def _understand(
    path: Path, graph: Graph, asked: Asked, photo: np.ndarray
) -> tuple[onnx.ModelProto, Plan, Fit]:
    model, bgr = prepare(graph.model, path)
    taken, given, more = picture_ports(model)
    style = _style_input(more)
    rows = None
    if style is not None and takes_any_style(style):
        rows = find_rows(path, style, asked)
    freed = free_sizes(model, [taken.name, given.name])
    session = Session(freed, taken, given)
    if style is not None:
        session.tell(style.name, _first_style(style, rows))
    port, cell = find_size(taken, session)
    last = last_range(model, given.name)
    fit = find_range(session.paint, port, last, photo, asked.ranges)
    order = bgr if asked.bgr is None else asked.bgr
    plan = Plan(taken, given, fit.takes, fit.gives, order, port.size, cell, style, rows)
    return (model if port.size else freed), plan, fit


def _style_input(more: list[onnx.ValueInfoProto]) -> onnx.ValueInfoProto | None:
    """Return the input that has one number for each style; None for a network of one style."""
    if not more:
        return None
    shape = lengths(more[0])
    count = shape[-1] if shape else 0
    if len(more) == 1 and takes_any_style(more[0]):
        return more[0]
    if len(more) > 1 or len(shape) > 2 or not 1 < count <= 256:
        raise ExportError(
            "beside the picture it takes "
            + ", ".join(f"{v.name} {'x'.join(map(str, lengths(v)))}" for v in more)
            + ". Known are networks that take a picture alone, or one weight for each of their "
            "styles."
        )
    return more[0]


def _first_style(style: onnx.ValueInfoProto, rows: np.ndarray | None) -> np.ndarray:
    """Return what a network is told for its first style."""
    told = np.zeros(shape_of(style), np.float32)
    told.reshape(-1)[:] = np.eye(told.size)[0] if rows is None else rows[0]
    return told


def _name_styles(plan: Plan, asked: Asked, licence: Licence, path: Path) -> list[dict[str, str]]:
    told = {"licence": title(licence.text), "source": title(path.name)}
    original = {"name": "original", "title": "the untouched picture"}
    if plan.rows is not None:
        paintings = [(slug(p.stem), title(p.stem)) for p in asked.paintings]
        if len({n for n, _ in paintings}) < len(paintings):
            raise UsageError("--paintings: two pictures have one name, and styles are told by it.")
        return [original, *({"name": n, "title": shown, **told} for n, shown in paintings)]
    name = asked.name
    if plan.style is None:
        return [original, {"name": slug(name), "title": title(name), **told}]
    count = lengths(plan.style)[-1]
    digits = len(str(count))
    numbers = [f"{n:0{digits}}" for n in range(1, count + 1)]
    return [
        original,
        *({"name": slug(f"{name}_{n}"), "title": title(f"{name} {n}"), **told} for n in numbers),
    ]


def _metadata(
    path: Path, plan: Plan, graph: Graph, licence: Licence, styles: list[dict[str, str]]
) -> dict[str, str]:
    imported = {
        "file": path.name,
        "format": graph.what,
        "takes": plan.takes.name,
        "gives": plan.gives.name,
        "order": "BGR" if plan.bgr else "RGB",
        "size": _say_size(plan),
        "licence": str(licence),
    }
    if path.is_file():
        imported["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    return {
        "family": "teacher",
        "config": "{}",
        "precision": "fp32",
        "styles": json.dumps(styles),
        "training": json.dumps({"imported": imported}),
    }


def _about(path: Path, error: ExportError) -> str:
    text = str(error)
    return text if text.startswith(str(path)) else f"{path}: {text}"


def _say_plan(plan: Plan) -> str:
    layout = "channels last" if plan.taken.channels_last else "channels first"
    order = "BGR" if plan.bgr else "RGB"
    styles = 1 if plan.style is None else lengths(plan.style)[-1]
    styles = styles if plan.rows is None else len(plan.rows)
    count = "" if plan.style is None else f", {styles} styles"
    return f"{layout}, {order}{count}, {_say_size(plan)}"


def _say_size(plan: Plan) -> str:
    if plan.size:
        height, width = plan.size
        return f"fixed at {width}x{height}: every picture is brought to that size and back"
    return f"any size, in multiples of {plan.cell_px}"


def _say_range(fit: Fit) -> str:
    takes, gives = fit.takes.name, fit.gives.name
    return takes if takes == gives else f"{takes} in and {gives} out"


def _compare_plain(
    path: Path, draft: Path, plan: Plan, photo: np.ndarray, in_bytes: bool, say: Say
) -> None:
    """Raise ParityError unless the model file paints as the file that it comes from."""
    size = plan.size or (160, 192)
    if plan.taken.size:
        size = plan.taken.size  # what the file itself can run
    frame = probe(photo, size)[None]
    plain = open_plain(path)
    if plain is None:
        say("OpenVINO cannot run the file itself, so only its copies were compared")
        return
    expected = _paint_plainly(plain, plan, frame)
    model = load_model(draft)
    style = np.eye(len(model.styles), dtype=np.float32)[1:2]
    with open_engine("onnxruntime", model, EngineOptions(device="cpu"), size) as engine:
        made = engine.infer(frame, style)
    difference = np.abs(expected - made.astype(np.float32))
    say(
        f"the file itself in OpenVINO and the model file: {difference.max():.0f}/255 at most, "
        f"{difference.mean():.3f}/255 on average"
    )
    allowed = (_BYTES if in_bytes else _PLAIN).mean
    if difference.mean() > allowed:
        raise ParityError(
            f"{path}: the model file would paint otherwise than the file itself "
            f"({difference.mean():.2f}/255 on average, allowed {allowed:g}). Nothing was "
            "written."
        )


def _paint_plainly(plain: Plain, plan: Plan, frame: np.ndarray) -> np.ndarray:
    encoded = plan.takes.encode(frame[..., ::-1] if plan.bgr else frame)
    given = encoded if plan.taken.channels_last else encoded.transpose(0, 3, 1, 2)
    dtype = onnx.helper.tensor_dtype_to_np_dtype(plan.taken.element)
    arrays = [np.ascontiguousarray(given.astype(dtype))]
    if plan.style is not None:
        arrays.append(_first_style(plan.style, plan.rows))
    made = plain(arrays)
    made = made if plan.given.channels_last else made.transpose(0, 2, 3, 1)
    painted = plan.gives.decode(made.astype(np.float64))
    rounded: np.ndarray = (painted[..., ::-1] if plan.bgr else painted).clip(0, 255).round()
    return rounded


def _compare_engines(draft: Path, pictures: list[np.ndarray], say: Say) -> float:
    """Raise ParityError unless both engines paint alike; return what a small frame took, in ms."""
    model = load_model(draft)
    frames = check_frames(pictures, _SIZES)
    vectors = style_vectors(model)
    styles = [vectors[0], vectors[1], vectors[-1]]
    options = EngineOptions(device="cpu", precision="fp32")
    try:
        with (
            open_engine("onnxruntime", model, options, (64, 64)) as exact,
            open_engine("openvino", model, options, (64, 64)) as other,
        ):
            took = exact.watch(_SIZES[0])
            difference = compare(exact.infer, other.infer, frames, styles)
    except EngineError as error:
        say(f"--engine openvino cannot run it, --engine onnxruntime does: {str(error)[:200]}")
        return 0.0
    say(
        f"onnxruntime and openvino: {difference.largest:.0f}/255 at most, "
        f"{difference.mean:.3f}/255 on average"
    )
    require(difference, _PLAIN, "onnxruntime and openvino")
    return min(took, default=0.0)
