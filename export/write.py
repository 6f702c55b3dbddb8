"""Write model files so that nothing unproved ever has the final name.

They are made in a temporary folder beside it, checked, then renamed.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from engines.base import EngineOptions
from engines.conditions import conditions_of
from engines.errors import ParityError, UsageError
from engines.model_file import ModelFile, load_model
from engines.networks.weights import load_weights
from engines.opening import open_engine
from engines.parity import (
    FP32,
    INT8,
    SIZES,
    Difference,
    Tolerance,
    check_frames,
    compare,
    require,
    style_vectors,
)
from export.beside import beside
from export.to_int8 import quantise
from export.to_onnx import export_onnx

Say = Callable[[str], None]
Sizes = Iterable[tuple[int, int]]


def write_model(
    weights: Path,
    target: Path,
    pictures: list[np.ndarray],
    say: Say,
    sizes: Sizes = SIZES,
    tolerance: Tolerance | None = None,
) -> None:
    """Export a weights file to the model file ``target``.

    The weights are put beside it under the same name. torch, onnxruntime and openvino must agree on
    real pictures of ``sizes``, tiny and odd ones included, within ``tolerance``, FP32 without one.
    Raises ParityError if they do not; then ``target`` is left as it was.
    """
    network, header = load_weights(weights)
    header["weights_sha256"] = hashlib.sha256(weights.read_bytes()).hexdigest()
    _refuse_strangers(target, weights)
    with beside(target) as folder:
        draft = folder / target.name
        export_onnx(network, header, draft)
        shutil.copyfile(weights, draft.with_suffix(".safetensors"))
        for name, difference in compare_engines(draft, "fp32", pictures, sizes=sizes).items():
            say(
                f"torch and {name}: {difference.largest:.0f}/255 at most, "
                f"{difference.mean:.3f}/255 on average"
            )
            require(difference, tolerance or FP32, f"torch and {name}")
        _put(draft, target)


def write_model_and_int8(weights: Path, target: Path, pictures: list[np.ndarray], say: Say) -> None:
    """Write the model file and its int8 sibling; if either raises, all is left as it was.

    Where int8 strays too far from fp32, the model comes without it, and that is said: what took
    minutes to train is not lost for it.
    """
    _refuse_strangers(target, weights)
    with beside(target) as folder:
        draft = folder / target.name
        write_model(weights, draft, pictures, say)
        try:
            write_int8(draft, pictures, say)
        except ParityError as error:
            say(
                "No int8 file, so it paints in fp32, which takes up to three times as long: "
                f"{error}"
            )
        _put(draft, target)


def _put(draft: Path, target: Path) -> None:
    """Give the files of a model that is proved their final names."""
    old, new = (path.with_name(f"{path.stem}.int8.onnx") for path in (target, draft))
    # The int8 sibling of what was there goes first. Should this end between the renames, the torch
    # engine refuses the new weights beside the old graph by their hash.
    old.unlink(missing_ok=True)
    draft.with_suffix(".safetensors").replace(target.with_suffix(".safetensors"))
    draft.replace(target)
    if new.exists():
        new.replace(old)


def put_alone(draft: Path, target: Path) -> None:
    """Give a model that is proved its final name; it has neither weights nor int8 beside it.

    What lay beside an older model of that name belongs to that and goes. Raises UsageError where
    there was none, for then it is somebody's training run.
    """
    weights = target.with_suffix(".safetensors")
    _refuse_strangers(target, draft.with_suffix(".safetensors"))
    for old in (weights, target.with_name(f"{target.stem}.int8.onnx")):
        old.unlink(missing_ok=True)
    draft.replace(target)


def _refuse_strangers(target: Path, weights: Path) -> None:
    """Raise UsageError if somebody's training run would be replaced.

    A .safetensors without a model file of its name is such a run, not the weights of an older
    export.
    """
    sibling = target.with_suffix(".safetensors")
    if (
        sibling.exists()
        and not target.exists()
        and not (weights.exists() and sibling.samefile(weights))
    ):
        raise UsageError(
            f"-o {target}: {sibling.name} beside it would be replaced. "
            "Choose another name or folder."
        )


def write_int8(source: Path, pictures: list[np.ndarray], say: Say) -> Path:
    """Quantise the model file ``source`` to its sibling NAME.int8.onnx.

    It is calibrated on ``pictures`` in every style; rows from outside lie among theirs. Raises
    ParityError if it strays from fp32 by more than the gate allows, in any style on any picture.
    """
    model = load_model(source)
    target = source.with_name(f"{model.name}.int8.onnx")
    styles = np.eye(model.own_styles, dtype=np.float32)[1:]
    crops = check_frames(pictures, [(240, 320)] * len(pictures))
    inputs = [
        _calibration_input(model, crops[(k + i) % len(crops)][None], style[None], i + 1)
        for k, style in enumerate(styles)
        for i in range(2)
    ]
    with beside(target) as folder:
        shutil.copyfile(source, folder / source.name)
        quantise(source, folder / target.name, inputs)
        for name, difference in compare_engines(
            folder / source.name, "int8", pictures, reference="onnxruntime"
        ).items():
            say(f"fp32 and int8 in {name}: {difference.mean:.3f}/255 on average at worst")
            require(difference, INT8, f"fp32 and int8 in {name}")
        (folder / target.name).replace(target)
    return target


def _calibration_input(
    model: ModelFile, frame: np.ndarray, style: np.ndarray, seed: int
) -> dict[str, np.ndarray]:
    size = (frame.shape[1], frame.shape[2])
    canvas = model.canvas.draw(size, style, seed) if model.canvas else None
    return {"frame": frame, **conditions_of(model, style, size, canvas)}


def compare_engines(
    path: Path,
    precision: str,
    pictures: list[np.ndarray],
    reference: str = "torch",
    sizes: Sizes = SIZES,
) -> dict[str, Difference]:
    """Return how far onnxruntime and openvino in ``precision`` stray at worst.

    They are compared with the ``reference`` engine in fp32.
    """
    model = load_model(path)
    frames = (
        check_frames(pictures, sizes)
        if precision == "fp32"
        else check_frames(pictures, [(480, 640)] * len(pictures))
    )
    differences = {}
    with open_engine(
        reference, model, EngineOptions(device="cpu", precision="fp32"), (64, 64)
    ) as exact:
        for name in ("onnxruntime", "openvino"):
            with open_engine(
                name, model, EngineOptions(device="cpu", precision=precision), (64, 64)
            ) as other:
                differences[name] = compare(exact.infer, other.infer, frames, style_vectors(model))
    return differences
