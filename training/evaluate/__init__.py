"""What a style is worth in numbers: how close to its painting, how readable, how steady.

`python -m training evaluate`.
"""
