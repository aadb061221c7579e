"""Code that the functions share. Each function's bundle has only the modules that it imports."""
