"""The engines, a file each, under the name that ``--engine`` takes.

What they share lies beside ``engines.base``.
"""
