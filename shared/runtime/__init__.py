"""What every function has: its manifest, entry point, outermost handler, status and request body."""
