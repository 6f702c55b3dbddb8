"""Where the style vector enters the network, decided by the clock.

Whole exported graphs are timed, fp32 and int8, in OpenVINO.

python -m bench.targets.variants
    writes the table of docs/networks.md, in about three minutes
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch

from bench import ROOT
from bench.rows.rounds import time_in_rounds
from bench.rows.variant_network import Variant, build_variant
from bench.tools.machine import describe_machine
from bench.tools.markdown import markdown_table
from engines import EngineOptions, load_model, open_engine
from export.to_int8 import quantise
from export.to_onnx import export_onnx
from realtime import cli
from realtime.picture.sizes import size_text

PAINTINGS = 14
SIZE = (480, 640)
THREADS = 2
OURS = "multiply-add after every convolution"
FOLDED = "none: one style, folded into the weights"
PAGE = ROOT / "docs" / "networks.md"
_BEGIN, _END = "<!-- variants: begin -->", "<!-- variants: end -->"

VARIANTS = {
    OURS: Variant(),
    "... after the first convolution of each block only": Variant(styled="first"),
    "addition after every convolution": Variant(step="add"),
    "instance norm, then multiply-add": Variant(step="instance norm"),
    "filter response norm, then multiply-add": Variant(step="filter response norm"),
    FOLDED: Variant(styled="none"),
    "multiply-add, 32 and 48 channels": Variant(sizes={"width": 32, "deep": 48}),
    "multiply-add, 64 and 96 channels": Variant(sizes={"width": 64, "deep": 96}),
}


def main(argv: list[str]) -> int:
    """Time the variants and write the table."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.targets.variants",
        description="Time variants of `fast` as whole graphs.",
    )
    parser.add_argument(
        "--rounds", type=int, default=12, help="turns of each variant and precision (default: 12)"
    )
    parser.add_argument(
        "--page",
        type=Path,
        default=PAGE,
        help="Markdown file whose table is replaced (default: docs/networks.md)",
    )
    args = parser.parse_args(argv)
    machine = describe_machine()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LIVEBRUSH_CACHE"] = str(Path(folder) / "cache")
        for index, variant in enumerate(VARIANTS.values()):
            write_variant(Path(folder) / f"{index}.onnx", variant)
        times_ms = time_variants(Path(folder), args.rounds)
    section = table_section(machine, times_ms)
    print(section)
    args.page.write_text(
        replace_section(args.page.read_text(encoding="utf-8"), section), encoding="utf-8"
    )
    print(f"wrote {args.page}")
    return 0


def write_variant(path: Path, variant: Variant) -> None:
    """Write the variant as a model file at ``path``, and its int8 sibling."""
    torch.manual_seed(0)
    network = build_variant(PAINTINGS, variant)
    styles = json.dumps(
        [{"name": "original"}] + [{"name": f"painting_{i}"} for i in range(PAINTINGS)]
    )
    export_onnx(network, {"family": "fast", "config": "{}", "styles": styles}, path)
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 256, (1, 240, 320, 3), np.uint8) for _ in range(3)]
    quantise(
        path,
        path.with_suffix(".int8.onnx"),
        [(p, np.eye(1, PAINTINGS + 1, i + 1, np.float32)) for i, p in enumerate(pictures)],
    )


def time_variants(folder: Path, rounds: int) -> dict[tuple[str, str], float]:
    """Return the median milliseconds at 640x480 of every (variant, precision)."""
    frame = np.random.default_rng(0).integers(0, 256, (1, *SIZE, 3), np.uint8)
    style = np.eye(1, PAINTINGS + 1, 1, np.float32)
    with ExitStack() as stack:
        calls = {}
        for index, name in enumerate(VARIANTS):
            for precision in ("fp32", "int8"):
                options = EngineOptions("cpu", precision, THREADS)
                engine = stack.enter_context(
                    open_engine("openvino", load_model(folder / f"{index}.onnx"), options, SIZE)
                )
                calls[name, precision] = lambda engine=engine: engine.infer(frame, style)
        times_ms = time_in_rounds(
            calls, rounds, lambda index: cli.say(f"round {index + 1} of {rounds}")
        )
    return {key: float(np.median(values)) for key, values in times_ms.items()}


def table_section(machine: dict[str, str], times_ms: dict[tuple[str, str], float]) -> str:
    """Return the Markdown between the page's marks."""
    rows = []
    for name in VARIANTS:
        cells = [name]
        for precision in ("fp32", "int8"):
            ms, folded_ms = times_ms[name, precision], times_ms[FOLDED, precision]
            cells += [f"{ms:.1f}", f"{ms / folded_ms:.2f}"]
        rows.append(tuple(cells))
    header = ("after the convolutions", "fp32, ms", "times none", "int8, ms", "times none")
    where = f"{machine['processor']}, {THREADS} threads, OpenVINO, {size_text(SIZE)}"
    about = f"{where}, {machine['date']}, load {machine['load at the start']} at the start."
    return "\n".join([about, "", *markdown_table(header, rows, 1)])


def replace_section(page: str, section: str) -> str:
    """Return ``page`` with what lies between the marks replaced."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        raise ValueError(f"the page has no {_BEGIN} ... {_END}")
    return f"{before}{begin}\n{section}\n{end}{after}"


if __name__ == "__main__":
    cli.run(main)
