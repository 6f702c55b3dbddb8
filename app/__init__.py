"""The application that needs no Python: ``make app`` builds it, docs/install.md tells of it."""
