"""The kinds of files: every file here is one, or a family of them, and is found by being here."""
