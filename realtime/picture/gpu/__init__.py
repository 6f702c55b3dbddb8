"""Frames that stay on an NVIDIA card from its decoder to its encoder: PyTorch tensors where else
NumPy arrays are.

The arithmetic is PyTorch's and runs on any device, so that it is tested on the CPU.
"""
