"""The steps of `make gpu-trial`, each a process of its own: what to ask a GPU first.

A step is one file with ``run(trial)``; ``bench.targets.gpu_trial`` has their order and limits.
"""
