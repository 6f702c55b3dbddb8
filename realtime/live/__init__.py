"""What run_cam.py does: a live picture, painted and shown while it moves."""
