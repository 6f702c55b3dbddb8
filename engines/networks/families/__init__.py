"""The network families, a file each, under the name that a model file gives.

What each defines: ``engines.networks``.
"""
