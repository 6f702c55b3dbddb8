"""--list-styles, --list-engines and --measure: what is here, for people and as JSON.

The lists load no runtime.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from engines import EngineOptions, engine_class, engine_names, find_model, installed_models
from engines.errors import EngineUnavailable
from engines.measured import MeasuredEngine, all_measured
from realtime.look import parse_mix, split_grade
from realtime.picture.sizes import network_size, parse_size


def print_listing(args: argparse.Namespace) -> bool:
    """Answer the listing flags on stdout; False if none was given."""
    if not (args.list_styles or args.list_engines or args.measure):
        return False
    rows = [
        *(measure_engines(args) if args.measure else []),
        *(list_styles() if args.list_styles else []),
        *(list_engines() if args.list_engines else []),
    ]
    lines = "\n".join(_line(row) for row in rows) or "nothing is installed"
    print(json.dumps(rows, indent=1) if args.json else lines)
    return True


def list_styles() -> list[dict[str, Any]]:
    """Return one entry per style of every installed model, JSON-ready.

    It has the metadata of the style's picture and what the style was measured to be.
    """
    return [
        {
            "model": model.name,
            "path": str(model.path),
            **asdict(style),
            "thumbnail": str(model.thumbnail_path(style.name) or ""),
            "measured": model.measured.get(style.name, {}),
        }
        for model in installed_models()
        for style in model.styles
    ]


def list_engines() -> list[dict[str, Any]]:
    """Return one entry per engine, JSON-ready.

    ``unavailable`` says why it cannot run here, None if it can; ``measured`` for which models and
    sizes ``--engine auto`` takes it, since when.
    """
    kept = all_measured()
    classes = [engine_class(name) for name in engine_names()]
    return [
        {
            "engine": cls.name,
            "summary": cls.summary,
            "unavailable": cls.unavailable(),
            "measured": [asdict(entry) for entry in kept if entry.engine == cls.name],
        }
        for cls in classes
    ]


def measure_engines(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure the CPU engines for frames of --measure; return them, the one taken first.

    Raises UsageError, ModelError, EngineUnavailable.
    """
    from engines.auto import measure  # brings what the lists do without

    texts = [args.style] if isinstance(args.style, str) else args.style or []
    names = [name for text in texts for name, _ in parse_mix(split_grade(text)[0])]
    model, size = find_model(args.model, names), parse_size(args.measure, "--measure")
    options = EngineOptions(precision=args.precision)
    results = measure(model, options, network_size(size, args.brush or 1.0))
    if not results:
        raise EngineUnavailable(
            f"no engine can run {model.name} with --precision {args.precision} here. "
            "`--list-engines` tells what is missing."
        )
    return [asdict(result) for result in results]


def _line(row: dict[str, Any]) -> str:
    if "ms" in row:
        return _measured_line(MeasuredEngine(**row))
    if "engine" in row:
        reason = row["unavailable"]
        text = f"{row['engine']:14} {f'cannot run here: {reason}' if reason else row['summary']}"
        kept = (MeasuredEngine(**entry) for entry in row["measured"])
        return "\n".join([text, *(f"{'':14} auto: {_measured_line(entry)}" for entry in kept)])
    credit = ", ".join(str(row[key]) for key in ("artist", "title", "year") if row[key])
    licence = f" ({row['licence']})" if row["licence"] else ""
    return f"{row['model']:14} {row['name']:24} {credit}{licence}"


def _measured_line(entry: MeasuredEngine) -> str:
    when = entry.measured[:16].replace("T", " ")
    load = "load not known" if entry.load is None else f"machine {entry.load:.0%} busy"
    return (
        f"{entry.model} {entry.size}: {entry.engine} {entry.precision}, {entry.wall_ms:.0f} ms "
        f"a frame, {entry.ms:.0f} ms of processor time; {when} UTC, {load}"
    )
