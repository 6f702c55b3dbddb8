"""Livebrush's two programs: paints a camera live, and video files and pictures."""
