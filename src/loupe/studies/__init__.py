"""Studies: questions that are answered by training more than once."""
