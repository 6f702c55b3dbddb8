"""The network families, a file each, under the name that a model file gives.

Each defines ``build(styles, **config)``.
"""
