"""What an installation has and weighs: the table of docs/install.md.

python -m bench.targets.install_size    a minute; needs nothing from the network
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from bench import ROOT
from bench.rows.wheel import build_wheel, missing_from, weigh_requirements, weigh_wheel
from bench.tools.machine import describe_machine
from bench.tools.markdown import fill, markdown_table
from engines.errors import EngineRunError
from realtime import cli

_SHOWN = 8


def main(argv: list[str]) -> int:
    """Build the wheel, check that all is in it, and write what it and its requirements weigh."""
    about = "What an installation has and weighs."
    argparse.ArgumentParser(
        prog="python -m bench.targets.install_size", description=about
    ).parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        wheel = build_wheel(Path(folder))
        if missing := missing_from(wheel):
            raise EngineRunError(f"the wheel lacks {', '.join(missing)}")
        parts = weigh_wheel(wheel)
    brought = weigh_requirements()
    largest = list(brought.items())[:_SHOWN]
    rows = [(name, f"{size:.1f}") for name, size in parts.items()]
    rows[-1] = (f"**{rows[-1][0]}**", f"**{rows[-1][1]}**")
    rows += [(f"`{name}`, installed", f"{size:.0f}") for name, size in largest]
    others = sum(brought.values()) - sum(size for _, size in largest)
    rows.append((f"{len(brought) - len(largest)} other packages", f"{others:.0f}"))
    rows.append(("**all that is brought along**", f"**{sum(brought.values()):.0f}**"))
    system = describe_machine()["system"]
    lines = [*markdown_table(("what", "MB"), rows, 1), "", f"{system}."]
    page = ROOT / "docs" / "install.md"
    text = fill(page.read_text(encoding="utf-8"), "install-size", "\n".join(lines))
    page.write_text(text, encoding="utf-8")
    cli.say(f"the wheel: {parts['the wheel']:.1f} MB; with it come {sum(brought.values()):.0f} MB")
    return 0


if __name__ == "__main__":
    cli.run(main)
