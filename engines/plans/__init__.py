"""TensorRT plans: a model file made strongly typed, built for one GPU, proved, and kept.

``engines/runtimes/tensorrt.py`` runs them, ``python -m export tensorrt`` builds them ahead of time.
docs/tensorrt.md tells the whole.
"""
