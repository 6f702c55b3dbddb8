"""Frames that stay on an NVIDIA GPU from its decoder to its encoder.

They are PyTorch tensors where else NumPy arrays are. The arithmetic is PyTorch's and runs on any
device, so that it is tested on the CPU.
"""
