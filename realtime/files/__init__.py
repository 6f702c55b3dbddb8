"""What stylize_video.py does: files into painted files."""
