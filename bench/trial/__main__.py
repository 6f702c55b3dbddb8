"""`python -m bench.trial STEP --device D --page F --folder D`: one step, for the trial to start."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from bench.trial.trial import Trial


def main(argv: list[str]) -> None:
    """Run one step."""
    parser = argparse.ArgumentParser(prog="python -m bench.trial")
    parser.add_argument("step")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--page", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    args = parser.parse_args(argv)
    step = importlib.import_module(f"bench.trial.{args.step}")
    step.run(Trial(args.step, args.device, args.dry_run, args.page, args.folder))


if __name__ == "__main__":
    main(sys.argv[1:])
