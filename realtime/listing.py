"""--list-styles and --list-engines: what is installed here, for people and as JSON.

Loads no runtime.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from engines import engine_class, engine_names, installed_models


def print_listing(args: argparse.Namespace) -> bool:
    """Answer the listing flags on stdout; False if none was given."""
    if not (args.list_styles or args.list_engines):
        return False
    rows = [
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

    ``unavailable`` says why it cannot run here, None if it can.
    """
    classes = [engine_class(name) for name in engine_names()]
    return [
        {"engine": cls.name, "summary": cls.summary, "unavailable": cls.unavailable()}
        for cls in classes
    ]


def _line(row: dict[str, Any]) -> str:
    if "engine" in row:
        reason = row["unavailable"]
        return f"{row['engine']:14} {f'cannot run here: {reason}' if reason else row['summary']}"
    credit = ", ".join(str(row[key]) for key in ("artist", "title", "year") if row[key])
    licence = f" ({row['licence']})" if row["licence"] else ""
    return f"{row['model']:14} {row['name']:24} {credit}{licence}"
