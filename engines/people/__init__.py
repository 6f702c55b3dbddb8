"""Networks that find people and faces; whence they are: ORIGIN.md beside this."""
