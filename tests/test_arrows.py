"""The rooms and arrows of docs/design.md: who may import whom, and what loads only when used."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

_FLOOR = ("errors", "carried", "atomic_write", "folders", "install", "machine", "cache", "canvas")
_STYLES = ("style", "style_row", "predictor", "grade")
FLOOR = tuple(f"engines.{name}" for name in (*_FLOOR, *_STYLES))
_FILES = ("engines.model_file", "engines.models")
ENGINES = (*FLOOR, *_FILES, "engines.conditions", "engines.base", "engines")
_SHARED = (
    *("frame", "timing", "look", "exits", "build_progress", "listing", "cli"),
    *("stylizer", "timeline", "report"),
)
SHARED = (*(f"realtime.{name}" for name in _SHARED), "realtime.cli.parser")
ALL = ("engines.*", "realtime.*", "training.*", "export")

# A module lives in the room with the longest name that fits, and imports from its own room and
# those listed; NAME.* means that room and all within.
ROOMS: dict[str, tuple[str, ...]] = {
    "engines.errors": (),
    "engines.atomic_write": (),
    "engines.folders": (),
    "engines.install": (),
    "engines.style": ("engines.errors",),
    "engines.style_row": ("engines.errors", "engines.atomic_write", "engines.style"),
    "engines.carried": ("engines.errors",),
    "engines.predictor": ("engines.errors", "engines.carried"),
    "engines.grade": ("engines.errors", "engines.carried"),
    "engines.machine": (),
    "engines.canvas": (),
    "engines.cache": ("engines.atomic_write",),
    "engines.model_file": FLOOR,
    "engines.models": (*FLOOR, "engines.model_file"),
    "engines.conditions": (*FLOOR, "engines.model_file"),
    "engines.base": (*FLOOR, "engines.model_file", "engines.conditions"),
    "engines": (*FLOOR, *_FILES, "engines.conditions", "engines.base"),
    "engines.styles": (),
    "engines.people": FLOOR,
    "engines.networks": FLOOR,
    "engines.plans": ENGINES,
    "engines.runtimes": (*ENGINES, "engines.networks", "engines.plans"),
    "realtime": (),
    "realtime.frame": (),
    "realtime.timing": (),
    "realtime.look": ENGINES,
    "realtime.exits": ("engines.errors",),
    "realtime.build_progress": ("engines.base",),
    "realtime.cli.parser": ("engines.errors",),
    "realtime.listing": (*ENGINES, "realtime.look", "realtime.picture"),
    "realtime.cli": (
        *(*ENGINES, "realtime.look", "realtime.exits", "realtime.build_progress"),
        *("realtime.media.*", "realtime.picture"),  # a style may be a picture, and so may a grade
    ),
    "realtime.picture": (*ENGINES, "engines.people", "realtime.frame"),
    "realtime.media": (*ENGINES, "realtime.frame", "realtime.picture"),
    "realtime.media.reading": (*ENGINES, "realtime.frame", "realtime.picture", "realtime.media"),
    # Writers know what there is to know of an input; how it is read is not their business.
    "realtime.media.writing": (*ENGINES, "realtime.frame", "realtime.picture", "realtime.media"),
    "realtime.stylizer": (*ENGINES, "realtime.frame", "realtime.look", "realtime.picture"),
    "realtime.timeline": (*ENGINES, "realtime.look", "realtime.stylizer"),
    "realtime.report": (*ENGINES, "realtime.timing", "realtime.media"),
    "realtime.controls": (*ENGINES, "realtime.look", "realtime.timeline"),
    "realtime.files": (
        *(*ENGINES, *SHARED, "realtime.picture", "realtime.media.*"),
        "realtime.controls",  # a show is painted again as it was played
    ),
    "realtime.live": (
        *ENGINES,
        *SHARED,
        "realtime.picture",
        "realtime.media.*",
        "realtime.controls",
    ),
    "realtime.web": (
        *(*ENGINES, *SHARED, "realtime.picture", "realtime.media.*", "realtime.controls"),
        *("realtime.files", "realtime.live"),
    ),
    "stylize_video": (*ENGINES, *SHARED, "realtime.files", "realtime.media"),
    "run_cam": (
        *ENGINES,
        *SHARED,
        "realtime.live",
        "realtime.web",
        "realtime.controls",
        "realtime.picture",
    ),
    "export": (
        *("engines.*", "realtime.exits", "realtime.build_progress", "export.web", "export.halves"),
    ),
    "export.halves": (),
    "export.gpu_network": ("engines.*", "export.halves"),
    # The page in the browser has the commands and keys of the programs.
    "export.web": ("engines.*", "export.gpu_network", "realtime.controls", "realtime.look"),
    "training": (*FLOOR, "engines.networks"),
    # What is measured is what the programs show.
    "training.evaluate": ("engines.*", "realtime.*", "training"),
    # A picture, and photos or a clip, become a model file in one command.
    "training.photos": ("engines.errors", "realtime.media.*", "export", "training"),
    "training.teacher": ("engines.*", "export", "training"),
    "training.commands": (*FLOOR, "engines.networks", "training", "training.evaluate"),
    "training.commands.add_style": (
        "engines.*",
        "export",
        "training",
        "training.photos",
        "training.commands",
    ),
    "training.commands.distil": (
        "engines.*",
        "export",
        "training",
        "training.evaluate",
        "training.photos",
        "training.teacher",
        "training.commands",
    ),
    "training.commands.unpaired": (
        *("engines.*", "export", "training", "training.evaluate"),
        *("training.commands", "training.commands.distil"),
    ),
    "training.commands.refine": (
        "engines.*",
        "training",
        "training.photos",
        "training.commands",
    ),
    # A photo is read as the programs read pictures.
    "training.commands.optimise": (
        *(*FLOOR, "realtime.media.*", "training", "training.evaluate", "training.commands"),
    ),
    "training.commands.sheet": (
        "engines.*",
        "realtime.*",
        "training",
        "training.evaluate",
        "training.commands",
        "training.commands.optimise",
    ),
    "training.commands.evaluate": (
        "engines.*",
        "realtime.*",
        "training",
        "training.evaluate",
        "training.commands",
    ),
    "training.__main__": (
        *("engines.errors", "engines.install", "realtime.exits"),
        *("training.commands", "training.commands.add_style", "training.commands.evaluate"),
        *("training.commands.distil", "training.commands.refine", "training.commands.sheet"),
        *("training.commands.optimise", "training.commands.unpaired"),
    ),
    "app": ("engines.*", "realtime.*", "run_cam", "stylize_video"),
    "bench": (),
    "bench.tools": (*ALL, "bench"),
    "bench.rows": (*ALL, "bench", "bench.tools"),
    "bench.targets": (*ALL, "export.web", "bench", "bench.tools", "bench.rows"),
    "bench.trial": (*ALL, "bench", "bench.rows", "bench.targets"),
}

# The only places that know these libraries; and rooms that know neither devices, windows nor
# pixels.
OWNERS = {
    **dict.fromkeys(("fastapi", "uvicorn", "aiortc"), "realtime.web"),
    **dict.fromkeys(("cryptography", "segno", "ifaddr"), "realtime.web"),
    "ray": "realtime.files.farm.cluster",
    "pythonosc": "realtime.controls.osc",
    "mido": "realtime.controls.midi",
    "pyvirtualcam": "realtime.live.sinks.virtual_camera",
    "mss": "realtime.live.sources.screen_capture",
    "rich": "realtime.files, realtime.build_progress",
}
WITHOUT = {"realtime.controls": ("cv2", "av", "mss", "numpy", "torch", "PIL")}
HEAVY = (
    "torch",
    "onnxruntime",
    "openvino",
    "tensorrt",
    "tensorrt_rtx",
    "pycuda",
    "cuda",
    "cv2",
    "ray",
)

# For each rule an import that breaks it.
FORBIDDEN = [
    ("engines.errors", "engines.base"),
    ("engines.cache", "engines.model_file"),
    ("engines.folders", "engines.cache"),
    ("engines.atomic_write", "engines.folders"),
    ("engines.machine", "engines.base"),
    ("engines.style_row", "engines.model_file"),
    ("engines.predictor", "engines.base"),
    ("engines.conditions", "engines.base"),
    ("engines.base", "engines.registry"),
    ("engines.registry", "engines.runtimes.torch"),
    ("engines.auto", "engines.plans.make"),
    ("engines.networks.layers", "engines.base"),
    ("engines.plans.run", "engines.runtimes.tensorrt"),
    ("engines.people.network", "engines.base"),
    ("engines.base", "realtime.frame"),
    ("engines.runtimes.torch", "training.loop"),
    ("realtime.frame", "realtime.look"),
    ("realtime.exits", "realtime.cli"),
    ("realtime.build_progress", "realtime.cli"),
    ("engines.runtimes.tensorrt", "realtime.build_progress"),
    ("realtime.look", "realtime.stylizer"),
    ("realtime.cli", "realtime.files.flags"),
    ("realtime.report", "realtime.files.outputs"),
    ("realtime.stylizer", "realtime.media.reading.video_file"),
    ("realtime.picture.noise", "realtime.media.pipes"),
    ("realtime.picture.network_pieces", "realtime.live.engine_sizes"),
    ("realtime.picture.gpu.scaler", "realtime.files.options"),
    ("realtime.picture.sizes", "realtime.controls.commands"),
    ("realtime.media.pipes", "realtime.cli"),
    ("realtime.media.writing.join", "realtime.files.progress"),
    ("realtime.media.writing.join", "realtime.media.reading.video_file"),
    ("realtime.media.reading.video_file", "realtime.media.writing.encoding"),
    ("realtime.media.info", "realtime.media.reading.video_file"),
    ("realtime.media.reading.video_file", "realtime.live.sound"),
    ("realtime.controls.desk", "realtime.live.live_sink"),
    ("realtime.controls.osc", "realtime.media.pipes"),
    ("realtime.controls.keys", "realtime.files.flags"),
    ("realtime.controls.commands", "numpy"),
    ("realtime.controls.keys", "cv2"),
    ("realtime.files.job", "realtime.live.run"),
    ("realtime.files.replay", "realtime.live.painter"),
    ("realtime.files.sheet", "realtime.web.server"),
    ("realtime.live.run", "realtime.files.pipeline"),
    ("realtime.live.flags", "realtime.web.guard"),
    ("realtime.live.sources.browser", "aiortc"),
    ("realtime.files.farm.farm", "ray"),
    ("realtime.files.job", "engines.runtimes.openvino"),
    ("realtime.stylizer", "engines.networks"),
    ("realtime.live.run", "training.loop"),
    ("realtime.web.server", "bench.tools.clips"),
    ("realtime.web.studio.studio", "run_cam"),
    ("realtime.files.job", "realtime.web.studio.studio"),
    ("realtime.live.run", "realtime.web.studio.studio"),
    ("realtime.live.flags", "segno"),
    ("stylize_video", "realtime.live.flags"),
    ("run_cam", "realtime.files.flags"),
    ("export.to_onnx", "realtime.look"),
    ("export.write", "training.loop"),
    ("export.web", "realtime.web.server"),
    ("export.to_onnx", "realtime.controls.commands"),
    ("training.loop", "realtime.frame"),
    ("training.pairs", "training.evaluate.clips"),
    ("training.commands.fit", "export.write"),
    ("training.distil.student", "export.write"),
    ("training.unpaired.trainer", "export.write"),
    ("app.studio", "bench.tools.clips"),
    ("bench.tools.clips", "bench.rows.figures"),
    ("bench.rows.files", "bench.targets.table"),
]


@functools.cache
def modules() -> dict[str, Path]:
    """Every module of the rooms, by its dotted name."""
    paths = [
        path
        for room in ("engines", "realtime", "export", "training", "app", "bench")
        for path in (ROOT / room).rglob("*.py")
    ]
    paths += [ROOT / "run_cam.py", ROOT / "stylize_video.py"]
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in paths
    }


def imports(path: Path, everywhere: bool) -> set[str]:
    """Dotted names of what is imported; of ``from a import b`` that is a.b if there is such a
    module of ours, else a.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module and not node.level, f"{path.relative_to(ROOT)}: imports are absolute"
            full = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in modules() else node.module for name in full}
    return found


@functools.cache
def import_table() -> Mapping[str, set[str]]:
    return {module: imports(path, everywhere=True) for module, path in modules().items()}


def within(name: str, room: str) -> bool:
    return name == room or name.startswith(room + ".")


def room_of(module: str) -> str:
    return max((room for room in ROOMS if within(module, room)), key=len, default="")


def may(room: str, other: str) -> bool:
    return other == room or any(
        within(other, a.removesuffix(".*")) if a.endswith(".*") else other == a for a in ROOMS[room]
    )


def broken_arrows(table: Mapping[str, set[str]]) -> list[str]:
    """A line for each import in ``table`` that goes where it must not."""
    found = []
    for module, names in table.items():
        for name in names:
            library = name.split(".")[0]
            ours = library in (
                "engines",
                "realtime",
                "export",
                "training",
                "app",
                "bench",
                "tests",
                "run_cam",
                "stylize_video",
            )
            if ours and not may(room_of(module), room_of(name)):
                found.append(f"{module} imports {name}")
            elif module.startswith("realtime.") and not any(
                within(module, room) for room in OWNERS.get(library, "realtime").split(", ")
            ):
                found.append(f"{module} imports {name}, which only {OWNERS[library]} knows")
            elif any(
                within(module, room) and library in without for room, without in WITHOUT.items()
            ):
                found.append(f"{module} imports {name}")
    return found


def test_arrows():
    assert broken_arrows(import_table()) == []


@pytest.mark.parametrize(("module", "forbidden"), FORBIDDEN, ids=lambda name: name)
def test_a_forbidden_import_is_noticed(module: str, forbidden: str):
    assert forbidden in modules() or "." not in forbidden
    table = dict(import_table())
    table[module] = table[module] | {forbidden}
    assert len(broken_arrows(table)) == 1


def test_the_arrows_make_no_circle():
    graph = {
        room: {other for other in ROOMS if other != room and may(room, other)} for room in ROOMS
    }
    assert list(TopologicalSorter(graph).static_order())


def test_every_room_is_there():
    assert set(ROOMS) <= set(modules())


def test_few_files_lie_loose():
    loose = {path.stem for path in (ROOT / "realtime").glob("*.py")} - {"__init__"}
    assert len(loose) <= 10 and loose | {"cli"} == set(_SHARED)


@pytest.mark.parametrize("room", ["engines", "realtime"])
def test_heavy_imports_wait(room: str):
    for path in (ROOT / room).rglob("*.py"):
        if "networks" in path.parts or path.name == "cuda_frames.py":
            continue  # torch only, and imported by the torch engine when it opens
        heavy = {name for name in imports(path, everywhere=False) if name.split(".")[0] in HEAVY}
        assert not heavy, f"{path.relative_to(ROOT)} imports {heavy} at the top"


def test_importing_loads_nothing_heavy_and_needs_none():
    """As on a machine where none of them is installed: importing any of them is an error."""
    code = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {HEAVY!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
import engines, realtime, run_cam, stylize_video
loaded = set({HEAVY!r}) & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)


def test_scripts_are_a_page():
    for script in ("run_cam.py", "stylize_video.py"):
        assert len((ROOT / script).read_text(encoding="utf-8").splitlines()) <= 110
