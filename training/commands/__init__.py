"""The commands of ``python -m training``, a file each."""
