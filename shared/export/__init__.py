"""The daily export: files for the networks, complete, in order, and identical each time they are made."""
