"""What a file is, by what it holds rather than by its name; nothing of it is run.

A file that cannot be a style is refused with a sentence that says what it looks like.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from engines.errors import ExportError, UsageError

_MOST_BYTES = 2**31
_MOST_UNPACKED = 4  # times the size of an archive: weights hardly pack

_PICTURES = {b"\xff\xd8\xff": "JPEG picture", b"\x89PNG": "PNG picture", b"GIF8": "GIF picture"}
_OTHERS = {
    **_PICTURES,
    b"version https://git-lfs": "pointer of Git LFS: the file itself was not downloaded "
    "(git lfs pull)",
    b"\x89HDF": "file of Keras (HDF5). In Keras, model.export(DIR) writes a SavedModel, which can "
    "be imported",
    b"GGUF": "GGUF file, of a language model",
    b"%PDF": "PDF",
    b"<!DOCTYPE": "web page, perhaps of a download that failed",
    b"<html": "web page, perhaps of a download that failed",
    b"\x1f\x8b": "packed file (gzip). Unpack it first",
    b"Rar!": "packed file (RAR). Unpack it first",
    b"7z\xbc\xaf": "packed file (7z). Unpack it first",
    b"\x04\x00\x00\x00\x01\x00\x00\x00": "file of Torch7 (.t7), which nothing that is still kept "
    "up reads. Convert it to ONNX",
}
ACCEPTED = (
    "a PyTorch state dict (.pth, .pt, .safetensors), ONNX, TFLite, a frozen graph of TensorFlow "
    "(.pb), a SavedModel, a folder of TensorFlow variables, or a layers model of TensorFlow.js "
    "(model.json)"
)


KINDS = (
    *("checkpoint", "safetensors", "onnx", "tflite", "tensorflow", "openvino", "variables", "tfjs"),
)


def kind_of(path: Path) -> str:
    """Return the name of its kind, as ``KINDS`` has them.

    Raises UsageError where there is no such file, ExportError for one that is nothing of these.
    """
    if not path.exists():
        raise UsageError(f"{path}: there is no such file. Importable is {ACCEPTED}.")
    if path.is_dir():
        return _kind_of_folder(path)
    size = path.stat().st_size
    if size == 0:
        raise ExportError(f"{path}: is empty. Download or save it again.")
    if size > _MOST_BYTES:
        raise ExportError(f"{path}: {size >> 20} MiB is more than a network of pictures has.")
    with path.open("rb") as file:
        head = file.read(64)
    for magic, what in _OTHERS.items():
        if head.startswith(magic):
            raise ExportError(f"{path}: is a {what}. Importable is {ACCEPTED}.")
    return _kind_of_file(path, head)


def _kind_of_folder(path: Path) -> str:
    if (path / "saved_model.pb").is_file():
        return "tensorflow"
    if (path / "manifest.json").is_file():
        return "variables"
    if (path / "model.json").is_file():
        return "tfjs"
    raise ExportError(
        f"{path}: a folder without saved_model.pb, manifest.json or model.json. Importable is "
        f"{ACCEPTED}."
    )


def _kind_of_file(path: Path, head: bytes) -> str:
    if head.startswith(b"PK"):
        return _kind_of_archive(path)
    if head[4:8] == b"TFL3":
        return "tflite"
    if head.startswith(b"\x80") and head[1] in range(2, 6) and path.suffix != ".onnx":
        return "checkpoint"  # of torch before 1.6, or another pickle, which is refused
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 100 * 2**20:
        return "safetensors"
    if head.startswith(b"<?xml"):
        return "openvino"
    if head.lstrip()[:1] == b"{":
        return _kind_of_json(path)
    # Protocol buffers have no magic: ONNX begins with its version, a graph with its first node.
    if head[:1] == b"\x08" and path.suffix not in (".pb", ".mlmodel"):
        return "onnx"
    if path.suffix == ".onnx":
        return "onnx"
    if head[:1] == b"\x0a" or path.suffix in (".pb", ".meta"):
        return "tensorflow"
    raise ExportError(f"{path}: is nothing that is known here. Importable is {ACCEPTED}.")


def _kind_of_json(path: Path) -> str:
    try:
        told = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ExportError(f"{path}: is damaged JSON ({error}).") from error
    if "weightsManifest" in told:
        return "tfjs"
    if all(isinstance(entry, dict) and "filename" in entry for entry in told.values()):
        return "variables"
    raise ExportError(f"{path}: is JSON, but no model. Importable is {ACCEPTED}.")


def _kind_of_archive(path: Path) -> str:
    """Return the kind of a zip file; nothing is unpacked before its directory has been read."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise ExportError(
            f"{path}: begins like a checkpoint of PyTorch and is cut off or damaged ({error}). "
            "Download it again."
        ) from error
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > max(_MOST_UNPACKED * path.stat().st_size, 2**20) or unpacked > _MOST_BYTES:
        raise ExportError(
            f"{path}: would unpack to {unpacked >> 20} MiB, {unpacked // path.stat().st_size} "
            "times its size. Weights do not pack like that: it looks like a zip bomb."
        )
    names = [entry.filename for entry in entries]
    if any(name.split("/")[1:2] == ["code"] for name in names):
        raise ExportError(
            f"{path}: is TorchScript, which holds code, and code of others is not run. Export the "
            "network to ONNX (torch.onnx.export), or save its state_dict."
        )
    if any(name.endswith("data.pkl") for name in names):
        return "checkpoint"
    if "model.weights.h5" in names:
        raise ExportError(
            f"{path}: is a file of Keras. In Keras, model.export(DIR) writes a SavedModel, which "
            "can be imported."
        )
    raise ExportError(f"{path}: is a zip file. Unpack it first. Importable is {ACCEPTED}.")
