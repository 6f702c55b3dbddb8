"""What fills the tables of the targets, row by row."""
