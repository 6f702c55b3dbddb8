"""Tables in Markdown, and the pages that they are put into."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def markdown_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], text_columns: int
) -> list[str]:
    """Return a Markdown table whose first ``text_columns`` columns stand left, the others right."""
    rule = ["---" if index < text_columns else "---:" for index in range(len(header))]
    return ["| " + " | ".join(cells) + " |" for cells in (header, rule, *rows)]


def fill(text: str, name: str, content: str) -> str:
    """Return ``text`` with ``content`` between <!-- NAME: ... --> and <!-- /NAME -->."""
    pattern = re.compile(rf"(<!-- {name}:.*?-->\n).*?(<!-- /{name} -->)", re.S)
    return pattern.sub(lambda found: found[1] + content + "\n" + found[2], text)
