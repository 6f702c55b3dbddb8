"""What the README says is what the programs do."""

from __future__ import annotations

import json
import re
from pathlib import Path

from bench.targets.readme import commands, hotkeys, looks_page, styles, styles_page
from bench.tools.markdown import fill
from training.evaluate.figures import HANDHELD, STYLE_EVEN, STYLE_FACE, mean_and_worst

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_hotkeys_are_those_of_the_table():
    assert fill(README, "hotkeys", hotkeys()) == README, "run: python -m bench.targets.readme"


def test_the_table_of_styles_is_what_was_measured():
    figures = ROOT / "docs" / "styles.json"
    if figures.is_file():
        assert (
            fill(README, "styles", styles(json.loads(figures.read_text(encoding="utf-8"))))
            == README
        ), "run: python -m bench.targets.readme"
    measured = {"style_rel": 0.3, "face": 0.915}
    wave = {
        "name": "great_wave",
        "of": "m",
        "title": "The Great Wave",
        "artist": "Hokusai",
        "year": "1831",
        "measured": measured,
    }
    peers = [{"of": "other", "measured": {"style_rel": value}} for value in (0.4, 0.6)]
    table = styles(
        {"date": "2026-01-01", "mean": measured, "styles": [wave], "peers": peers}
    ).splitlines()
    assert table[0] == "| style | style | faces found |"
    assert table[2:5] == [
        "| `great_wave` The Great Wave, Hokusai, 1831 | 0.30 | 92 % |",
        "| **mean** | 0.30 | 92 % |",
        "| other, mean of 2 | 0.50 | – |",
    ]


def test_even_paintings_share_the_column_and_not_the_mean():
    others = [{"style_rel even": value} for value in (0.4, 0.6)]
    wave = {"style_rel even, even painting": 0.9}
    about = {"title": "", "artist": "", "year": ""}
    table = styles(
        {
            "date": "2026-01-01",
            "mean": mean_and_worst([*others, wave])[0],
            "styles": [
                {"name": f"s{i}", "measured": measured, **about}
                for i, measured in enumerate((*others, wave))
            ],
            "peers": [],
        }
    ).splitlines()
    assert table[0] == "| style | even areas |"
    assert [row.split("|")[2].strip() for row in table[2:6]] == ["0.40", "0.60", "0.90", "0.50"]
    assert "great_wave" in table[-1]


def test_commands_are_those_of_the_table():
    page = (ROOT / "docs" / "live.md").read_text(encoding="utf-8")
    assert fill(page, "commands", commands()) == page, "run: python -m bench.targets.readme"


def test_links_and_pictures_exist():
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        if not link.startswith("http"):
            assert (ROOT / link).exists(), link


def test_flags_in_examples_exist():
    helps = {}
    for script in ("run_cam", "stylize_video"):
        source = "\n".join(
            p.read_text(encoding="utf-8")
            for p in [ROOT / f"{script}.py", *(ROOT / "realtime").rglob("*.py")]
        )
        helps[script] = set(re.findall(r"\"(--[a-z-]+|-[a-z])\"", source))
    for script, line in re.findall(r"python (run_cam|stylize_video)\.py([^\n#]*)", README):
        for flag in re.findall(r"(?<!\S)(--[a-z-]+|-[a-z])(?!\S)", line):
            assert flag in helps[script], f"{script} {flag}"


def test_a_style_is_told_in_words_by_its_figures():
    about = {"title": "", "artist": "", "year": ""}
    good = {STYLE_FACE: 0.3, STYLE_EVEN: 0.4, "face": 1.0, f"ratio_1 {HANDHELD}": 2.0}
    bad = {STYLE_FACE: 0.3, STYLE_EVEN: 0.9, "face": 0.5, f"ratio_1 {HANDHELD}": 3.0, "content": 3}
    page = "\n".join(
        styles_page(
            {
                "date": "2026-01-01",
                "styles": [
                    {"name": n, "measured": m, **about} for n, m in (("a", good), ("b", bad))
                ],
            }
        )
    )
    assert "| good on faces; walls become paint; calm in the hand |" in page
    words = "changes faces much; walls stay plain; restless in the hand; takes much of the picture"
    assert f"| {words} |" in page


def test_the_page_of_styles_is_what_was_measured():
    figures, looks = (
        json.loads((ROOT / "docs" / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("styles", "looks")
    )
    page = (ROOT / "docs" / "styles.md").read_text(encoding="utf-8")
    told = "\n".join([*styles_page(figures), *looks_page(looks), ""])
    assert page == told, "run: python -m bench.targets.readme"
