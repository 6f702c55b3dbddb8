"""The model files that ship."""
