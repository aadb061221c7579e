"""The daily export: what is told to whom, in files that are complete, in order, and the same however often made."""
