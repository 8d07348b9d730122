"""The pages that people open: the report of a run, and the check of a data set."""
