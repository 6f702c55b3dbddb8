"""Two translators that learn from two sets of pictures without pairs: CycleGAN and U-GAT-IT light.

`python -m training unpaired`.
"""
