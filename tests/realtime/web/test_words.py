"""Every word that the page of --serve shows, against the table that has it in every language."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from engines.style import Style
from realtime.controls import acts
from realtime.controls.commands import COMMANDS, perform
from realtime.controls.desk import Desk
from realtime.controls.state import State, StyleGroup
from realtime.controls.values import Range, Switch, UsualWords, Words
from realtime.look import Look
from realtime.web.table import controls, hello

ROOT = Path(__file__).parent.parent.parent.parent
WEB = ROOT / "realtime" / "web"
PAGE = (WEB / "page.html").read_text(encoding="utf-8")
SCRIPTS = {
    path.name: re.sub(
        r"/\*.*?\*/|(?<![:\"'`])//[^\n]*", "", path.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    for path in WEB.glob("*.js")
}
WORDS = json.loads((WEB / "words.json").read_text(encoding="utf-8"))
TOLD = ("told_", "label_", "help_")  # as words.js has them
BY_NAME = ("connection_", "camera_", "microphone_")  # what a browser says, by its own word for it
# Said where nobody but the owner has done something: a file that the run was started with, the
# disk, a wrong request by a program.
FOR_THE_OWNER = [
    ".*: cannot be (written|read|kept) .*",
    r"error: cannot be started \(7\)\.",
    "offers are application/json",
    "too long for an offer",
    "a style is made of a picture",
    "more than 7 bytes at once",
    "minutes: .*",
    "--serve 7:7: .*",
    "the timeline",
]


def pattern(template: str) -> re.Pattern[str]:
    return re.compile(
        "".join(
            ".+?" if index % 2 else re.escape(part)
            for index, part in enumerate(re.split(r"\{(\w+)\}", template))
        ),
        re.DOTALL,
    )


PATTERNS = [pattern(text) for name, text in WORDS["en"].items() if name.startswith(TOLD)]


def is_known(text: str) -> bool:
    return any(one.fullmatch(text) for one in PATTERNS)


def literals(script: str) -> Iterator[str]:
    """The texts in quotes; of a template, what is around its values."""
    for found in re.finditer(r"\"((?:[^\"\\\n]|\\.)*)\"|`((?:[^`\\]|\\.)*)`", script):
        yield re.sub(r"\$\{(?:[^{}]|\{[^{}]*\})*\}", "", found[1] or found[2] or "")


def test_every_word_is_in_every_language():
    english, *others = WORDS.values()
    assert list(WORDS) == json.loads(re.search(r"LANGUAGES = (.*);", SCRIPTS["words.js"])[1])
    for other in others:
        assert list(other) == list(english)
        for name, text in english.items():
            assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", other[name])), name
            assert other[name].strip(), name


def test_what_is_used_is_in_the_table_and_what_is_there_is_used():
    in_page = set(re.findall(r'data-(?:word|name|hint)="(\w+)"', PAGE))
    quoted = {text for script in SCRIPTS.values() for text in re.findall(r'"(\w+)"', script)}
    said = {name for script in SCRIPTS.values() for name in re.findall(r'\bsay\("(\w+)"', script)}
    assert not (in_page | said) - set(WORDS["en"])
    assert len(in_page) > 50 and len(said) > 40
    named = {name for name in WORDS["en"] if name.startswith((*TOLD, *BY_NAME))}
    assert set(WORDS["en"]) - named <= in_page | quoted


def test_no_word_stands_outside_the_table():
    page = re.sub(r"<(style|script|title|h1)\b.*?</\1>|<!doctype html>", "", PAGE)
    assert not re.findall(r">\s*([^<>\s][^<>]*)<", page)
    assert not re.findall(r'(?:aria-label|alt|title|placeholder)="([^"]+)"', page)
    for name, script in SCRIPTS.items():
        sentences = [
            text for text in literals(script) if re.search(r"[a-z]{2},? [A-Za-z]{2}", text)
        ]
        assert set(sentences) <= {"use strict"}, name
        names = [text for text in literals(script) if re.fullmatch("[A-Z][a-z]+…?", text)]
        assert set(names) <= {"Backspace", "Delete", "Digit", "Enter", "Key"}, name
        shown = re.findall(
            r"(?:makeElement\(\"\w+\", \"[\w ]*\", |toast\(|notify\(|confirm\(|prompt\("
            r"|textContent = |\.(?:title|alt) = |\"aria-(?:label|valuetext)\", |Error\()"
            r"[\"`]([^\"`$]+)",
            script,
        )
        assert not shown, name


def test_the_controls_and_the_card_of_keys_are_in_the_table():
    english = WORDS["en"]
    told = [(control["label"], control["help"]) for control in controls(has_film=True)]
    assert {label for label, _ in told} == {
        text for name, text in english.items() if name.startswith("label_")
    }
    state = State(("a",), Look((("a", 1.0),)))
    rows = hello(Desk(state), wants_camera=False)["help"]
    helps = {text for name, text in english.items() if name.startswith("help_")}
    assert {text for _, text in rows} | {text for _, text in told} == helps


def states() -> Iterator[State]:
    about = (Style("original"), Style("a", "One"), Style("b", "Two"))
    first = State(("a", "b"), Look((("a", 1.0),)), about=about)
    yield first
    yield perform(perform(first, "blend"), "slot", 2)
    yield acts.take_grade(first, "grade", "sunset")
    yield replace(perform(first, "original"), has_picture=True, presets=((1, (("gone", 1),)),))
    yield perform(perform(perform(first, "favourite"), "store"), "preset", 1)
    apart = (StyleGroup("gallery", ("a",)), StyleGroup("looks", ("b",)))
    yield perform(replace(first, groups=apart), "blend")


def values_of(command) -> tuple:
    values = command.values
    if isinstance(values, Range):
        return (values.low, values.high)
    if isinstance(values, Switch):
        return (True, False)
    if isinstance(values, Words | UsualWords):
        return (*values.words, *({"behind": ("alpha", "b", "#102030")}.get(command.name, ())))
    texts = {"style": ("b", "9", "original"), "mix": ("a:0.5,b:0.5",), "favourites": ("", "b")}
    return texts.get(command.name, (None, "some text"))


# Styles' names stay as they are, alone or in a blend, with their numbers and shares.
NAMES = re.compile(r"(\d  )?(One|Two)( \+ (One|Two))?( \d+ %)?")


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("back", "quit")])
def test_every_answer_is_in_the_table(name: str):
    for before in states():
        for value in values_of(COMMANDS[name]):
            try:
                said = perform(replace(before, said=""), name, value).said
            except ValueError as refused:
                said = str(refused)
            assert not said or NAMES.fullmatch(said) or is_known(said), said


def texts_of(node: ast.expr | None) -> Iterator[str]:
    """The texts that an expression may be, with 7 for what is only known when it is said."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(p.value if isinstance(p, ast.Constant) else "7" for p in node.values)
    elif isinstance(node, ast.IfExp):
        yield from (*texts_of(node.body), *texts_of(node.orelse))


TOLD_BY = ("Response", "HTTPException", "UsageError", "SinkError", "ModelError", "KeyError", "tell")


@pytest.mark.parametrize(
    "file",
    [
        *(f"web/{name}.py" for name in ("server", "connections")),
        *(f"web/studio/{path.name}" for path in (WEB / "studio").glob("*.py")),
        *(f"live/{name}.py" for name in ("screen", "refinement", "picture_styles")),
    ],
)
def test_what_the_server_answers_is_in_the_table(file: str):
    tree = ast.parse((ROOT / "realtime" / file).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        called = getattr(node, "func", None)
        if getattr(called, "id", getattr(called, "attr", "")) in TOLD_BY:
            arguments = node.args[1:] if called.__dict__.get("id") == "HTTPException" else node.args
            texts = [text for argument in arguments[:1] for text in texts_of(argument)]
        elif isinstance(node, ast.Return) and file == "web/connections.py":
            texts = list(texts_of(node.value))
        else:
            continue
        for text in texts:
            if " " in text and not any(re.fullmatch(one, text) for one in FOR_THE_OWNER):
                assert is_known(text), text


def test_the_longer_of_two_patterns_comes_first():
    """A page takes the first that fits: `preset {number}` would take `preset 1 stored`."""
    told = [text for name, text in WORDS["en"].items() if name.startswith(TOLD) and "{" in text]
    for at, text in enumerate(told):
        sample = re.sub(r"{\w+}", "7", text)
        first = next(index for index, one in enumerate(told) if pattern(one).fullmatch(sample))
        assert first == at, (text, told[first])
    assert all(a != b for a, b in pairwise(told))
