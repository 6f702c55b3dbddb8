"""`make bench-gpu`: one table from one run on one NVIDIA GPU, also written as docs/bench-gpu.md.

For the bundled network, `fine` where such a model is installed, and the classic one: PyTorch
without and with CUDA graphs and TensorRT, engine only and from a decoded file, at four sizes; for
each row the least time that the GPU allows and how much of it is reached. Frames of files stay on
the GPU where it has a decoder and an encoder.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench import ROOT
from bench.rows.engines import write_classic
from bench.rows.gpu_limits import Rates, Work, limit_ms, measure_rates, work_of
from bench.tools.clips import bikes, cut
from bench.tools.machine import describe_machine
from engines import Engine, EngineOptions, ModelFile, engine_class, find_model, installed_models
from engines.base import Frames, Pending
from engines.errors import EngineUnavailable, UsageError
from engines.plans.cuda import cuda_problem
from engines.plans.library import INSTALL, library_names
from engines.registry import prepared
from realtime import cli
from realtime.build_progress import show_build
from realtime.files.pipeline import FileRun, FrameSink, Overlapped, run_file
from realtime.frame import Frame
from realtime.look import Look
from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.encoding import Encoding
from realtime.media.writing.video_file import VideoOutput
from realtime.picture.sizes import size_text
from realtime.stylizer import Stylizer

SIZES = ((480, 640), (720, 1280), (1080, 1920), (2160, 3840))
WAYS = ("torch eager", "torch graph", "tensorrt")
_MEASURE_S = 2.0
_FILE_FRAMES = 120
_WARM_FRAMES = 10


@dataclass(frozen=True)
class GpuRow:
    """One line."""

    part: str
    model: str
    size: str
    way: str
    precision: str
    fps: float
    """With frames overlapping as the engine can."""
    p50_ms: float | None
    """Latency of single frames; from a file, from decoded to done."""
    p95_ms: float | None
    limit: tuple[float, str]
    """The least milliseconds a frame and why."""
    allocations: int | None = None
    """How often PyTorch took memory of the GPU meanwhile."""

    @property
    def share(self) -> float:
        """Return how much of the limit is reached, 0..1."""
        return self.limit[0] * self.fps / 1000


@dataclass(frozen=True)
class MissingRow:
    """One line without figures, and why there are none."""

    part: str
    model: str
    size: str
    way: str
    problem: str


TableRow = GpuRow | MissingRow


class Nowhere:
    """The sink of which nothing is asked."""

    def write(self, frame: Frame, pixels: np.ndarray) -> None:
        """Drop the frame."""


def main(argv: list[str]) -> int:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.targets.gpu_table",
        description="Measure the GPU and write docs/bench-gpu.md.",
    )
    parser.add_argument(
        "--output", type=Path, default=ROOT / "docs", metavar="DIR", help="where bench-gpu.md goes"
    )
    args = parser.parse_args(argv)
    facts = {"GPU": require_cuda(), **describe_machine()}
    rates = measure_rates()
    rows: list[TableRow] = []
    args.output.mkdir(exist_ok=True, parents=True)
    page = args.output / "bench-gpu.md"
    with tempfile.TemporaryDirectory() as folder:
        for model in _models(Path(folder)):
            for size in SIZES:
                work = work_of(model.path, size)
                for way in WAYS:
                    cli.say(f"{model.name}, {size_text(size)}, {way}")
                    for row in measure(model, size, way, work, rates, Path(folder)):
                        rows.append(row)
                        # At once: a run that is cut short has what it has measured.
                        page.write_text(markdown(facts, rates, rows), encoding="utf-8")
    print(page.read_text(encoding="utf-8"))
    return 0


def require_cuda() -> str:
    """Return the GPU's name. Raises EngineUnavailable if PyTorch sees none here."""
    reason = engine_class("torch").unavailable()
    if reason:
        raise EngineUnavailable(f"bench-gpu: {reason}")
    import torch

    if not torch.cuda.is_available():
        missing = [(cuda_problem() or "PyTorch does not see it").partition(". ")[0]]
        if torch.version.cuda is None:
            missing.append(
                f"PyTorch {torch.__version__} is a build without CUDA: "
                "see pytorch.org for the one with it"
            )
        missing += [] if library_names() else [f"without TensorRT its rows stay empty: {INSTALL}"]
        raise EngineUnavailable(
            f"bench-gpu needs an NVIDIA GPU: {'; '.join(missing)}. `make bench` measures the CPU."
        )
    return torch.cuda.get_device_name()


def measure(
    model: ModelFile, size: tuple[int, int], way: str, work: Work, rates: Rates, folder: Path
) -> Iterator[TableRow]:
    """Yield the rows of one model, size and way.

    Engine only, from a file into nothing, from a file into a file. What cannot run is a row that
    says why, and the others run all the same.
    """
    text = size_text(size)
    try:
        engine = open_way(model, way, size)
    except Exception as error:  # noqa: BLE001 (a GPU that is full raises the runtime's own)
        yield MissingRow("engine only", model.name, text, way, _one_line(error))
        return
    with engine:
        limit = limit_ms(work, rates, engine.precision)

        def alone() -> FileFigures:
            p50_ms, p95_ms = latencies_ms(engine, size)
            return FileFigures(throughput(engine, size), p50_ms, p95_ms, None)

        def through(output: Path | None, encoder: str) -> FileFigures:
            clip = folder / f"{text}.mp4"
            if not clip.exists():
                cut(bikes(), clip, size, 25, _FILE_FRAMES)
            return from_file(engine, clip, output, encoder)

        encoder = encoder_here()
        parts: dict[str, Callable[[], FileFigures]] = {
            "engine only": alone,
            "file to nothing": lambda: through(None, encoder),
            f"file to file, {encoder}": lambda: through(folder / "painted.mp4", encoder),
        }
        for part, measured in parts.items():
            try:
                found = measured()
            except Exception as error:  # noqa: BLE001 (the same)
                yield MissingRow(part, model.name, text, way, _one_line(error))
                continue
            yield GpuRow(
                part,
                model.name,
                text,
                way,
                engine.precision,
                found.fps,
                found.p50_ms,
                found.p95_ms,
                limit,
                found.allocations,
            )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def open_way(model: ModelFile, way: str, size: tuple[int, int], device: str = "cuda") -> Engine:
    """Return one of WAYS in fp16, ready for frames of (height, width). Raises EngineError."""
    cls = engine_class(way.split()[0])
    reason = cls.unavailable()
    if reason:
        raise EngineUnavailable(reason)
    engine = cls(model, EngineOptions(device=device, throughput=True, show_build=show_build))
    if way == "torch eager":
        engine.eager()
    return prepared(engine, size)


def throughput(
    engine: Engine,
    size: tuple[int, int],
    measure_s: float = _MEASURE_S,
    frame: Frames | None = None,
) -> float:
    """Return the frames a second with as many under way as the engine takes.

    frame: (1, H, W, 3) uint8, to tell arrays from tensors; absent: an array of noise.
    """
    noise, style = _inputs(engine, size)
    frame = noise if frame is None else frame
    started: deque[Pending] = deque()
    count, started_s = 0, time.perf_counter()
    while time.perf_counter() - started_s < measure_s or not count:
        started.append(engine.start(frame, style))
        if len(started) == engine.in_flight:
            started.popleft()()
            count += 1
    elapsed_s = time.perf_counter() - started_s
    for finish in started:
        finish()
    return count / elapsed_s


def latencies_ms(
    engine: Engine, size: tuple[int, int], measure_s: float = _MEASURE_S
) -> tuple[float, float]:
    """Return median and 95th percentile of one frame at a time, from array to array."""
    frame, style = _inputs(engine, size)
    times_ms: list[float] = []
    while sum(times_ms) < measure_s * 1000:
        started_s = time.perf_counter()
        engine.infer(frame, style)
        times_ms.append((time.perf_counter() - started_s) * 1000)
    return float(np.percentile(times_ms, 50)), float(np.percentile(times_ms, 95))


def encoder_here() -> str:
    """Return NVENC's H.264 where the GPU has an encoder and its driver is there, else x264."""
    try:
        Encoding("h264_nvenc").options_for(Path("film.mp4"))
        return "h264_nvenc"
    except UsageError:
        return "libx264"


class FileFigures(NamedTuple):
    """The figures of one file."""

    fps: float
    p50_ms: float | None
    """From decoded to done."""
    p95_ms: float | None
    allocations: int | None
    """How often PyTorch took memory of the GPU after the first frames.

    None without a GPU or for a shorter film.
    """


def from_file(
    engine: Engine, clip: Path, output: Path | None, encoder: str = "libx264"
) -> FileFigures:
    """Paint ``clip``, the network at its own size, into ``output`` or into nothing."""
    warm: list[int | None] = []

    def on_frame(_: Frame, run: FileRun) -> None:
        if run.frames_out == _WARM_FRAMES:
            warm.append(_allocations())

    with VideoFile(clip) as video:
        if engine.takes_tensors:
            video.decode_on(engine.device)
        stylizer = Stylizer(engine, Look(((engine.model.default_style, 1.0),)), video.info.size)
        stylizer.prepare(video.info.size)
        written = (
            VideoOutput(output, video.info, Encoding(encoder, audio="none")) if output else None
        )
        sink: FrameSink = written or Nowhere()
        paint = Overlapped(
            lambda frame: stylizer.begin(frame, float(frame.pts * frame.time_base)),
            engine.in_flight,
        )
        started_s = time.perf_counter()
        try:
            run = run_file(video.frames(), paint, sink, on_frame)
            allocations = _allocations()
            if written:
                written.finish(video.last_duration)
            fps = run.frames_out / (time.perf_counter() - started_s)
            before = warm[0] if warm else None
            more = None if allocations is None or before is None else allocations - before
            return FileFigures(fps, run.latency.percentile(50), run.latency.percentile(95), more)
        finally:
            if written and output:
                written.discard()
                output.unlink(missing_ok=True)


def _allocations() -> int | None:
    """Return how often PyTorch has taken memory of the GPU from CUDA.

    That is what stalls; taking it from PyTorch's own pool does not.
    """
    import torch

    return torch.cuda.memory_stats()["num_device_alloc"] if torch.cuda.is_available() else None


def markdown(machine: dict[str, str], rates: Rates, rows: list[TableRow]) -> str:
    """Return the page: what it ran on, what the GPU was measured to do, and the rows."""
    facts = [f"- {label}: {value}" for label, value in machine.items()]
    matrix = ", ".join(
        f"{rate / 1e12:.0f} TFLOP/s {precision}" for precision, rate in rates.matrix.items()
    )
    measured = (
        f"Measured: {rates.to_gpu / 1e9:.1f} GB/s to the GPU, {rates.from_gpu / 1e9:.1f} GB/s "
        "from it, "
        f"{rates.memory / 1e9:.0f} GB/s in its memory, {matrix}."
    )
    head = (
        "| part | model | size | engine | precision | fps | p50 ms | p95 ms | limit ms | set by "
        "| reached | allocations |"
    )
    lines = [head, "|" + "---|" * 12, *(_line(row) for row in rows)]
    return "\n".join(
        [
            "# GPU benchmark",
            "",
            "Written by `make bench-gpu`.",
            "",
            *facts,
            "",
            measured,
            "",
            *lines,
            "",
        ]
    )


def _line(row: TableRow) -> str:
    if isinstance(row, MissingRow):
        return (
            f"| {row.part} | {row.model} | {row.size} | {row.way} | | | | | | | {row.problem} | |"
        )
    allocations = "" if row.allocations is None else row.allocations
    latency = [f"{ms:.2f}" if ms is not None else "" for ms in (row.p50_ms, row.p95_ms)]
    return (
        f"| {row.part} | {row.model} | {row.size} | {row.way} | {row.precision} | {row.fps:.1f} | "
        f"{' | '.join(latency)} "
        f"| {row.limit[0]:.3f} | {row.limit[1]} | {100 * row.share:.0f} % | {allocations} |"
    )


def _models(folder: Path) -> Iterator[ModelFile]:
    yield find_model(None, [])
    yield from (model for model in installed_models() if model.name == "fine")
    classic = write_classic(folder)
    from engines.networks import build_network
    from engines.networks.weights import save_weights

    # The same random weights for PyTorch: how long they take does not depend on what they are.
    save_weights(
        classic.path.with_suffix(".safetensors"),
        build_network("transformer_net", 1),
        "transformer_net",
        {},
        {"styles": classic.metadata["styles"]},
    )
    yield classic


def _inputs(engine: Engine, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    frame = np.random.default_rng(0).integers(0, 256, (1, *size, 3), np.uint8)
    return frame, np.eye(1, engine.model.own_styles, 1, dtype=np.float32)


if __name__ == "__main__":
    cli.run(main)
