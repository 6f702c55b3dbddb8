"""Video, sound and pictures in files and pipes."""
