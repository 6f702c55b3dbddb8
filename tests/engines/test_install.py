import importlib.metadata
from pathlib import Path

import engines.install
from engines.install import install_line

ROOT = Path(__file__).parents[2]


def test_an_installed_livebrush_is_found_by_its_name():
    assert install_line("web") == "pip install 'livebrush[web]'"
    assert install_line("train", "evaluate") == "pip install 'livebrush[train,evaluate]'"


def test_a_copy_that_was_not_installed_is_named_by_its_folder(monkeypatch, tmp_path):
    def nothing_installed(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", nothing_installed)
    monkeypatch.chdir(ROOT)
    assert install_line("web") == "pip install '.[web]'"
    monkeypatch.chdir(tmp_path)
    assert install_line("web") == f"pip install '{ROOT}[web]'"
    assert Path(engines.install.__file__).is_relative_to(ROOT)
