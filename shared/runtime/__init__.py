"""The parts that every function has: manifest, entry point, guard, status, request body."""
