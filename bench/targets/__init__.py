"""What is run: by `make`, or as `python -m bench.targets.NAME`."""
