"""The page for visitors' browsers, as files: what is in it, what it says, what is refused."""

from __future__ import annotations

import io
import json
import re
import tarfile
from pathlib import Path

import pytest

from engines import Style, load_model
from engines.errors import SourceError, UsageError
from engines.style_row import StyleRow
from export import web
from realtime.controls.commands import COMMANDS, perform
from realtime.controls.state import State
from realtime.look import Look

TEXTS = {
    path.name: path.read_text(encoding="utf-8")
    for path in web.SITE.iterdir()
    if path.suffix in (".html", ".css", ".js", ".json", ".wgsl")
}
SCRIPTS = {name: text for name, text in TEXTS.items() if name.endswith(".js")}
WORDS = json.loads(TEXTS["words.json"])


@pytest.fixture
def no_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "_runtime_files", lambda: dict.fromkeys(web._RUNTIME, b"runtime"))


def test_a_site_has_what_its_page_asks_for(tiny_model, tmp_path: Path, no_runtime):
    site = tmp_path / "new" / "site"
    web.write_site(tiny_model, site, print)
    table = json.loads((site / "site.json").read_text(encoding="utf-8"))
    assert [style["name"] for style in table["styles"]] == list(tiny_model.style_names)
    for style in table["styles"]:  # the model brings none: they are painted
        assert (site / "styles" / f"{style['name']}.jpg").stat().st_size > 1000
    assert (site / "model.onnx").read_bytes() == tiny_model.path.read_bytes()
    assert table["network"] is None and table["predictor"] is None  # they are of other networks
    assert {table["people"], "apache-2.0.txt"} <= {path.name for path in site.iterdir()}
    page = (site / "index.html").read_text(encoding="utf-8")
    assert all(table["needs"] in page for table in WORDS.values()) and "{{" not in page
    for file in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert (site / file).is_file(), file
    for name, text in SCRIPTS.items():
        for file in re.findall(r'from "\./([^"]+)"', text):
            assert (site / file).is_file(), f"{name} imports {file}"
    kept = json.loads(re.search(r"FILES = (.*);", (site / "service.js").read_text()).group(1))
    on_disk = {p.relative_to(site).as_posix() for p in site.rglob("*") if p.is_file()}
    assert set(kept) == on_disk - {"service.js"}


def test_a_site_has_the_models_own_styles_alone(tmp_path: Path, no_runtime):
    """One that the user has kept beside the model is not in the file that the page gets."""
    pytest.importorskip("torch", reason="the small model is exported by torch")
    from tests.small_network import STYLES, write_small_model

    model = load_model(write_small_model(tmp_path / "small.onnx"))
    row, network = model.read_own_rows()[0], model.metadata["network"]
    kept = StyleRow(Style("mine"), row, network, "")
    web.write_site(model.with_rows([kept]), tmp_path / "site", print)
    table = json.loads((tmp_path / "site" / "site.json").read_text(encoding="utf-8"))
    assert [style["name"] for style in table["styles"]] == list(STYLES)
    assert table["row_length"] == len(row)


def test_a_site_is_replaced_and_anything_else_is_not(
    tiny_model, tmp_path: Path, no_runtime, monkeypatch
):
    site = tmp_path / "site"
    site.mkdir()
    web.write_site(tiny_model, site, print)
    first = (site / "service.js").read_text()
    (site / "styles" / "gone.jpg").write_bytes(b"of a model before")
    web.write_site(tiny_model, site, print)
    assert not (site / "styles" / "gone.jpg").exists()
    assert (site / "service.js").read_text() == first  # the same files: nothing to fetch anew
    monkeypatch.setattr(web, "_runtime_files", lambda: dict.fromkeys(web._RUNTIME, b"newer"))
    web.write_site(tiny_model, site, print)
    assert (site / "service.js").read_text() != first
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="left as it is"):
        web.write_site(tiny_model, mine, print)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_another_package_than_the_pinned_one_is_refused(monkeypatch: pytest.MonkeyPatch):
    package = io.BytesIO()
    with tarfile.open(fileobj=package, mode="w:gz"):
        pass
    asked = []

    def answer(address: str, timeout: float) -> io.BytesIO:
        asked.append(address)
        return io.BytesIO(package.getvalue())

    monkeypatch.delenv("NPM_CONFIG_REGISTRY", raising=False)
    monkeypatch.setattr(web.urllib.request, "urlopen", answer)
    for _ in range(2):  # and it is not kept
        with pytest.raises(SourceError, match="not the file that was published"):
            web._runtime_package()
    assert asked == [f"https://registry.npmjs.org/onnxruntime-web/-/{web.PACKAGE}"] * 2


def test_without_a_network_it_says_where_the_file_goes(monkeypatch: pytest.MonkeyPatch):
    def fail(address: str, timeout: float) -> io.BytesIO:
        raise OSError("no route")

    monkeypatch.setattr(web.urllib.request, "urlopen", fail)
    with pytest.raises(SourceError, match=r"no route.*put that file into .*cache"):
        web._runtime_package()


def test_the_page_asks_nobody_else():
    addresses = set(re.findall(r"(?:https?|wss?)://[\w.]+", "".join(TEXTS.values())))
    assert not addresses
    for text in (TEXTS["index.html"], TEXTS["service.js"]):
        assert "script-src 'self' 'wasm-unsafe-eval';" in text and "unsafe-inline" not in text


def test_steps_and_switches_are_those_of_the_programs():
    steps = re.findall(r'(\w+): \["(\w+)", (-?[\d.]+)\]', TEXTS["state.js"])
    before = State(("a", "b"), Look((("a", 1.0),)))
    for number in ("strength", "canvas", "stability"):
        before = perform(before, number, 0.5)
    for number in ("brush", "fade"):
        before = perform(before, number, 1.0)
    before = perform(before, "auto_period", 8)
    before = perform(before, "divider", 0.5)
    for command, number, step in steps:
        now = COMMANDS[number].now
        assert now(perform(before, command)) - now(before) == pytest.approx(float(step)), command
    for name in (name for name in COMMANDS if name not in web._NOT_ON_PAGE):
        handled = any(name in text for text in SCRIPTS.values())
        assert handled, f"nothing on the page does {name}"


def test_every_word_is_in_every_language():
    english, *others = WORDS.values()
    for other in others:
        assert set(other) == set(english)
        for name, text in english.items():
            assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", other[name])), name
    shown = [name for name in COMMANDS if name not in web._NOT_ON_PAGE]
    for name in shown:
        if name not in ("divider", "hud"):  # no help here; two steps, not three
            assert english[f"help_{name}"] == COMMANDS[name].help


def test_every_word_that_is_used_is_in_the_table():
    used = set(re.findall(r'data-(?:word|name)="(\w+)"', TEXTS["index.html"]))
    for text in SCRIPTS.values():
        used |= set(re.findall(r'\bsay\("(\w+)"', text))
    missing = used - set(WORDS["en"])
    assert not missing and len(used) > 30


def test_no_word_stands_outside_the_table():
    left_out = r"<(style|script|title|h1)\b.*?</\1>|{{needs}}"
    page = re.sub(left_out, "", TEXTS["index.html"])
    assert not re.findall(r">\s*([^<>\s][^<>]*)<", page)
    assert not re.findall(r'(?:aria-label|alt|title|placeholder)="([^"]+)"', page)
    for name, text in SCRIPTS.items():
        code = re.sub(r"`#version.*?`|/\*.*?\*/|(?<!:)//[^\n]*", "", text, flags=re.DOTALL)
        sentences = re.findall(r"[\"'`]([A-Z]?[a-z]+(?: [a-z]+)+[.!?…]?)[\"'`]", code)
        known = {"side by side", "take over", "livebrush isolation tried"}  # never shown
        assert set(sentences) <= known, name
